import type { RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import { BATCH_LIMIT_BYTES } from './batch-header.ts';
import type { Catalog, ListedBatch } from './catalog.ts';
import { type ChainPosition, chainStart } from './chain.ts';
import type { Descriptor } from './descriptor.ts';
import type { Range } from './recoverable.ts';
import type { SnapshotHeader } from './snapshot-header.ts';

export type { Range } from './recoverable.ts';

/** What is known of an archive without reading its batches: the basis of a plan. */
export interface Extent {
  readonly descriptor: Descriptor;
  readonly catalog: Catalog;
  /** {@link listedGaps} of the catalog's batches. */
  readonly gaps: readonly Range[];
  /** Where the last batch ends; where it starts, when it is damaged. */
  readonly batchesEnd: Offset;
  /** The latest offset of which anything is known: that, or a newer snapshot's. */
  readonly end: Offset;
  /** Why the last batch cannot be read. */
  readonly tailDamage: RigError | undefined;
  /** Why `end` is not the latest offset there was: what is known to be stored beyond it is damaged or missing. */
  readonly lost: RigError | undefined;
  /** What the newest writer saw stored when it began; an archive that ends before it has lost something. */
  readonly promised: Offset;
}

/** A stretch of the journal, and what gives it. */
export interface JournalPlan {
  readonly from: Offset;
  readonly to: Offset;
  /** Gives the journal's first `at` bytes, more than needed perhaps; undefined: batches alone. */
  readonly base: SnapshotHeader | undefined;
  /** Where the first batch must start and what it must link to. */
  readonly start: ChainPosition;
  /** Of the listed batches, those from `startIndex` on and below `endIndex`; the last one perhaps in part. */
  readonly startIndex: number;
  readonly endIndex: number;
}

/** How a recovery point is restored. */
export interface RestorePlan {
  readonly offset: Offset;
  /** The snapshot of the state; undefined: the journal alone is restored. */
  readonly state: SnapshotHeader | undefined;
  /** Undefined in an archive without a journal. */
  readonly journal: JournalPlan | undefined;
}

/** The journal from its beginning, out of batches alone. */
export function planFromBeginning(extent: Extent, to: Offset): JournalPlan {
  return planBatches(extent, { from: 0, to, base: undefined, start: chainStart(extent.descriptor.id) });
}

/** The journal from `from`, out of a snapshot of it that reaches beyond that, and the batches after it. */
export function planFromJournalSnapshot(
  extent: Extent,
  base: SnapshotHeader,
  from: Offset,
  to: Offset,
): JournalPlan {
  return planBatches(extent, { from, to, base, start: chainAt(base) });
}

/** The journal from a snapshot of the state on, out of batches alone. */
export function planAfterState(extent: Extent, state: SnapshotHeader, to: Offset): JournalPlan {
  return planBatches(extent, { from: state.at, to, base: undefined, start: chainAt(state) });
}

/** The batches that a plan reads, in order. */
export function batchesOf({ catalog }: Extent, plan: JournalPlan | undefined): readonly ListedBatch[] {
  return plan === undefined ? [] : catalog.batches.slice(plan.startIndex, plan.endIndex);
}

/** The first bytes that a plan needs and that the listing shows to be missing, or undefined. */
export function listedHole({ catalog, gaps, batchesEnd }: Extent, plan: JournalPlan): Range | undefined {
  const { start, to } = plan;
  if (!needsBatches(plan)) {
    return undefined;
  }
  const first = catalog.batches[plan.startIndex]?.first;
  if (first !== start.offset) {
    return { from: start.offset, to: first ?? to };
  }
  const gap = gaps.find((candidate) => candidate.to > start.offset);
  if (gap !== undefined && gap.from < to) {
    return gap;
  }
  return batchesEnd < to ? { from: batchesEnd, to } : undefined;
}

/**
 * The latest offset.
 * @throws what the archive has lost beyond its end: then that is not the latest.
 */
export function latestOffset({ lost, end }: Extent): Offset {
  if (lost !== undefined) {
    throw lost;
  }
  return end;
}

/** What was lost at an offset beyond the end; undefined: nothing is known to have been there. */
export function lossAt({ lost, tailDamage, promised }: Extent, offset: Offset): RigError | undefined {
  return lost === tailDamage || offset <= promised ? lost : undefined;
}

/** How many batches start below `offset`. */
export function countBelow(batches: readonly ListedBatch[], offset: Offset): number {
  let [low, high] = [0, batches.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((batches[middle]?.first ?? offset) < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/**
 * The holes that names alone prove, in order: no batch at the beginning, or two farther apart than one batch can
 * reach. `from` is where the missing bytes start at the latest.
 */
export function* listedGaps(batches: readonly ListedBatch[]): Generator<Range, undefined> {
  let reached = 0;
  for (const { first } of batches) {
    if (first > reached) {
      yield { from: reached, to: first };
    }
    reached = first + BATCH_LIMIT_BYTES;
  }
  return undefined;
}

function planBatches(
  { catalog }: Extent,
  stretch: Pick<JournalPlan, 'from' | 'to' | 'base' | 'start'>,
): JournalPlan {
  const { batches } = catalog;
  const startIndex = countBelow(batches, stretch.start.offset);
  const endIndex = needsBatches(stretch) ? Math.max(startIndex, countBelow(batches, stretch.to)) : startIndex;
  return { ...stretch, startIndex, endIndex };
}

/** Is there anything that the base does not give? */
function needsBatches({ from, to, base }: Pick<JournalPlan, 'from' | 'to' | 'base'>): boolean {
  return to > Math.max(from, base?.at ?? 0);
}

/** Epochs say nothing here: a later writer may have stored the snapshot of an earlier one's batches. */
function chainAt({ archive, cut, chain }: SnapshotHeader): ChainPosition {
  return { archive, offset: cut, chain, epoch: 1 };
}
