import type { RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { BatchHead } from './batch-object.ts';
import type { Catalog, ListedBatch } from './catalog.ts';
import { needDamage } from './damage.ts';
import { batchKey } from './layout.ts';
import { needHead } from './reader.ts';

/** A busy writer shall not lead a reader on for ever. A follower seldom puts more than this in a minute. */
const UNLISTED_LIMIT = 64;

/** A catalog with the batches that its listing did not show yet, and what the last of all says. */
export interface CompleteCatalog {
  readonly catalog: Catalog;
  /** Undefined when there are no batches, or the last one is damaged. */
  readonly tail: BatchHead | undefined;
  readonly tailDamage: RigError | undefined;
}

/**
 * Reads the last batch and looks for the next. Some stores list what was put only after a while, and show it at once to
 * who asks for it by its name, which is the end of the batch before. Costs one head when nothing is missing. May be
 * repeated.
 * @param promised known to be stored: as far as this every batch is looked for.
 * @throws RigError RIG_OBJECT_NOT_FOUND when the last batch is gone since it was listed.
 */
export async function completeCatalog(
  store: Store,
  listed: Catalog,
  promised: Offset,
  options: CallOptions = {},
): Promise<CompleteCatalog> {
  const unlisted: ListedBatch[] = [];
  const catalog = () =>
    unlisted.length === 0 ? listed : { ...listed, batches: [...listed.batches, ...unlisted] };
  let tail: BatchHead | undefined;
  let last = listed.batches.at(-1);
  try {
    tail = last && (await needHead(store, last, options));
    for (let end = endOf(tail); unlisted.length < UNLISTED_LIMIT || end < promised; end = endOf(tail)) {
      last = await batchAt(store, end, options);
      if (last === undefined) {
        break;
      }
      unlisted.push(last);
      tail = await needHead(store, last, options);
    }
    return { catalog: catalog(), tail, tailDamage: undefined };
  } catch (error) {
    return { catalog: catalog(), tail: undefined, tailDamage: needDamage(error) };
  }
}

/** The batch that starts here, whether or not it is listed. */
export async function batchAt(
  store: Store,
  first: Offset,
  options: CallOptions,
): Promise<ListedBatch | undefined> {
  const key = batchKey(first);
  const info = await store.head(key, options);
  return info && { key, first, storedBytes: info.sizeBytes };
}

function endOf(tail: BatchHead | undefined): Offset {
  return tail?.header.end ?? 0;
}
