import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { countBelow, type Extent } from './plan-restore.ts';
import { type Range, type Reach, recoverableRanges } from './recoverable.ts';
import type { SnapshotHeader, SnapshotOf } from './snapshot-header.ts';

/** What was found out about an archive beyond its listing. */
export interface Knowledge {
  /** The snapshots that count, as far as anybody looked. */
  readonly snapshots: readonly SnapshotHeader[];
  /** Where batches turned out to be damaged or missing. */
  readonly badOffsets: readonly Offset[];
}

/**
 * The offsets at which the journal or the state can be restored, as far as the listing and what else is known tell.
 * Undefined `what`: one or the other.
 */
export function recoverableIn(
  extent: Extent,
  { snapshots, badOffsets }: Knowledge,
  what?: SnapshotOf,
): readonly Range[] {
  if (extent.descriptor.format === 'none') {
    return recoverableRanges(snapshots.map(({ at }) => ({ of: 'state', at, end: at })));
  }
  const reach = (cut: Offset) => listedReach(extent, cut, badOffsets);
  const reaches = snapshots.map(({ of, at, cut }) => ({ of, at, end: Math.max(at, reach(cut)) }));
  const states = reaches.filter(({ of }) => of === 'state');
  const images = [
    { of: 'journal', at: 0, end: reach(0) } as const,
    ...reaches.filter((one) => one.of === 'journal'),
  ];
  if (what === 'state') {
    // The journal after a state may come out of an image of the journal, too.
    const endOf = ({ at, end }: Reach) =>
      images.reduce((furthest, image) => Math.max(furthest, image.at > at ? image.end : 0), end);
    return recoverableRanges(states.map((state) => ({ ...state, end: endOf(state) })));
  }
  return recoverableRanges(what === 'journal' ? images : [...images, ...states]);
}

/** The end of the batches from this cut on; where the last one before a hole starts: it may be short. */
export function listedReach(
  { catalog: { batches }, gaps, batchesEnd }: Pick<Extent, 'catalog' | 'gaps' | 'batchesEnd'>,
  cut: Offset,
  badOffsets: readonly Offset[] = [],
): Offset {
  if (batches[countBelow(batches, cut)]?.first !== cut) {
    return cut;
  }
  const gap = gaps.find(({ to }) => to > cut);
  const listedEnd = gap === undefined ? batchesEnd : (batches[countBelow(batches, gap.to) - 1]?.first ?? cut);
  return Math.min(listedEnd, ...badOffsets.filter((offset) => offset >= cut));
}

/** Nothing there has this offset or time. */
export function notCovered(what: string, recoverable: readonly Range[], hint: string): RigError {
  return new RigError('RIG_OFFSET_NOT_COVERED', `${what}; ${showRecoverable(recoverable)}`, {
    hint,
    details: { recoverable: toDetails(recoverable) },
  });
}

/** The same error, with what can be restored instead. */
export function refused(error: RigError, recoverable: readonly Range[]): RigError {
  const instead = recoverable.length === 0 ? '' : `restore within ${showRanges(recoverable)}, or `;
  return new RigError(error.code, error.message, {
    hint: `${instead}run "rigctl verify" to see all that is damaged`,
    cause: error.cause,
    details: { ...error.details, recoverable: toDetails(recoverable) },
  });
}

function showRecoverable(ranges: readonly Range[]): string {
  return ranges.length === 0 ? 'nothing can be restored' : `it can be restored at ${showRanges(ranges)}`;
}

/** Snapshots alone may be hundreds: the newest few are told, all of them stand in the details. */
const SHOWN_RANGES = 4;

function showRanges(ranges: readonly Range[]): string {
  const hidden = ranges.length - SHOWN_RANGES;
  const shown = ranges.slice(-SHOWN_RANGES).map(({ from, to }) => {
    return from === to ? `offset ${showOffset(from)}` : `offsets ${showOffset(from)} to ${showOffset(to)}`;
  });
  return `${hidden > 0 ? `${hidden} earlier ranges, ` : ''}${shown.join(' and ')}`;
}

function toDetails(ranges: readonly Range[]): { from: number; to: number }[] {
  return ranges.map(({ from, to }) => ({ from, to }));
}
