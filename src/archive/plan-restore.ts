import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { BATCH_LIMIT_BYTES } from './batch-header.ts';
import type { Catalog, ListedBatch } from './catalog.ts';
import { missing } from './damage.ts';
import type { Range } from './recoverable.ts';

export type { Range } from './recoverable.ts';

/** What is known of an archive without reading its batches: the basis of a plan. */
export interface Extent {
  readonly catalog: Catalog;
  /** Where the last batch ends; where it starts, when it is damaged. */
  readonly end: Offset;
  /** Why the last batch cannot be read. */
  readonly tailDamage: RigError | undefined;
  /** What the newest writer saw stored when it began; an archive that ends before it has lost something. */
  readonly promised: Offset;
}

/** How an offset is restored. */
export interface RestorePlan {
  readonly offset: Offset;
  /** Read from the journal's beginning, in order; the last one perhaps in part. */
  readonly batches: readonly ListedBatch[];
  readonly storedBytes: number;
}

/**
 * The latest offset.
 * @throws RigError of the last batch's damage, or RIG_CHAIN_GAP when the archive is known to have been longer: its
 *   end is not the latest.
 */
export function latestOffset(extent: Extent): Offset {
  const { end, promised, tailDamage } = extent;
  if (tailDamage !== undefined) {
    throw refused(tailDamage, listedRanges(extent));
  }
  if (promised > end) {
    throw refused(missing(end, promised), listedRanges(extent));
  }
  return end;
}

/**
 * Which batches give the journal up to `offset`. That they link to each other is checked when they are read.
 * @throws RigError RIG_OFFSET_NOT_COVERED beyond the end, RIG_CHAIN_GAP when the listing shows a hole before `offset`.
 *   Both name the recoverable ranges in their details.
 */
export function planRestore(extent: Extent, offset: Offset): RestorePlan {
  if (offset > extent.end) {
    if (offset <= extent.promised) {
      throw refused(missing(extent.end, extent.promised), listedRanges(extent));
    }
    throw extent.tailDamage === undefined
      ? notCovered(`offset ${showOffset(offset)} is beyond the archive's end`, listedRanges(extent))
      : refused(extent.tailDamage, listedRanges(extent));
  }
  const gap = listedGaps(extent.catalog.batches).next().value;
  if (gap !== undefined && gap.from < offset) {
    throw refused(missing(gap.from, gap.to), listedRanges(extent));
  }
  const batches = extent.catalog.batches.slice(0, countBelow(extent.catalog.batches, offset));
  return { offset, batches, storedBytes: batches.reduce((total, batch) => total + batch.storedBytes, 0) };
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

/** What can be restored as far as the listing tells: from the beginning to the end or the first hole. */
export function listedRanges({ catalog, end }: Extent): readonly Range[] {
  return [{ from: 0, to: listedEnd(catalog.batches, end) }];
}

/** The end of the batches, which is `end`, or where the last one before a hole starts: it may be a short one. */
export function listedEnd(batches: readonly ListedBatch[], end: Offset): Offset {
  const gap = listedGaps(batches).next().value;
  return gap === undefined ? end : (batches[countBelow(batches, gap.to) - 1]?.first ?? 0);
}

/** Nothing there has this offset or time. */
export function notCovered(what: string, recoverable: readonly Range[]): RigError {
  return new RigError('RIG_OFFSET_NOT_COVERED', `${what}; it can be restored at ${showRanges(recoverable)}`, {
    hint: 'ask for a point within these offsets, or for the latest',
    details: { recoverable: toDetails(recoverable) },
  });
}

/** The same error, with what can be restored instead. */
export function refused(error: RigError, recoverable: readonly Range[]): RigError {
  return new RigError(error.code, error.message, {
    hint: `restore within ${showRanges(recoverable)}, or run "rigctl verify" to see all that is damaged`,
    cause: error.cause,
    details: { ...error.details, recoverable: toDetails(recoverable) },
  });
}

function showRanges(ranges: readonly Range[]): string {
  return ranges.map(({ from, to }) => `offsets ${showOffset(from)} to ${showOffset(to)}`).join(' and ');
}

function toDetails(ranges: readonly Range[]): { from: number; to: number }[] {
  return ranges.map(({ from, to }) => ({ from, to }));
}
