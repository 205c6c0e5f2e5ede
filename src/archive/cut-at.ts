import type { Sha256 } from '../kernel/digest.ts';
import type { Offset } from '../kernel/offset.ts';
import { KIB, MIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { BATCH_LIMIT_BYTES } from './batch-header.ts';
import { type BatchHead, readHead } from './batch-object.ts';
import { batchKey, LOG_PREFIX, meaningOf } from './layout.ts';

/** A place where a batch starts or the last one ends, and the chain there. */
export interface CutPoint {
  readonly offset: Offset;
  readonly chain: Sha256;
}

/** How far below an offset its batch is looked for: most are small, and a page of names is enough. */
const REACHES_BYTES = [64 * KIB, MIB, BATCH_LIMIT_BYTES];

/**
 * The greatest cut not beyond `at`, which is not beyond `end`, the end of the chain. Costs a listing of few names and
 * one header, however long the archive is. May be repeated. Undefined: no batch holds the offset any more.
 */
export async function cutAt(
  store: Store,
  at: Offset,
  end: CutPoint,
  options: CallOptions = {},
): Promise<CutPoint | undefined> {
  if (at === end.offset) {
    return end;
  }
  for (const reachBytes of REACHES_BYTES) {
    const first = await lastStartWithin(store, at, reachBytes, options);
    const head = first === undefined ? undefined : await readHead(store, batchKey(first), options);
    if (head !== undefined) {
      return toCut(head, at);
    }
  }
  return undefined;
}

/** The last batch that starts in `(at - reachBytes, at]`. */
async function lastStartWithin(
  store: Store,
  at: Offset,
  reachBytes: number,
  options: CallOptions,
): Promise<Offset | undefined> {
  const after = at < reachBytes ? undefined : batchKey(at - reachBytes);
  let last: Offset | undefined;
  for await (const { key } of store.list(LOG_PREFIX, { ...options, after })) {
    const meaning = meaningOf(key);
    if (meaning.kind === 'batch') {
      if (meaning.first > at) {
        break;
      }
      last = meaning.first;
    }
  }
  return last;
}

function toCut({ header }: BatchHead, at: Offset): CutPoint | undefined {
  return header.end < at ? undefined : { offset: header.first, chain: header.prev };
}
