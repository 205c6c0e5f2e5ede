import { fc } from '@fast-check/vitest';
import { firstChain } from '../../src/archive/batch-header.ts';
import type { Catalog } from '../../src/archive/catalog.ts';
import { batchKey, snapshotKey, writerKey } from '../../src/archive/layout.ts';
import { planRetention, type RetentionPlan, removalsOf } from '../../src/archive/plan-retention.ts';
import type { RetentionPolicy } from '../../src/archive/retention-policy.ts';
import type { SnapshotHeader, SnapshotOf } from '../../src/archive/snapshot-header.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';

/** An archive as it really is, damage and all; a plan sees only part of that. */
export interface World {
  readonly nowMs: number;
  readonly batches: readonly RealBatch[];
  readonly snapshots: readonly RealSnapshot[];
  readonly writers: readonly { readonly epoch: number; readonly ageMs: number }[];
}

export interface RealBatch {
  readonly first: number;
  readonly end: number;
  /** Part of the chain, and not a stray that a writer who slept has made again. */
  readonly genuine: boolean;
}

export interface RealSnapshot {
  readonly at: number;
  readonly of: SnapshotOf;
  readonly cut: number;
  /** Its cut is one of the chain's. */
  readonly genuine: boolean;
  readonly base: number | undefined;
  readonly ageMs: number;
  /** `header`: cannot be read. `hidden`: the rest of the object is damaged, which only a closer look shows. */
  readonly damage: 'none' | 'header' | 'hidden';
}

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const NOW_MS = 1_795_257_127_000;

export function keysOf({ batches, snapshots, writers }: World): string[] {
  return [
    ...batches.map(({ first }) => batchKey(first)),
    ...snapshots.map(({ at }) => snapshotKey(at)),
    ...writers.map(({ epoch }) => writerKey(epoch)),
  ];
}

export function without(world: World, gone: ReadonlySet<string>): World {
  return {
    ...world,
    batches: world.batches.filter(({ first }) => !gone.has(batchKey(first))),
    snapshots: world.snapshots.filter(({ at }) => !gone.has(snapshotKey(at))),
    writers: world.writers.filter(({ epoch }) => !gone.has(writerKey(epoch))),
  };
}

/** Plans as prune does: what the plan relies on is looked at closely, until nothing new comes out. */
export function planFor(world: World, policy: RetentionPolicy): RetentionPlan {
  const unusable = new Set<number>();
  const unlinked = new Set<number>();
  for (;;) {
    const plan = planRetention({ ...seen(world), unusable, unlinked, policy, nowMs: world.nowMs });
    const before = unusable.size + unlinked.size;
    for (const { at, carries } of plan.reliesOn) {
      if (!isRestorable(world, at)) {
        unusable.add(at);
      } else if (carries && !isLinked(world, at)) {
        unlinked.add(at);
      }
    }
    if (unusable.size + unlinked.size === before) {
      return plan;
    }
  }
}

export function removedBy(plan: RetentionPlan): string[] {
  return [...removalsOf(plan)].map(({ key }) => key);
}

/** What a listing and the headers show of it. */
export function seen({ batches, snapshots, writers, nowMs }: World) {
  const catalog: Catalog = {
    batches: batches.map(({ first }) => ({ key: batchKey(first), first, storedBytes: 10 })),
    snapshots: snapshots.map(({ at, ageMs }) => ({
      key: snapshotKey(at),
      at,
      storedBytes: 100,
      modifiedAtMs: nowMs - ageMs,
    })),
    writers: writers.map(({ epoch, ageMs }) => ({
      key: writerKey(epoch),
      epoch,
      storedBytes: 1,
      modifiedAtMs: nowMs - ageMs,
    })),
    strays: [],
    strayCount: 0,
  };
  const readable = snapshots.filter(({ damage }) => damage !== 'header');
  return { catalog, headers: new Map(readable.map((snapshot) => [snapshot.at, headerOf(snapshot)])) };
}

function headerOf({ at, of, cut, base }: RealSnapshot): SnapshotHeader {
  const chain = firstChain(ARCHIVE_ID);
  const createdAt = '2026-11-21T10:32:07.000Z';
  const first = { v: 1, kind: 'snapshot', archive: ARCHIVE_ID, at, of, content: 'file', cut, chain } as const;
  return { ...first, epoch: 1, createdAt, ...(base === undefined ? {} : { base, baseSha256: chain }) };
}

/** The snapshot and everything it needs is there and whole. */
export function isRestorable({ snapshots }: World, at: number): boolean {
  const found = snapshots.find((snapshot) => snapshot.at === at);
  if (found === undefined || found.damage !== 'none') {
    return false;
  }
  const base = found.base === undefined ? undefined : snapshots.find((each) => each.at === found.base);
  return (
    found.base === undefined || (base?.of === found.of && isRestorable({ snapshots } as World, found.base))
  );
}

/** Batches lead from the snapshot's cut on, or there is nothing after it. */
function isLinked({ batches, snapshots }: World, at: number): boolean {
  const found = snapshots.find((snapshot) => snapshot.at === at);
  if (found === undefined || !found.genuine) {
    return false;
  }
  const next = batches.find(({ first }) => first >= found.cut);
  const last = batches.at(-1);
  return next === undefined
    ? last === undefined || (last.genuine && last.end === found.cut)
    : next.genuine && next.first === found.cut;
}

/** How far the chain leads from here. */
function reachOf(batches: readonly RealBatch[], from: number): number {
  let reached = from;
  for (const { first, end, genuine } of batches) {
    reached = genuine && first === reached ? end : reached;
  }
  return reached;
}

