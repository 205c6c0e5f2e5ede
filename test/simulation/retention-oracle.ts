import type { RetentionPolicy } from '../../src/archive/retention-policy.ts';
import type { ArchiveOracle } from './archive-oracle.ts';
import { type LandedSnapshot, type SnapshotOracle, snapshotKey } from './snapshot-oracle.ts';

const DAY_MS = 86_400_000;

/** What the store has now. */
export interface Holdings {
  readonly keys: readonly string[];
  has(key: string): boolean;
  /** Put by those who had given up on it. */
  readonly landedLate: ReadonlySet<string>;
  modifiedAtMs(key: string): number;
}

type Of = LandedSnapshot['of'];

interface Usable extends LandedSnapshot {
  readonly modifiedAtMs: number;
}

/** Tells from what the store holds what can be restored and what must stay, by the words of the design. */
export class RetentionOracle {
  readonly #archive: ArchiveOracle;
  readonly #snapshots: SnapshotOracle;
  readonly #holdings: Holdings;

  constructor(archive: ArchiveOracle, snapshots: SnapshotOracle, holdings: Holdings) {
    this.#archive = archive;
    this.#snapshots = snapshots;
    this.#holdings = holdings;
  }

  /**
   * Why an object must not be removed now; undefined: it may. Who removes it may have seen a snapshot that came after
   * `unseenSinceMs`, or not; what that is built on must stay, unless nobody expected that to land any more.
   */
  objection(key: string, policy: RetentionPolicy, nowMs: number, unseenSinceMs: number): string | undefined {
    const { keys, modifiedAtMs } = this.#holdings;
    const cameMs = keys.filter((other) => other.startsWith('SNAPSHOT/')).map(modifiedAtMs);
    const unseen = cameMs.filter((ms) => ms > unseenSinceMs).map((ms) => ms - 1);
    const objections = [Number.POSITIVE_INFINITY, ...unseen].map((seenUntilMs) =>
      this.#objectionOf(key, policy, nowMs, seenUntilMs),
    );
    return objections.includes(undefined) ? undefined : objections[0];
  }

  #objectionOf(key: string, policy: RetentionPolicy, nowMs: number, seenUntilMs: number): string | undefined {
    const seen = (of: Of) => this.usable(of).filter(({ modifiedAtMs }) => modifiedAtMs <= seenUntilMs);
    const kinds = (['state', 'journal'] as const).filter((of) => seen(of).length > 0);
    if (kinds.length === 0) {
      return 'there is no usable snapshot';
    }
    const [prefix] = key.split('/');
    const alike = this.#holdings.keys.filter((other) => other.startsWith(`${prefix}/`)).sort();
    switch (prefix) {
      case 'WRITER':
        return key === alike.at(-1) || this.#holdings.modifiedAtMs(key) > nowMs - DAY_MS
          ? 'that writer may still be needed'
          : undefined;
      case 'LOG':
      case 'SNAPSHOT': {
        const dependent = this.#dependentOn(key, seenUntilMs);
        if (dependent !== undefined) {
          return `${dependent} is built on it`;
        }
        if (key === alike.at(-1) && prefix === 'LOG') {
          return 'it is the newest batch';
        }
        const of = kinds.find((kind) => this.#needed(seen(kind), policy, nowMs).has(key));
        return of === undefined ? undefined : `the history of the ${of} that must be kept needs it`;
      }
      default:
        return 'prune has nothing to do with it';
    }
  }

