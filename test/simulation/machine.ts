import type { Clock } from '../../src/kernel/clock.ts';
import { MemoryFileSystem } from '../support/memory-filesystem.ts';
import type { History } from './archive-oracle.ts';
import type { Timer } from './scheduler.ts';
import type { Universe } from './universe.ts';

/** Where every machine keeps its journal. */
export const JOURNAL = '/journal';
/** Where its application puts snapshots of its state. */
export const SNAPSHOTS = '/snapshots';

/** What it may call one. */
export function snapshotNames(at: number): readonly string[] {
  return [`${at}`, `0x${at.toString(16)}`];
}

/** A wait of something that runs on a machine. */
interface Wait {
  readonly fire: () => void;
  timer: Timer;
}

/**
 * A computer with clocks, a disk and a journal. While it is frozen nothing on it moves; after a sleep its monotonic
 * clock has stood still, after a stop it has gone on.
 */
export class Machine {
  readonly host: string;
  readonly fileSystem: MemoryFileSystem;
  readonly clock: Clock;
  /** What its journal is the beginning of. */
  history: History;
  journalBytes = 0;
  /** What its pushers have sent: so much of the journal must survive a power loss. */
  sentEnd = 0;
  /** At which offsets its application has taken snapshots. */
  readonly snapshotsAt = new Set<number>();
  /** What its processes have removed. */
  readonly removed = new Set<string>();
  /** Does the application sync what it writes? */
  syncs = true;
  /** Does its application repeat what another one writes, rather than write its own? */
  isReplica = false;
  /** What its application was writing when the disk was full: it goes on with it as soon as there is space. */
  unwritten: Uint8Array = new Uint8Array();
  readonly #universe: Universe;
  readonly #waits = new Set<Wait>();
  #wallOffsetMs = 0;
  #stoodStillMs = 0;
  #spaceLeft = Number.POSITIVE_INFINITY;
  #frozen: { readonly kind: 'sleep' | 'stop'; readonly sinceMs: number } | undefined;

  constructor(universe: Universe, host: string, history: History) {
    this.#universe = universe;
    this.host = host;
    this.history = history;
    this.clock = {
      wallMs: () => Math.floor(universe.wallMs + this.#wallOffsetMs),
      monotonicMs: () => this.#monotonicMs(),
      sleep: (durationMs) => new Promise((resolve) => void this.after(durationMs, resolve)),
    };
    this.fileSystem = new MemoryFileSystem(this.clock);
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  /** Calls back after `delayMs` on this machine's monotonic clock, unless it is told not to. */
  after(delayMs: number, callback: () => void): () => void {
    const fire = () => {
      if (this.#frozen !== undefined) {
        return; // a stopped machine: it is due as soon as that is over
      }
      this.#waits.delete(wait);
      callback();
    };
    const wait: Wait = { fire, timer: this.#universe.scheduler.after(delayMs, fire) };
    this.#waits.add(wait);
    return () => {
      wait.timer.cancelled = true;
      this.#waits.delete(wait);
    };
  }

  freeze(kind: 'sleep' | 'stop'): void {
    this.#universe.note(`${this.host}: ${kind}`);
    this.#frozen = { kind, sinceMs: this.#universe.scheduler.nowMs };
  }

  thaw(): void {
    if (this.#frozen === undefined) {
      return;
    }
    const { kind, sinceMs } = this.#frozen;
    const { scheduler } = this.#universe;
    this.#universe.note(`${this.host}: wakes`);
    const frozenMs = scheduler.nowMs - sinceMs;
    if (kind === 'sleep') {
      this.#stoodStillMs += frozenMs;
    }
    this.#frozen = undefined;
    for (const wait of this.#waits) {
      wait.timer.cancelled = true;
      const dueMs = wait.timer.dueMs + (kind === 'sleep' && wait.timer.dueMs >= sinceMs ? frozenMs : 0);
      wait.timer = scheduler.after(dueMs - scheduler.nowMs, wait.fire);
    }
  }

  /** Its disk has space for so many more calls that need some, of whatever process, and is full then. */
  fillDisk(afterCalls: number): void {
    this.#universe.note(`${this.host}: disk full after ${afterCalls} more calls`);
    this.#spaceLeft = afterCalls;
  }

  /** Somebody makes space. */
  freeDisk(): void {
    this.#spaceLeft = Number.POSITIVE_INFINITY;
  }

  get isDiskFull(): boolean {
    return this.#spaceLeft <= 0;
  }

  /** A call that needs some space: is there any? */
  takeSpace(): boolean {
    this.#spaceLeft -= 1;
    return this.#spaceLeft >= 0;
  }

  /** How far its wall clock is ahead. */
  get wallAheadMs(): number {
    return this.#wallOffsetMs;
  }

  /** Its wall clock is set. */
  jumpWall(byMs: number): void {
    this.#universe.note(`${this.host}: wall clock jumps ${Math.round(byMs)} ms`);
    this.#wallOffsetMs += byMs;
  }

  #monotonicMs(): number {
    const nowMs = this.#frozen?.kind === 'sleep' ? this.#frozen.sinceMs : this.#universe.scheduler.nowMs;
    return nowMs - this.#stoodStillMs;
  }
}
