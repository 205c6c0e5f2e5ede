import type { Offset } from '../kernel/offset.ts';
import type { SnapshotOf } from './snapshot-header.ts';

/** Offsets that can be restored, both ends included. */
export interface Range {
  readonly from: Offset;
  readonly to: Offset;
}

/** The offset in these ranges that is nearest to another on one side of it, or is that; undefined: there is none. */
export function nearestIn(
  ranges: readonly Range[],
  offset: Offset,
  side: 'before' | 'after',
): Offset | undefined {
  if (side === 'before') {
    const range = ranges.findLast(({ from }) => from <= offset);
    return range && Math.min(range.to, offset);
  }
  const range = ranges.find(({ to }) => to >= offset);
  return range && Math.max(range.from, offset);
}

/** Where a restore can begin, and how far the batches lead on from there. */
export interface Reach {
  /** The journal's beginning is an image of the journal, at 0. */
  readonly of: SnapshotOf;
  readonly at: Offset;
  /** The end of the batches that go on from it; not above `at` when there are none. */
  readonly end: Offset;
}

/**
 * The offsets at which the journal or a state can be restored, rising, apart from each other. An image of the journal
 * gives every offset below it too; an image of the state only its own and those after it.
 */
export function recoverableRanges(reaches: readonly Reach[]): readonly Range[] {
  const ranges = reaches
    .map(({ of, at, end }) => ({ from: of === 'journal' ? 0 : at, to: Math.max(at, end) }))
    .sort((one, other) => one.from - other.from);
  const joined: { from: Offset; to: Offset }[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last !== undefined && range.from <= last.to + 1) {
      last.to = Math.max(last.to, range.to);
    } else {
      joined.push(range);
    }
  }
  // Nothing is always there; it is worth a word only where there is nothing else.
  return joined.length > 1 && joined[0]?.to === 0 ? joined.slice(1) : joined;
}
