import type { Claim } from '../../src/archive/claim.ts';
import type { RetentionPolicy } from '../../src/archive/retention-policy.ts';
import { isRigError } from '../../src/kernel/errors.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { PutOptions, Store } from '../../src/store/contract.ts';
import {
  createMemoryNamespace,
  type MemoryNamespace,
  openMemoryStore,
} from '../../src/store/drivers/memory.ts';
import { ArchiveOracle, decodeBatch, type History } from './archive-oracle.ts';
import type { Dice } from './dice.ts';
import { Listings } from './listings.ts';
import { RetentionOracle } from './retention-oracle.ts';
import type { Timer } from './scheduler.ts';
import { SnapshotOracle, snapshotKey } from './snapshot-oracle.ts';
import type { Universe } from './universe.ts';

export type Landed = 'stored' | 'exists';

/** A put or a removal on its way: nobody can call it back. */
interface Flight {
  readonly dueWallMs: number;
  readonly land: () => void;
  timer: Timer;
}

/** The store's side: objects, and the puts that are on their way to it whatever becomes of their senders. */
export class Place {
  /** For looking at, and for reading without delays. */
  readonly store: Store;
  readonly oracle: ArchiveOracle;
  readonly snapshots: SnapshotOracle;
  readonly retention: RetentionOracle;
  /** What those who list are shown. */
  readonly listings: Listings;
  /** Of all who prune here. */
  readonly policy: RetentionPolicy;
  /** What prunes have removed. */
  readonly removed = new Set<string>();
  /** What was put by those who had given up on it. */
  readonly landedLate = new Set<string>();
  /** Do its answers say what time it is? */
  readonly tellsTime: boolean;
  readonly #universe: Universe;
  readonly #namespace: MemoryNamespace = createMemoryNamespace();
  readonly #onClaim: (claim: Claim) => void;
  readonly #flights = new Set<Flight>();

  constructor(universe: Universe, histories: readonly History[], onClaim: (claim: Claim) => void) {
    this.#universe = universe;
    this.#onClaim = onClaim;
    this.tellsTime = universe.dice.chance(0.5);
    const clock = {
      wallMs: () => Math.floor(universe.wallMs),
      monotonicMs: () => universe.scheduler.nowMs,
      sleep: (durationMs: number) => universe.scheduler.pause(durationMs),
    };
    this.store = openMemoryStore(this.#namespace, clock);
    this.listings = new Listings(this.#namespace, () => universe.wallMs);
    this.oracle = new ArchiveOracle(histories, (what) => universe.violate(what));
    this.snapshots = new SnapshotOracle(this.oracle, (what) => universe.violate(what));
    this.retention = new RetentionOracle(this.oracle, this.snapshots, this.#holdings());
    this.policy = drawPolicy(universe.dice);
    universe.onLeap(() => this.#hurry());
  }

  /** Of what is stored, ascending. */
  get keys(): readonly string[] {
    return [...this.#namespace.objects.keys()].sort();
  }

  /** A copy of what is stored there. */
  bytesOf(key: string): Buffer | undefined {
    const object = this.#namespace.objects.get(key);
    return object && Buffer.from(object.bytes);
  }

  /** The key of the snapshot that `LATEST` names. */
  get latest(): string | undefined {
    const object = this.#namespace.objects.get('LATEST');
    return object && snapshotKey(Number.parseInt(Buffer.from(object.bytes).toString(), 16));
  }

  has(key: string): boolean {
    return this.#namespace.objects.has(key);
  }

  /** How many puts are on their way. */
  get inFlight(): number {
    return this.#flights.size;
  }

  /** The put takes effect after `delayMs` of true time, or is refused then. */
  landAfter(delayMs: number, key: string, bytes: Uint8Array, condition: PutOptions['if']): Promise<Landed> {
    return this.#fly(delayMs, () => this.#land(key, bytes, condition));
  }

  #fly<Result>(delayMs: number, arrive: () => Promise<Result>): Promise<Result> {
    const { scheduler, wallMs } = this.#universe;
    return new Promise((resolve, reject) => {
      const land = () => {
        this.#flights.delete(flight);
        arrive().then(resolve, reject);
      };
      const dueWallMs = wallMs + delayMs;
      const flight: Flight = { dueWallMs, land, timer: scheduler.after(delayMs, land) };
      this.#flights.add(flight);
    });
  }

  /**
   * Some time from now these are removed, one after the other; each removal is judged in its moment, by the snapshots
   * up to `unseenSinceMs`, and by later ones as far as they allow it.
   */
  removeAfter(delayMs: number, keys: readonly string[], unseenSinceMs: number): Promise<void> {
    return this.#fly(delayMs, async () => {
      for (const key of keys.filter((there) => this.has(there))) {
        this.#remove(key, unseenSinceMs);
      }
    });
  }

  #remove(key: string, unseenSinceMs: number): void {
    const universe = this.#universe;
    universe.note(`place: ${key} removed`);
    universe.count(`prune: removed from ${key.split('/')[0]}`);
    const objection = this.retention.objection(key, this.policy, universe.wallMs, unseenSinceMs);
    if (objection !== undefined) {
      universe.violate(`${key} is removed although ${objection}`);
    }
    this.listings.noteChange(key);
    this.#namespace.objects.delete(key);
    this.removed.add(key);
    this.oracle.strays.delete(key);
  }

  #holdings() {
    const { objects } = this.#namespace;
    return {
      get keys() {
        return [...objects.keys()];
      },
      has: (key: string) => objects.has(key),
      landedLate: this.landedLate,
      modifiedAtMs: (key: string) => objects.get(key)?.modifiedAtMs ?? 0,
    };
  }

