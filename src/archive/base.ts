import type { CallOptions, Store } from '../store/contract.ts';
import { type BatchHead, readHead } from './batch-object.ts';
import type { Catalog, ListedBatch } from './catalog.ts';
import { unlessDamaged } from './damage.ts';
import { countBelow } from './plan-restore.ts';

/**
 * Which batch of a listing begins at the newest snapshot's cut, 0 without a snapshot: a cut is the start of a batch,
 * and a snapshot's is the greatest one not beyond it. From there on a healthy archive has no holes; below, a prune
 * may have left some, and a writer that slept through it a stray.
 */
export function baseIndex({ batches, snapshots }: Catalog): number {
  const newest = snapshots.at(-1);
  return newest === undefined ? 0 : Math.max(0, countBelow(batches, newest.at + 1) - 1);
}

/** Small batches may be many: so few of them tell enough. */
const LINKED_LIMIT = 16;

/**
 * The batches below `first`, the last one first, as long as each links to the one after it, and not many. May be
 * repeated.
 */
export async function* linkedBelow(
  store: Store,
  below: readonly ListedBatch[],
  first: ListedBatch | undefined,
  options: CallOptions,
): AsyncGenerator<BatchHead, void, undefined> {
  if (first === undefined || below.length === 0) {
    return;
  }
  // What is damaged down here is for verify to find; it must not stop a push.
  let next = await unlessDamaged(readHead(store, first.key, options));
  for (const { key } of below.slice(-LINKED_LIMIT).reverse()) {
    const head = await unlessDamaged(readHead(store, key, options));
    if (head === undefined || next === undefined || !isLinked(head, next)) {
      return;
    }
    yield head;
    next = head;
  }
}

/** Does the one batch end where the other begins, in one chain? */
export function isLinked({ header }: BatchHead, next: BatchHead): boolean {
  return header.end === next.header.first && header.chain === next.header.prev;
}