/** Can the state, or the journal, be given back as it was at this offset? By trying every way there is. */
export function canRestore(world: World, of: SnapshotOf, offset: number): boolean {
  const { batches, snapshots } = world;
  const ways = snapshots.filter((snapshot) => snapshot.of === of && isRestorable(world, snapshot.at));
  const bySnapshot = ways.some(
    ({ at, cut, genuine }) =>
      at === offset ||
      (of === 'journal' && at > offset) ||
      (at < offset && genuine && reachOf(batches, cut) >= offset),
  );
  return bySnapshot || (of === 'journal' && reachOf(batches, 0) >= offset);
}

/** A chain of some batches, snapshots of all kinds on it, and then what time, prunes and accidents have done to it. */
export const anyWorld: fc.Arbitrary<World> = fc
  .record({
    lengths: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 12 }),
    lost: fc.oneof(
      { weight: 3, arbitrary: fc.constant<number[]>([]) },
      fc.array(fc.nat(11), { maxLength: 2 }),
    ),
    pruned: fc.oneof(fc.constant(0), fc.nat(9)),
    journalPercent: fc.constantFrom(0, 0, 25, 100),
    strays: fc.array(fc.record({ first: fc.nat(40), length: fc.integer({ min: 1, max: 5 }) }), {
      maxLength: 2,
    }),
    snapshots: fc.array(
      fc.record({
        at: fc.nat(40),
        isJournal: fc.integer({ min: 1, max: 100 }),
        back: fc.constantFrom(0, 0, 1, 1, 1, 2, 3),
        hours: fc.nat(72),
        late: fc.constantFrom(0, 0, 0, 0, 30),
        damage: fc
          .integer({ min: 1, max: 16 })
          .map((dice): RealSnapshot['damage'] => (dice > 15 ? 'hidden' : dice > 14 ? 'header' : 'none')),
        lost: fc.integer({ min: 1, max: 12 }).map((dice) => dice === 12),
        genuine: fc.integer({ min: 1, max: 16 }).map((dice) => dice < 16),
      }),
      { minLength: 1, maxLength: 12 },
    ),
    writers: fc.array(fc.nat(80), { minLength: 1, maxLength: 4 }),
  })
  .map(({ lengths, lost, pruned, journalPercent, strays, snapshots, writers }) => {
    const cuts = cutsAfter(lengths);
    const chain = cuts.slice(1).map((end, index) => ({ first: cuts[index] ?? 0, end, genuine: true }));
    const left = chain.filter((_, index) => !lost.includes(index) && index >= pruned);
    const again = strays
      .filter(({ first }) => !left.some((batch) => batch.first === first))
      .filter(({ first }, index, all) => all.findIndex((each) => each.first === first) === index)
      .map(({ first, length }) => ({ first, end: first + length, genuine: false }));
    return {
      nowMs: NOW_MS,
      batches: [...left, ...again].sort((one, other) => one.first - other.first),
      snapshots: snapshotsOn(cuts, snapshots, journalPercent),
      writers: writers
        .sort((one, other) => other - one)
        .map((hours, index) => ({ epoch: index + 1, ageMs: hours * HOUR_MS })),
    };
  });

function cutsAfter(lengths: readonly number[]): number[] {
  const cuts = [0];
  for (const length of lengths) {
    cuts.push((cuts.at(-1) ?? 0) + length);
  }
  return cuts;
}

interface SnapshotDice {
  readonly at: number;
  readonly isJournal: number;
  /** Which one before it of its kind is its base; 0: none. */
  readonly back: number;
  /** From the one before to this one. */
  readonly hours: number;
  /** How much later than the others it was uploaded. */
  readonly late: number;
  readonly damage: RealSnapshot['damage'];
  readonly lost: boolean;
  readonly genuine: boolean;
}

function snapshotsOn(
  cuts: readonly number[],
  dice: readonly SnapshotDice[],
  journalPercent: number,
): RealSnapshot[] {
  const end = cuts.at(-1) ?? 0;
  const made: (RealSnapshot & { readonly lost: boolean })[] = [];
  const ascending = [...new Map(dice.map((one) => [one.at % (end + 1), one]))].sort(
    ([one], [other]) => one - other,
  );
  let ageMs = ascending.reduce((total, [, { hours }]) => total + hours * HOUR_MS, 0);
  for (const [at, { isJournal, back, hours, late, damage, lost, genuine }] of ascending) {
    ageMs -= hours * HOUR_MS;
    const of = isJournal <= journalPercent ? 'journal' : 'state';
    const alike = made.filter((snapshot) => snapshot.of === of);
    const cut = cuts.findLast((each) => each <= at) ?? 0;
    made.push({
      at,
      of,
      genuine,
      cut: genuine ? cut : Math.max(0, at - 1),
      base: back === 0 ? undefined : alike.at(-back)?.at,
      ageMs: Math.max(0, ageMs - late * HOUR_MS),
      damage,
      lost,
    });
  }
  return made.filter((snapshot) => !snapshot.lost).map(({ lost: _, ...snapshot }) => snapshot);
}

export const anyPolicy: fc.Arbitrary<RetentionPolicy> = fc
  .record({
    keepLast: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    keepWithinMs: fc.option(
      fc.integer({ min: 1, max: 240 }).map((hours) => hours * HOUR_MS),
      { nil: undefined },
    ),
    keepDaily: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    keepWeekly: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    keepMonthly: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
  })
  .map((policy) =>
    Object.values(policy).every((value) => value === undefined) ? { ...policy, keepLast: 1 } : policy,
  );