  async #land(key: string, bytes: Uint8Array, condition: PutOptions['if']): Promise<Landed> {
    const universe = this.#universe;
    if (!this.has(key)) {
      this.listings.noteChange(key);
    }
    try {
      await this.store.put(key, bodyOf(bytes), { if: condition });
    } catch (error) {
      if (isRigError(error, 'RIG_OBJECT_EXISTS')) {
        universe.note(`place: ${key} exists`);
        return 'exists';
      }
      throw error;
    }
    universe.note(`place: ${key} stored`);
    if (key === 'LATEST') {
      this.#judgeLatest(Buffer.from(bytes).toString());
    } else if (condition === 'any') {
      universe.violate(`${key} was put without a condition`);
    }
    if (key.startsWith('LOG/')) {
      this.#landedBatch(key, bytes);
    } else if (key.startsWith('SNAPSHOT/')) {
      this.#landedSnapshot(key, bytes);
    } else if (key.startsWith('WRITER/')) {
      this.#onClaim(JSON.parse(Buffer.from(bytes).toString()) as Claim);
    }
    return 'stored';
  }

  #landedBatch(key: string, bytes: Uint8Array): void {
    const wasRemoved = this.removed.has(key);
    this.oracle.landed(key, decodeBatch(bytes), wasRemoved);
    if (wasRemoved) {
      this.#universe.count('a removed batch was put again');
    }
  }

  #landedSnapshot(key: string, bytes: Uint8Array): void {
    const { of, base, pieces } = this.snapshots.land(key, bytes, (other) => this.has(other));
    const how = base === undefined ? 'full' : 'as an increment';
    this.#universe.count(`snapshot of the ${of}: stored ${pieces === undefined ? 'without its base' : how}`);
  }

  /** Who puts it has seen the snapshot; that it may be gone by now, the next one mends. */
  #judgeLatest(text: string): void {
    if (!this.snapshots.landed.has(snapshotKey(Number.parseInt(text, 16)))) {
      this.#universe.violate(`LATEST says ${JSON.stringify(text)}, and there was never such a snapshot`);
    }
  }

  /** The calendar went on: what was due by now lands now, the rest is so much nearer. */
  #hurry(): void {
    const { scheduler, wallMs } = this.#universe;
    const flights = [...this.#flights].sort((a, b) => a.dueWallMs - b.dueWallMs);
    for (const flight of flights) {
      flight.timer.cancelled = true;
      flight.timer = scheduler.after(flight.dueWallMs - wallMs, flight.land);
    }
  }
}

/** Short, so that something goes. */
function drawPolicy(dice: Dice): RetentionPolicy {
  return dice.pick<RetentionPolicy>([
    { keepLast: 1 },
    { keepLast: 2 },
    { keepWithinMs: 36 * 3_600_000 },
    { keepDaily: 2 },
    { keepLast: 1, keepDaily: 3 },
  ]);
}
