import type { Clock } from '../../src/kernel/clock.ts';
import type { Dice } from './dice.ts';
import type { Machine } from './machine.ts';
import type { Universe } from './universe.ts';

/**
 * A process on a machine. Everything that it awaits goes through {@link pass}: when it has been killed, nothing that
 * it waits for ever comes, so that it is stopped at any of its awaits.
 */
export class Process {
  readonly name: string;
  readonly pid: number;
  readonly machine: Machine;
  readonly universe: Universe;
  readonly dice: Dice;
  readonly clock: Clock;
  /** Answers of the store that were made worse for it, and bodies that were damaged. */
  faults = 0;
  corruptions = 0;
  fileFaults = 0;
  /** Pages that did not show what was there. */
  staleListings = 0;
  /** What it puts takes its time to leave. */
  lingers = false;
  /** Calls that failed because the disk was full. */
  fullDisks = 0;
  /** What to do when a signal is aborted: one listener of each signal for all that waits. */
  readonly #waits = new WeakMap<AbortSignal, Set<() => void>>();
  #alive = true;
  #passes = 0;
  #diesAtPass = Number.POSITIVE_INFINITY;

  constructor(universe: Universe, machine: Machine, kind: string, pid: number) {
    this.universe = universe;
    this.machine = machine;
    this.pid = pid;
    this.name = `${kind}#${pid}@${machine.host}`;
    this.dice = universe.fork();
    this.clock = {
      wallMs: () => machine.clock.wallMs(),
      monotonicMs: () => machine.clock.monotonicMs(),
      sleep: (durationMs, signal) => this.pass(durationMs, signal),
    };
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  note(what: string): void {
    this.universe.note(`${this.name}: ${what}`);
  }

  kill(): void {
    if (this.#alive) {
      this.note('is killed');
      this.universe.count('killed');
      this.#alive = false;
    }
  }

  /** It will be killed at one of its next awaits; undefined: it will not. */
  dieWithin(passes: number | undefined): void {
    this.#diesAtPass = passes === undefined ? Number.POSITIVE_INFINITY : this.#passes + passes;
  }

  /** It ended by itself. */
  end(): void {
    this.#alive = false;
  }

  /** Comes back after `delayMs`, with the signal's reason as soon as it is aborted, and never when it was killed. */
  pass(delayMs: number, signal?: AbortSignal): Promise<void> {
    this.#passes += 1;
    if (this.#passes >= this.#diesAtPass) {
      this.kill();
    }
    return new Promise((resolve, reject) => {
      if (!this.#alive) {
        return;
      }
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const waits = signal && this.#waitsOn(signal);
      const onAbort = () => {
        cancel();
        if (this.#alive) {
          reject(signal?.reason);
        }
      };
      const cancel = this.machine.after(delayMs, () => {
        waits?.delete(onAbort);
        if (this.#alive) {
          resolve();
        }
      });
      waits?.add(onAbort);
    });
  }

  #waitsOn(signal: AbortSignal): Set<() => void> {
    const known = this.#waits.get(signal);
    if (known !== undefined) {
      return known;
    }
    const waits = new Set<() => void>();
    const endAll = () => {
      for (const end of waits) {
        end();
      }
    };
    signal.addEventListener('abort', endAll, { once: true });
    this.#waits.set(signal, waits);
    return waits;
  }

  /** Something from outside reaches it, when its machine runs: a signal, a hint. */
  deliver(what: () => void): void {
    this.machine.after(this.dice.between(0, 2), () => {
      if (this.#alive) {
        what();
      }
    });
  }
}
