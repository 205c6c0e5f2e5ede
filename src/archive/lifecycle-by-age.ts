import { showDuration } from '../kernel/duration.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { DAY_MS, type LifecyclePolicy } from './lifecycle-rules.ts';
import type { Refusal } from './plan-lifecycle.ts';

/** A snapshot, and since when it has been there. */
export interface AgedSnapshot {
  readonly at: Offset;
  readonly modifiedAtMs: number;
}

/** What must be known of an archive before its objects may expire by age. */
export interface AgeFacts {
  readonly newest: AgedSnapshot | undefined;
  /** A snapshot that is built on another one; undefined: there is none. */
  readonly increment: Offset | undefined;
}

/**
 * Why objects of this archive must not expire by age: that only holds what it promises while a whole snapshot is made
 * much more often than batches expire. Age takes the older object first, so it takes a whole snapshot before those that
 * are built on it: archives with such are refused altogether.
 */
export function refuseByAge(policy: LifecyclePolicy, facts: AgeFacts, nowMs: number): readonly Refusal[] {
  const { logDays, snapshotDays } = policy;
  const { newest, increment } = facts;
  const refusals: Refusal[] = [];
  if (newest === undefined) {
    refusals.push({
      message: 'there is no snapshot: batches that expire by age would be the only copy of what they hold',
      hint: 'push snapshots first, or leave --by-age out',
    });
  } else if (nowMs - newest.modifiedAtMs > (logDays * DAY_MS) / 2) {
    const age = showDuration(nowMs - newest.modifiedAtMs);
    refusals.push({
      message:
        `the newest snapshot, ${showOffset(newest.at)}, is ${age} old, which is more than half of ` +
        `the ${daysText(logDays)} after which batches would expire`,
      hint: 'find out why no newer snapshot is made, or leave --by-age out',
    });
  }
  if (logDays > snapshotDays) {
    refusals.push({
      message:
        `batches would expire after ${daysText(logDays)}, later than the snapshots they follow, ` +
        `after ${snapshotDays}`,
      hint: 'give --snapshot-days at least as many days as --log-days',
    });
  }
  if (increment !== undefined) {
    refusals.push({
      message:
        `snapshot ${showOffset(increment)} is built on an older one, which would expire before it ` +
        'and make it useless',
      hint: 'leave --by-age out, or push every snapshot whole with --full-ratio 0 and prune those that are not',
    });
  }
  return refusals;
}

/** What rules by age destroy when snapshots or the machine fail for a while, in sentences. */
export function lossByAge({ logDays, snapshotDays }: LifecyclePolicy): readonly string[] {
  const [log, snapshot] = [daysText(logDays), daysText(snapshotDays)];
  return [
    `batches are removed ${log} after they were stored, whether or not a snapshot holds what they hold`,
    `when no new snapshot is made for more than ${log}, everything after the newest snapshot that is older ` +
      'than that is destroyed, although it was acknowledged, and what comes after it cannot be restored either',
    `when no new snapshot is made for more than ${snapshot}, because the machine is away or for any other reason, ` +
      'the last snapshot is destroyed and nothing can be restored any more',
  ];
}

export function daysText(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}
