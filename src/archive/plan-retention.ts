import { showDuration } from '../kernel/duration.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { ListedBatch } from './catalog.ts';
import { countBelow } from './plan-restore.ts';
import {
  GRACE_MS,
  historiesOf,
  type KeptFrom,
  type KeptSingle,
  keptFrom,
  keptSingles,
  longStanding,
  type RetentionInput,
  type SnapshotHistory,
  type UsableSnapshot,
} from './retention-history.ts';
import { checkPolicy } from './retention-policy.ts';
import type { SnapshotOf } from './snapshot-header.ts';

export type { RetentionPolicy } from './retention-policy.ts';

/** What is kept and what goes, each with one reason in words. */
export interface RetentionPlan {
  /** Empty when there is no usable snapshot: then nothing goes. */
  readonly ranges: readonly KeptRange[];
  readonly points: readonly KeptPoint[];
  /** In ascending order; the batches that go, go in this order too. */
  readonly batches: readonly Group<ListedBatch>[];
  readonly snapshots: readonly Verdict[];
  readonly writers: readonly Verdict[];
  /** Snapshots that promises rest on: nothing may be removed before these are known to be what they seem. */
  readonly reliesOn: readonly Reliance[];
  /**
   * The journal's beginning goes, and no snapshot of the journal has it: from then on the archive gives the state back,
   * and not the journal.
   */
  readonly losesBeginning: boolean;
}

/** Every offset from `from` on can be restored afterwards, where it could before. */
export interface KeptRange {
  /** What is restored: the state, or the journal. */
  readonly of: SnapshotOf;
  readonly from: Offset;
  /** The snapshot that carries it; null: every snapshot stays, and every batch. */
  readonly base: Offset | null;
  readonly because: string;
}

/** The snapshot at exactly this offset can be restored afterwards. */
export interface KeptPoint {
  readonly of: SnapshotOf;
  readonly at: Offset;
  readonly because: string;
}

export interface Group<Listed> {
  readonly keep: boolean;
  readonly objects: readonly Listed[];
  readonly reason: string;
}

/** What is to become of one object. */
export interface Verdict {
  readonly keep: boolean;
  readonly kind: 'batch' | 'snapshot' | 'writer';
  readonly key: string;
  readonly storedBytes: number;
  readonly reason: string;
}

export interface Reliance {
  readonly at: Offset;
  /** Promises rest on the batches after it too. */
  readonly carries: boolean;
}

/**
 * What to keep and what to remove. A pure function.
 * @throws RigError RIG_USAGE for a policy that cannot be meant.
 */
export function planRetention(input: RetentionInput): RetentionPlan {
  checkPolicy(input.policy, input.nowMs);
  const kinds = historiesOf(input).map((history) => judgeKind(history, input));
  const snapshots = judgeSnapshots(kinds, input);
  const batches = judgeBatches(kinds, input);
  const removesBeginning = batches.some(({ keep, objects }) => !keep && objects[0]?.first === 0);
  return {
    ranges: kinds.map(toRange),
    points: kinds.flatMap(({ singles }) => singles.map(toPoint)),
    batches,
    snapshots,
    writers: judgeWriters(kinds, input),
    reliesOn: kinds.flatMap((kind) => reliancesOf(kind, input.policy.keepLast)),
    losesBeginning: removesBeginning && kinds.every(({ history }) => history.of !== 'journal'),
  };
}

/** Every object that the plan judges, in the order of a listing. */
export function* verdictsOf(plan: RetentionPlan): Generator<Verdict, void, undefined> {
  yield* batchVerdicts(plan.batches);
  yield* plan.snapshots;
  yield* plan.writers;
}

/**
 * What goes, in an order in which it can go: after each removal everything that is promised can still be restored.
 * Batches ascending, then snapshots with those that need others before these, then writers.
 */
export function* removalsOf(plan: RetentionPlan): Generator<Verdict, void, undefined> {
  yield* batchVerdicts(plan.batches.filter(({ keep }) => !keep));
  yield* plan.snapshots.filter(({ keep }) => !keep).reverse();
  yield* plan.writers.filter(({ keep }) => !keep);
}

