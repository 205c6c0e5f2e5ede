import type { BatchHead } from '../archive/batch-object.ts';
import type { ListedBatch } from '../archive/catalog.ts';
import { unlessDamaged } from '../archive/damage.ts';
import { needHead } from '../archive/reader.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import type { Overview } from './overview.ts';

/** Could the batch at this index, which ends at `end` or later, be a stray at all? Costs nothing. */
export function mayBeStray({ catalog }: Overview, index: number, end: Offset): boolean {
  return index + 1 < catalog.batches.length && (catalog.snapshots.at(-1)?.at ?? 0) >= end;
}

/**
 * Below the newest snapshot a writer that slept through a prune may have made a batch again. One that counts has a
 * successor that links to it: the next batch, or a snapshot.
 */
export async function isStray(
  context: Context,
  overview: Overview,
  index: number,
  head: BatchHead,
): Promise<boolean> {
  const { end, chain } = head.header;
  const next = overview.catalog.batches[index + 1];
  if (next === undefined || !mayBeStray(overview, index, end)) {
    return false;
  }
  const newest = await overview.shelf.newest();
  if (newest === undefined || newest.cut < end || (await isLinked(context, head, next))) {
    return false;
  }
  const snapshots = await overview.shelf.all();
  return !snapshots.some((header) => header.cut === end && header.chain === chain);
}

/** A next batch that is damaged speaks by its name alone. */
async function isLinked(
  { store, stop: signal }: Context,
  { header }: BatchHead,
  next: ListedBatch,
): Promise<boolean> {
  if (next.first !== header.end) {
    return false;
  }
  const head = await unlessDamaged(needHead(store, next, { signal }));
  return head === undefined || head.header.prev === header.chain;
}
