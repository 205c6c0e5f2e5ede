import { needDamage } from '../archive/damage.ts';
import { nearestIn } from '../archive/recoverable.ts';
import { listedReach } from '../archive/restore-refusal.ts';
import type { Offset } from '../kernel/offset.ts';
import { formatOf } from './format.ts';
import { findRecordEnds } from './record-ends.ts';
import type { Lookup } from './recovery-lookup.ts';
import { plansFor } from './restore-plans.ts';

/**
 * The nearest point on one side of an offset, or the offset itself, that can be restored in an archive with a journal:
 * a record end, or where the recoverable offsets begin or end. Undefined: there is none. Errors as {@link
 * findRecordEnds}.
 */
export async function nearestPoint(
  lookup: Lookup,
  offset: Offset,
  side: 'before' | 'after',
): Promise<Offset | undefined> {
  const { context, overview, attempts, what } = lookup;
  // No snapshot needs to be looked at for a journal that is there from its beginning.
  const listedEnd = listedReach(overview, 0);
  const isListed = what === 'journal' && offset <= listedEnd;
  const ranges = isListed ? [{ from: 0, to: listedEnd }] : await attempts.recoverable();
  const near = nearestIn(ranges, offset, side);
  if (near !== offset) {
    // The empty beginning of a journal that is gone is not what anybody means.
    const end = near === 0 && overview.end > 0 ? undefined : near;
    const inBatch = await pointInShortBatch(lookup, offset, side);
    const found = [end, inBatch].filter((point) => point !== undefined).sort((one, other) => one - other);
    return found.at(side === 'before' ? -1 : 0);
  }
  const ends = await findRecordEnds(context, overview, formatOf(overview.descriptor), offset);
  const around = ranges.find(({ from, to }) => from <= offset && offset <= to);
  return Math.min(around?.to ?? offset, Math.max(around?.from ?? offset, ends[side]));
}

/** The ranges leave out the last batch before a hole, which may be short, and may not. */
async function pointInShortBatch(
  { context, overview, what }: Lookup,
  offset: Offset,
  side: 'before' | 'after',
): Promise<Offset | undefined> {
  if (offset > overview.end) {
    return undefined;
  }
  try {
    const ends = await findRecordEnds(context, overview, formatOf(overview.descriptor), offset);
    const { done } = await plansFor(overview, what, ends[side]).next();
    return done === true ? undefined : ends[side];
  } catch (error) {
    needDamage(error); // then the end of a range it is
    return undefined;
  }
}