function* batchVerdicts(groups: readonly Group<ListedBatch>[]): Generator<Verdict, void, undefined> {
  for (const { keep, objects, reason } of groups) {
    for (const { key, storedBytes } of objects) {
      yield { keep, kind: 'batch', key, storedBytes, reason };
    }
  }
}

/** What the rules come to for the snapshots of the state, or for those of the journal. */
interface JudgedKind {
  readonly history: SnapshotHistory;
  readonly range: KeptFrom;
  readonly singles: readonly KeptSingle[];
  /** What has superseded everything below the range. */
  readonly standing: UsableSnapshot | undefined;
}

function judgeKind(history: SnapshotHistory, { policy, nowMs }: RetentionInput): JudgedKind {
  const range = keptFrom(history, policy, nowMs);
  const from = startOf(range);
  const singles = keptSingles(history, policy).filter(({ snapshot }) => snapshot.at < from);
  return { history, range, singles, standing: longStanding(history, nowMs) };
}

function startOf({ base }: KeptFrom): Offset {
  return base?.at ?? 0;
}

function toRange({ history, range: { of, base, because } }: JudgedKind): KeptRange {
  // A snapshot of the journal holds all that is before it; before the first one of the state there is none.
  const from = of === 'journal' ? 0 : (base ?? history.usable[0])?.at;
  return { of, from: from ?? 0, base: base?.at ?? null, because };
}

function toPoint({ snapshot, period, name }: KeptSingle): KeptPoint {
  return { of: snapshot.header.of, at: snapshot.at, because: newestOf(period, name) };
}

function newestOf(period: KeptSingle['period'], name: string): string {
  return `it is the newest of the ${period} ${period === 'week' ? 'from ' : ''}${name}`;
}

function reliancesOf({ history, range, singles, standing }: JudgedKind, keepLast = 1): Reliance[] {
  const { usable, carrying } = history;
  const carriers = [carrying.at(-1), standing, range.base].flatMap((snapshot) => snapshot?.at ?? []);
  const counted = usable.slice(-keepLast).map(({ at }) => at);
  const others = [...counted, ...singles.map(({ snapshot }) => snapshot.at)];
  const offsets = new Set([...carriers, ...others]);
  return [...offsets].map((at) => ({ at, carries: carriers.includes(at) }));
}

const NO_SNAPSHOT = 'there is no usable snapshot, so nothing can replace it';

function judgeBatches(
  kinds: readonly JudgedKind[],
  { catalog, nowMs }: RetentionInput,
): Group<ListedBatch>[] {
  const { batches } = catalog;
  if (kinds.length === 0) {
    return groups({ keep: true, objects: batches, reason: NO_SNAPSHOT });
  }
  const lowest = kinds.reduce((low, kind) => (floorOf(kind) < floorOf(low) ? kind : low));
  const { base, because } = lowest.range;
  if (base === undefined) {
    const reason = `the history of the ${lowest.history.of} is kept from its beginning: ${because}`;
    return groups({ keep: true, objects: batches, reason });
  }
  const floor = floorOf(lowest);
  const below = countBelow(batches, floor);
  const going = Math.max(0, Math.min(below, batches.length - 1));
  const carrier = `the snapshot at ${showOffset(base.at)}, which is ${age(base, nowMs)} old`;
  return groups(
    {
      keep: false,
      objects: batches.slice(0, going),
      reason: `it lies below ${showOffset(floor)}, from where ${carrier}, goes on; no kept point needs it`,
    },
    { keep: true, objects: batches.slice(going, below), reason: 'the newest batch is always kept' },
    {
      keep: true,
      objects: batches.slice(below),
      reason: `${carrier}, goes on with it, and ${because}`,
    },
  );
}

function groups(...all: readonly Group<ListedBatch>[]): Group<ListedBatch>[] {
  return all.filter(({ objects }) => objects.length > 0);
}

