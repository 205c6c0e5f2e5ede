import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { batchKey, snapshotKey, writerKey } from '../../src/archive/layout.ts';
import { planRetention, type RetentionPolicy, verdictsOf } from '../../src/archive/plan-retention.ts';
import {
  anyPolicy,
  anyWorld,
  canRestore,
  DAY_MS,
  isRestorable,
  keysOf,
  planFor,
  type RealSnapshot,
  removedBy,
  seen,
  type World,
  without,
} from './retention-world.ts';

/** What must be restorable after a prune as it was before: `state at 7`. Worked out from the policy's words alone. */
interface Promised {
  readonly of: RealSnapshot['of'];
  readonly offset: number;
}

function promisesOf(world: World, policy: RetentionPolicy): Promised[] {
  return (['state', 'journal'] as const).flatMap((of) => {
    const usable = world.snapshots.filter((each) => each.of === of && isRestorable(world, each.at));
    if (usable.length === 0) {
      return [];
    }
    const from = of === 'journal' ? 0 : Math.min(...startsOf(usable, policy));
    const offsets = Array.from({ length: 50 }, (_, offset) => offset).filter((offset) => offset >= from);
    const singles = singlesOf(world, usable, policy);
    return [...offsets, ...singles].map((offset) => ({ of, offset }));
  });
}

function startsOf(usable: readonly RealSnapshot[], { keepLast, keepWithinMs }: RetentionPolicy): number[] {
  const newestOfAge = (ageMs: number) => usable.findLast((each) => each.ageMs >= ageMs)?.at ?? 0;
  return [
    usable.at(-1)?.at ?? 0,
    newestOfAge(DAY_MS),
    ...(keepLast === undefined ? [] : [usable.at(-keepLast)?.at ?? 0]),
    ...(keepWithinMs === undefined ? [] : [newestOfAge(keepWithinMs)]),
  ];
}

function singlesOf({ nowMs }: World, usable: readonly RealSnapshot[], policy: RetentionPolicy): number[] {
  const { keepDaily = 0, keepWeekly = 0, keepMonthly = 0 } = policy;
  const pick = (count: number, nameOf: (date: Date) => string) => {
    const periods = Map.groupBy(usable, ({ ageMs }) => nameOf(new Date(nowMs - ageMs)));
    const last = [...periods].sort(([one], [other]) => (one < other ? 1 : -1)).slice(0, count);
    return last.map(([, ofPeriod]) => Math.max(...ofPeriod.map(({ at }) => at)));
  };
  return [
    ...pick(keepDaily, (date) => date.toISOString().slice(0, 10)),
    ...pick(keepWeekly, isoWeekOf),
    ...pick(keepMonthly, (date) => date.toISOString().slice(0, 7)),
  ];
}

/** By the book: the week belongs to the year of its Thursday. */
function isoWeekOf(date: Date): string {
  const thursday = new Date(date);
  thursday.setUTCDate(date.getUTCDate() + 4 - (date.getUTCDay() || 7));
  const newYear = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.ceil(((thursday.getTime() - newYear) / DAY_MS + 1) / 7);
  return `${thursday.getUTCFullYear()}-${String(week).padStart(2, '0')}`;
}

function brokenIn(after: World, before: World, promises: readonly Promised[]): Promised[] {
  return promises.filter(
    ({ of, offset }) => canRestore(before, of, offset) && !canRestore(after, of, offset),
  );
}