  /** Could anybody restore this, who has read the design? */
  canRestore(what: Of, offset: number): boolean {
    const images = this.usable('journal');
    if (what === 'journal') {
      return this.#hasBatches(0, offset) || images.some((image) => this.#reaches(image, offset));
    }
    return this.usable('state').some(
      (state) =>
        state.at <= offset &&
        (this.#reaches(state, offset) ||
          images.some((image) => image.at > state.at && this.#reaches(image, offset))),
    );
  }

  /** Ascending: those that are there with all that they build on. */
  usable(of: Of): readonly Usable[] {
    return this.#holdings.keys
      .flatMap((key) => {
        const snapshot = key.startsWith('SNAPSHOT/') ? this.#snapshots.landed.get(key) : undefined;
        const counts = snapshot?.of === of && this.#chainOf(snapshot) !== undefined;
        return counts ? [{ ...snapshot, modifiedAtMs: this.#holdings.modifiedAtMs(key) }] : [];
      })
      .sort((a, b) => a.at - b.at);
  }

  #reaches({ at, cut }: LandedSnapshot, offset: number): boolean {
    return offset <= at || this.#hasBatches(cut, offset);
  }

  #hasBatches(from: number, to: number): boolean {
    return this.#archive.cuts.every((cut) => cut < from || cut >= to || this.#hasBatch(cut));
  }

  /** What was put again after its removal may be anything. */
  #hasBatch(first: number): boolean {
    const key = batchKey(first);
    return this.#holdings.has(key) && !this.#archive.strays.has(key);
  }

  #dependentOn(key: string, seenUntilMs: number): string | undefined {
    const { keys, landedLate, modifiedAtMs } = this.#holdings;
    return keys.find((other) => {
      if (landedLate.has(other) && modifiedAtMs(other) > seenUntilMs) {
        return false;
      }
      const { base } = this.#snapshots.landed.get(other) ?? {};
      return base !== undefined && snapshotKey(base) === key && this.#isWhole(other);
    });
  }

  #isWhole(key: string): boolean {
    const snapshot = this.#snapshots.landed.get(key);
    return snapshot !== undefined && this.#chainOf(snapshot) !== undefined;
  }

  /** The keys of a snapshot and all that it builds on; undefined: some are gone. */
  #chainOf(snapshot: LandedSnapshot): string[] | undefined {
    const chain: string[] = [];
    let current: LandedSnapshot | undefined = snapshot;
    while (current !== undefined) {
      const key = snapshotKey(current.at);
      if (!this.#holdings.has(key) || current.pieces === undefined) {
        return undefined;
      }
      chain.push(key);
      current =
        current.base === undefined ? undefined : this.#snapshots.landed.get(snapshotKey(current.base));
    }
    return chain;
  }

  #needed(usable: readonly Usable[], policy: RetentionPolicy, nowMs: number): ReadonlySet<string> {
    const carrying = usable.filter(({ cut }) => this.#hasBatches(cut, this.#archive.end));
    const { keepLast, keepWithinMs } = policy;
    const olderThan = (ms: number, among: readonly Usable[]) =>
      among.findLast(({ modifiedAtMs }) => modifiedAtMs <= nowMs - ms);
    const from = [
      carrying.at(-1),
      olderThan(DAY_MS, carrying),
      ...(keepLast === undefined ? [] : [usable.at(-keepLast)]),
      ...(keepWithinMs === undefined ? [] : [olderThan(keepWithinMs, usable)]),
    ].map((snapshot) => snapshot && carrying.findLast(({ at }) => at <= snapshot.at));
    if (from.some((snapshot) => snapshot === undefined)) {
      // Where the beginning is gone already, this history begins with its first snapshot.
      const start = this.#hasBatches(0, usable[0]?.cut ?? 0) ? 0 : (usable[0]?.cut ?? 0);
      const kept = this.#archive.cuts.filter((cut) => cut >= start);
      return new Set([...kept.map(batchKey), ...usable.map(({ at }) => snapshotKey(at))]);
    }
    const base = from.reduce((low, next) => ((next?.at ?? 0) < (low?.at ?? 0) ? next : low));
    const wanted = [base, usable.at(-1), ...newestOfDays(usable, policy.keepDaily ?? 0)];
    const chains = wanted.flatMap((snapshot) => (snapshot && this.#chainOf(snapshot)) ?? []);
    const batches = this.#archive.cuts.filter((cut) => cut >= (base?.cut ?? 0)).map(batchKey);
    return new Set([...chains, ...batches]);
  }
}

function newestOfDays(usable: readonly Usable[], count: number): Usable[] {
  const days = new Map(
    usable.map((snapshot) => [Math.floor(snapshot.modifiedAtMs / DAY_MS), snapshot] as const),
  );
  const kept = [...days.keys()].sort((a, b) => b - a).slice(0, count);
  return [...days].flatMap(([day, snapshot]) => (kept.includes(day) ? [snapshot] : []));
}

function batchKey(first: number): string {
  return `LOG/${first.toString(16).padStart(16, '0')}`;
}
