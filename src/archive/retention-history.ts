import { showDuration } from '../kernel/duration.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Catalog, ListedBatch, ListedSnapshot } from './catalog.ts';
import { countBelow } from './plan-restore.ts';
import { type Period, periodOf, type RetentionPolicy } from './retention-policy.ts';
import type { SnapshotHeader, SnapshotOf } from './snapshot-header.ts';
import { CHAIN_LIMIT } from './snapshot-policy.ts';

/** What was superseded less than this long ago may still be in use: by a restore, or by a writer that was away. */
export const GRACE_MS = 86_400_000;

/** What is known of an archive that something is to be removed from. */
export interface RetentionInput {
  readonly catalog: Catalog;
  /** Of every listed snapshot whose header can be read. */
  readonly headers: ReadonlyMap<Offset, SnapshotHeader>;
  /** Snapshots that were looked at closely: cannot be restored, or do not fit the batch at their cut. */
  readonly unusable: ReadonlySet<Offset>;
  readonly unlinked: ReadonlySet<Offset>;
  readonly policy: RetentionPolicy;
  readonly nowMs: number;
}

/** A snapshot that can be restored. */
export interface UsableSnapshot extends ListedSnapshot {
  readonly header: SnapshotHeader;
}

/** The snapshots of the state, or those of the journal: the one never replaces the other. */
export interface SnapshotHistory {
  readonly of: SnapshotOf;
  /** Ascending, one at least. */
  readonly usable: readonly UsableSnapshot[];
  /** Those that batches go on from. */
  readonly carrying: readonly UsableSnapshot[];
}

/** From where on every offset is kept: a snapshot that carries on, or, without one, the journal's beginning. */
export interface KeptFrom {
  readonly of: SnapshotOf;
  readonly base: UsableSnapshot | undefined;
  /** Which of the rules reaches back farthest, in words: "the policy keeps the last 3". */
  readonly because: string;
}

/** A single snapshot to keep. */
export interface KeptSingle {
  readonly snapshot: UsableSnapshot;
  readonly period: Period;
  readonly name: string;
}

export function historiesOf(input: RetentionInput): readonly SnapshotHistory[] {
  const usable = usableSnapshots(input);
  return (['state', 'journal'] as const).flatMap((of) => {
    const alike = usable.filter(({ header }) => header.of === of);
    const carrying = alike.filter(
      ({ at, header }) => !input.unlinked.has(at) && canCarry(header, input.catalog.batches),
    );
    return alike.length === 0 ? [] : [{ of, usable: alike, carrying }];
  });
}

/** Those that can be restored, as far as is known, in ascending order. */
function usableSnapshots({ catalog, headers, unusable }: RetentionInput): readonly UsableSnapshot[] {
  const found = new Map<Offset, UsableSnapshot & { readonly depth: number }>();
  for (const listed of catalog.snapshots) {
    const header = headers.get(listed.at);
    if (header === undefined || unusable.has(listed.at)) {
      continue;
    }
    if (header.base === undefined) {
      found.set(listed.at, { ...listed, header, depth: 1 });
      continue;
    }
    // Bases lie below, so what this one needs has been judged.
    const base = found.get(header.base);
    if (base !== undefined && base.depth < CHAIN_LIMIT && isBase(base.header, header)) {
      found.set(listed.at, { ...listed, header, depth: base.depth + 1 });
    }
  }
  return [...found.values()];
}

function isBase(base: SnapshotHeader, { of, content, archive }: SnapshotHeader): boolean {
  return base.of === of && base.content === content && base.archive === archive;
}

/** As far as names tell: the batch after the snapshot is there, or there is nothing after it. */
function canCarry({ cut }: SnapshotHeader, batches: readonly ListedBatch[]): boolean {
  const next = batches[countBelow(batches, cut)];
  return next === undefined || next.first === cut;
}

/** The newest snapshot that has superseded those below it for long enough. */
export function longStanding({ carrying }: SnapshotHistory, nowMs: number): UsableSnapshot | undefined {
  return carrying.findLast(({ modifiedAtMs }) => modifiedAtMs <= nowMs - GRACE_MS);
}

/** From where on every offset is kept: the farthest back that any rule asks for. */
export function keptFrom(history: SnapshotHistory, policy: RetentionPolicy, nowMs: number): KeptFrom {
  const { of, usable, carrying } = history;
  const { keepLast, keepWithinMs } = policy;
  const rules: [because: string, from: UsableSnapshot | undefined][] = [
    ['the newest snapshot and what follows it are always kept', carrying.at(-1)],
    ['what was superseded less than a day ago is always kept', longStanding(history, nowMs)],
  ];
  if (keepLast !== undefined) {
    rules.push([`the policy keeps the last ${keepLast}`, usable.at(-keepLast)]);
  }
  if (keepWithinMs !== undefined) {
    const then = nowMs - keepWithinMs;
    const current = usable.findLast(({ modifiedAtMs }) => modifiedAtMs <= then);
    rules.push([`the policy keeps what was current in the last ${showDuration(keepWithinMs)}`, current]);
  }
  const bases = rules.map(([because, from]) => ({
    of,
    because,
    // What does not carry on promises no offset after it: the one before it has to.
    base: from && carrying.findLast(({ at }) => at <= from.at),
  }));
  return bases.reduce((lowest, next) => ((next.base?.at ?? -1) < (lowest.base?.at ?? -1) ? next : lowest));
}

/** The newest of each day, week and month that the policy asks for. */
export function keptSingles({ usable }: SnapshotHistory, policy: RetentionPolicy): readonly KeptSingle[] {
  const { keepDaily = 0, keepWeekly = 0, keepMonthly = 0 } = policy;
  return [
    ...newestOfEach('day', keepDaily, usable),
    ...newestOfEach('week', keepWeekly, usable),
    ...newestOfEach('month', keepMonthly, usable),
  ];
}

function newestOfEach(period: Period, count: number, usable: readonly UsableSnapshot[]): KeptSingle[] {
  const newest = new Map<string, UsableSnapshot>();
  for (const snapshot of usable) {
    newest.set(periodOf(period, snapshot.modifiedAtMs), snapshot);
  }
  const names = [...newest.keys()].sort().slice(count === 0 ? newest.size : -count);
  return [...newest].flatMap(([name, snapshot]) =>
    names.includes(name) ? [{ snapshot, period, name }] : [],
  );
}
