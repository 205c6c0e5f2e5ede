import type { Sha256 } from '../kernel/digest.ts';
import type { Offset } from '../kernel/offset.ts';
import { KIB, MIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { isLinked } from './base.ts';
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
 * one header, however long the archive is. May be repeated. Undefined: no batch holds the offset any more. Some stores
 * list what was put only after a while: what a listing lacks is found by its name, which the batch before it tells.
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
      return cutFrom(store, head, at, options);
    }
  }
  const beginning = at < BATCH_LIMIT_BYTES ? await readHead(store, batchKey(0), options) : undefined;
  return beginning && cutFrom(store, beginning, at, options);
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

/** From a batch that starts at or before `at` on. */
async function cutFrom(
  store: Store,
  from: BatchHead,
  at: Offset,
  options: CallOptions,
): Promise<CutPoint | undefined> {
  let head = from;
  while (head.header.end < at) {
    const next = await readHead(store, batchKey(head.header.end), options);
    if (next === undefined || !isLinked(head, next)) {
      return undefined;
    }
    head = next;
  }
  const { header } = head;
  return header.end === at
    ? { offset: at, chain: header.chain }
    : { offset: header.first, chain: header.prev };
}
