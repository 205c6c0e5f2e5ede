import { formatTime } from '../kernel/clock.ts';
import { showDuration } from '../kernel/duration.ts';
import { RigError } from '../kernel/errors.ts';

/**
 * What to keep, beside what is always kept. Snapshots of the state and of the journal are counted apart. The first two
 * keep every offset from a snapshot on, the others single snapshots.
 */
export interface RetentionPolicy {
  /** From the oldest of so many newest snapshots on. */
  readonly keepLast?: number | undefined;
  /** Every offset that was current within so long. */
  readonly keepWithinMs?: number | undefined;
  /** The newest snapshot of each of so many last days, ISO weeks and months, in UTC, that have one. */
  readonly keepDaily?: number | undefined;
  readonly keepWeekly?: number | undefined;
  readonly keepMonthly?: number | undefined;
}

const POLICY_HINT =
  'say what to keep, such as --keep-within 30d, or --keep-last 3 --keep-daily 7 --keep-monthly 12';

/**
 * @throws RigError RIG_USAGE when the policy says nothing, or something that cannot be meant.
 */
export function checkPolicy(policy: RetentionPolicy, nowMs: number): void {
  const { keepLast, keepWithinMs, keepDaily, keepWeekly, keepMonthly } = policy;
  const counts = { last: keepLast, daily: keepDaily, weekly: keepWeekly, monthly: keepMonthly };
  const given = [keepWithinMs, ...Object.values(counts)].filter((value) => value !== undefined);
  if (given.length === 0) {
    throw new RigError('RIG_USAGE', 'nothing says what to keep', { hint: POLICY_HINT });
  }
  for (const [name, count] of Object.entries(counts)) {
    if (count !== undefined && (!Number.isSafeInteger(count) || count < 1)) {
      throw senseless(`--keep-${name}: ${count} is not a number of snapshots from 1 on`);
    }
  }
  if (keepWithinMs !== undefined && !(keepWithinMs > 0)) {
    throw senseless('--keep-within: a span of no length keeps nothing');
  }
  if (keepWithinMs !== undefined && keepWithinMs > nowMs) {
    throw senseless(`--keep-within: ${showDuration(keepWithinMs)} ago was before all clocks`);
  }
}

function senseless(message: string): RigError {
  return new RigError('RIG_USAGE', message, { hint: POLICY_HINT });
}

/** A stretch of the calendar in UTC, told by its name; two moments in the same one have the same name. */
export type Period = 'day' | 'week' | 'month';

const DAY_MS = 86_400_000;

/** `2026-11-21`; of a week its Monday; `2026-11`. Names sort as time does. */
export function periodOf(period: Period, atMs: number): string {
  if (period === 'month') {
    return formatTime(atMs).slice(0, 7);
  }
  const day = Math.floor(atMs / DAY_MS);
  // The first day of Unix time was a Thursday.
  const first = period === 'day' ? day : Math.floor((day + 3) / 7) * 7 - 3;
  return formatTime(first * DAY_MS).slice(0, 10);
}