/** Batches that begin below are not needed for the range. */
function floorOf({ history, range }: JudgedKind): Offset {
  if (range.base === undefined) {
    return 0;
  }
  const from = range.base.at;
  const kept = history.usable.filter(({ at }) => at >= from);
  return kept.reduce((lowest, { header }) => Math.min(lowest, header.cut), range.base.header.cut);
}

function judgeSnapshots(kinds: readonly JudgedKind[], input: RetentionInput): Verdict[] {
  const { catalog, headers, nowMs } = input;
  const owners = new Map(kinds.flatMap((kind) => kind.history.usable.map(({ at }) => [at, kind] as const)));
  const reasons = new Map<Offset, string>();
  // From the newest to the oldest, so that a base is met after everything that may need it.
  for (const { at } of catalog.snapshots.toReversed()) {
    const own = owners.get(at);
    const header = headers.get(at);
    const ownReason = own ? reasonToKeep(at, own) : reasonToKeepDamaged(at, header?.of, kinds);
    const reason = ownReason ?? reasons.get(at);
    if (reason !== undefined) {
      reasons.set(at, reason);
      if (header?.base !== undefined && !reasons.has(header.base)) {
        reasons.set(header.base, `the kept snapshot at ${showOffset(at)} is an increment on it`);
      }
    }
  }
  return catalog.snapshots.map(({ key, at, storedBytes }) => {
    const kept = reasons.get(at);
    const reason = kept ?? reasonToRemove(owners.get(at), kinds, nowMs);
    return { keep: kept !== undefined, kind: 'snapshot', key, storedBytes, reason };
  });
}

/** Why a usable snapshot stays on its own account. */
function reasonToKeep(at: Offset, { history, range, singles }: JudgedKind): string | undefined {
  if (at === history.usable.at(-1)?.at) {
    return `it is the newest usable snapshot of the ${history.of}`;
  }
  if (at >= startOf(range)) {
    const { base, because } = range;
    return base === undefined ? because : `it is not below ${showOffset(base.at)}, and ${because}`;
  }
  const single = singles.find(({ snapshot }) => snapshot.at === at);
  return single && newestOf(single.period, single.name);
}

/** Of one whose header cannot be read, nobody knows what it is a snapshot of. */
function reasonToKeepDamaged(
  at: Offset,
  of: SnapshotOf | undefined,
  kinds: readonly JudgedKind[],
): string | undefined {
  const alike = kinds.filter(({ history }) => of === undefined || history.of === of);
  const superseded = alike.length > 0 && alike.every(({ range }) => at < startOf(range));
  return superseded ? undefined : 'it cannot be restored, and no usable snapshot has replaced it for a day';
}

function reasonToRemove(own: JudgedKind | undefined, kinds: readonly JudgedKind[], nowMs: number): string {
  const by = (own ?? kinds[0])?.standing;
  const superseded = by
    ? `superseded by the snapshot at ${showOffset(by.at)}, which is ${age(by, nowMs)} old`
    : 'superseded';
  return own === undefined
    ? `it cannot be restored, and is ${superseded}`
    : `${superseded}; no kept point needs it`;
}

function age({ modifiedAtMs }: UsableSnapshot, nowMs: number): string {
  return showDuration(nowMs - modifiedAtMs);
}

function judgeWriters(kinds: readonly JudgedKind[], { catalog, nowMs }: RetentionInput): Verdict[] {
  const newest = catalog.writers.at(-1)?.epoch ?? 0;
  const keepAll = kinds.length === 0 ? NO_SNAPSHOT : undefined;
  return catalog.writers.map((writer) => {
    const { key, epoch, storedBytes, modifiedAtMs } = writer;
    const kept =
      epoch === newest ? 'the newest writer is always kept' : (keepAll ?? youth(modifiedAtMs, nowMs));
    const reason = kept ?? `it is more than a day old, and the writer of epoch ${newest} came after it`;
    return { keep: kept !== undefined, kind: 'writer', key, storedBytes, reason };
  });
}

function youth(modifiedAtMs: number, nowMs: number): string | undefined {
  return modifiedAtMs > nowMs - GRACE_MS ? 'it is less than a day old' : undefined;
}