describe('for any archive and any policy', () => {
  test.prop([anyWorld, anyPolicy], { numRuns: 1_000 })(
    'what is promised can be restored after every single removal as it could be before',
    (world, policy) => {
      const promises = promisesOf(world, policy);
      const removed = removedBy(planFor(world, policy));
      for (let count = 0; count <= removed.length; count += 1) {
        const left = without(world, new Set(removed.slice(0, count)));
        expect(brokenIn(left, world, promises)).toEqual([]);
      }
    },
  );

  test.prop([anyWorld, anyPolicy, fc.nat(30)], { numRuns: 600 })(
    'a run that was interrupted is finished by the next one, and then nothing is left to do',
    (world, policy, done) => {
      const removed = removedBy(planFor(world, policy));
      const interrupted = without(world, new Set(removed.slice(0, done)));
      expect(removedBy(planFor(interrupted, policy))).toEqual(removed.slice(done));
    },
  );

  test.prop([anyWorld, anyPolicy, anyPolicy], { numRuns: 600 })(
    'a wider policy afterwards keeps what is left of what it promises',
    (world, narrow, wide) => {
      const pruned = without(world, new Set(removedBy(planFor(world, narrow))));
      const again = without(pruned, new Set(removedBy(planFor(pruned, wide))));
      expect(brokenIn(again, pruned, promisesOf(pruned, wide))).toEqual([]);
    },
  );

  test.prop([anyWorld, anyPolicy], { numRuns: 600 })('what is always kept, is', (world, policy) => {
    const { batches, snapshots, writers } = world;
    const removed = new Set(removedBy(planFor(world, policy)));
    const usable = snapshots.filter(({ at }) => isRestorable(world, at));
    const always = [
      ...batches.slice(-1).map(({ first }) => batchKey(first)),
      ...writers.slice(-1).map(({ epoch }) => writerKey(epoch)),
      ...writers.filter(({ ageMs }) => ageMs < DAY_MS).map(({ epoch }) => writerKey(epoch)),
      ...usable.slice(-1).map(({ at }) => snapshotKey(at)),
      ...(usable.length === 0 ? keysOf(world) : []),
      ...(usable.some(({ ageMs }) => ageMs >= DAY_MS) ? [] : keysOf({ ...world, writers: [] })),
    ];
    expect(always.filter((key) => removed.has(key))).toEqual([]);
  });

  test.prop([anyWorld, anyPolicy], { numRuns: 200 })(
    'every object has one verdict with a reason',
    (world, policy) => {
      const verdicts = [...verdictsOf(planFor(world, policy))];
      expect(verdicts.map(({ key }) => key)).toEqual(keysOf(world));
      for (const { reason } of verdicts) {
        expect(reason).toMatch(/^[a-z].*[^.]$/);
        expect(reason).not.toMatch(/undefined|NaN|Infinity/);
      }
    },
  );

  it('much is removed in these archives, so that all of this says something', () => {
    const samples = fc.sample(fc.tuple(anyWorld, anyPolicy), { numRuns: 500, seed: 1 });
    const counts = samples.map(([world, policy]) => removedBy(planFor(world, policy)));
    const share = (prefix: string) =>
      counts.filter((keys) => keys.some((key) => key.startsWith(prefix))).length / counts.length;
    expect(share('LOG/')).toBeGreaterThan(0.1);
    expect(share('SNAPSHOT/')).toBeGreaterThan(0.1);
    expect(share('WRITER/')).toBeGreaterThan(0.1);
  });
});

describe('a plan', () => {
  const snapshot = { of: 'state', genuine: true, base: undefined, damage: 'none' } as const;
  const writers = [{ epoch: 1, ageMs: 0 }];
  const nowMs = 1_795_257_127_000;

  it('takes days as the store tells them, though snapshots came in another order', () => {
    const snapshots = [
      { ...snapshot, at: 10, cut: 0, ageMs: 2 * DAY_MS },
      { ...snapshot, at: 20, cut: 0, ageMs: 5 * DAY_MS },
      { ...snapshot, at: 30, cut: 0, ageMs: 10 * DAY_MS },
    ];
    const world = { nowMs, batches: [], snapshots, writers };
    expect(removedBy(planFor(world, { keepDaily: 1 }))).toEqual([snapshotKey(20)]);
  });

  it('promises the state from its first snapshot on, where everything stays', () => {
    const batches = [0, 10, 20].map((first) => ({ first, end: first + 10, genuine: true }));
    const snapshots = [
      { ...snapshot, at: 10, cut: 10, ageMs: 9 * DAY_MS },
      { ...snapshot, at: 25, cut: 20, ageMs: 5 * DAY_MS },
    ];
    const nothing = new Set<number>();
    const shown = seen({ nowMs, batches, snapshots, writers });
    const policy = { keepLast: 3 };
    const plan = planRetention({ ...shown, unusable: nothing, unlinked: nothing, policy, nowMs });
    expect(plan.ranges).toMatchObject([{ of: 'state', from: 10, base: null }]);
    expect(removedBy(plan)).toEqual([]);
  });

  it('lets a snapshot whose next batch is missing replace nothing, by names alone', () => {
    const batches = [0, 10, 30].map((first) => ({ first, end: first + 10, genuine: true }));
    const snapshots = [
      { ...snapshot, at: 10, cut: 10, ageMs: 9 * DAY_MS },
      { ...snapshot, at: 25, cut: 20, ageMs: 5 * DAY_MS },
    ];
    const world = { nowMs, batches, snapshots, writers };
    const nothing = new Set<number>();
    const policy = { keepLast: 1 };
    const plan = planRetention({ ...seen(world), unusable: nothing, unlinked: nothing, policy, nowMs });
    expect(plan.ranges).toMatchObject([{ base: 10 }]);
    expect(plan.reliesOn).toContainEqual({ at: 25, carries: false });
    expect(removedBy(plan)).toEqual([batchKey(0)]);
  });
});
