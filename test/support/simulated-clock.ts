import type { Clock } from '../../src/kernel/clock.ts';

export interface SimulatedClockOptions {
  /** The wall clock's start; default 2026-11-21T10:32:07Z. */
  readonly startMs?: number;
  /** Go to the next timer by itself whenever everything is idle. Default: only when told. */
  readonly automatic?: boolean;
}

/** Turns of the event loop without a new timer after which everything counts as idle. */
const QUIET_TURNS = 10;

/**
 * A clock whose time passes only when a test says so. Waiting costs no real time; timers fire in the order they
 * are due,
 * and what each one sets off runs to its end before the next. Work outside the event loop (real files, compression)
 * is seen as idle: simulated time may pass while it runs, as on a slow machine.
 */
export class SimulatedClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  readonly #automatic: boolean;
  readonly #timers = new Set<Timer>();
  #timersSet = 0;
  #pumping = false;

  constructor({ startMs = 1_795_257_127_000, automatic = false }: SimulatedClockOptions = {}) {
    this.#wallMs = startMs;
    this.#automatic = automatic;
  }

  wallMs(): number {
    return Math.floor(this.#wallMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** How many sleeps are under way. */
  get sleeping(): number {
    return this.#timers.size;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        this.#timers.delete(timer);
        reject(signal?.reason);
      };
      const fire = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const timer = { dueMs: this.#monotonicMs + Math.max(0, durationMs), fire };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#timers.add(timer);
      this.#timersSet += 1;
      if (this.#automatic && !this.#pumping) {
        void this.#pump();
      }
    });
  }

  /** Lets `durationMs` pass, with everything that becomes due on the way. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#monotonicMs + durationMs;
    await this.settle();
    for (let timer = this.#next(); timer !== undefined && timer.dueMs <= endMs; timer = this.#next()) {
      this.#fire(timer);
      await this.settle();
    }
    this.#passTo(endMs);
  }

  /** Goes from timer to timer until `work` has ended, and gives its result. */
  async runUntil<Result>(work: Promise<Result>): Promise<Result> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    work.then(end, end);
    for (;;) {
      await this.settle();
      if (ended) {
        return work;
      }
      const timer = this.#next();
      if (timer !== undefined) {
        this.#fire(timer);
      }
    }
  }

  /** The wall clock is set, or the machine slept: monotonic time stands still meanwhile. */
  jumpWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** Waits until nothing in the event loop moves any more. */
  async settle(): Promise<void> {
    for (let turn = 0, seen = this.#timersSet; turn < QUIET_TURNS; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (seen !== this.#timersSet) {
        seen = this.#timersSet;
        turn = 0;
      }
    }
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    await this.settle();
    for (let timer = this.#next(); timer !== undefined; timer = this.#next()) {
      this.#fire(timer);
      await this.settle();
    }
    this.#pumping = false;
  }

  /** The first timer due; of several at the same time, the one set first. */
  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (first === undefined || timer.dueMs < first.dueMs) {
        first = timer;
      }
    }
    return first;
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    this.#passTo(Math.max(timer.dueMs, this.#monotonicMs));
    timer.fire();
  }

  #passTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
}
