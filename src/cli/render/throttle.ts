import type { Clock } from '../../kernel/clock.ts';

export interface ThrottleOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Drops what waits when it is aborted. */
  readonly signal: AbortSignal;
}

/** Lets one value through at the end of each interval: the newest there is then. */
export class Throttle<Value> {
  readonly #options: ThrottleOptions;
  readonly #emit: (value: Value) => void;
  #nextMs: number;
  #waiting: { newest: Value } | undefined;

  constructor(options: ThrottleOptions, emit: (value: Value) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#nextMs = options.clock.monotonicMs() + options.intervalMs;
  }

  offer(value: Value): void {
    if (this.#waiting !== undefined) {
      this.#waiting.newest = value;
      return;
    }
    const waitMs = this.#nextMs - this.#options.clock.monotonicMs();
    if (waitMs <= 0) {
      this.#pass(value);
      return;
    }
    const waiting = { newest: value };
    this.#waiting = waiting;
    this.#options.clock.sleep(waitMs, this.#options.signal).then(
      () => {
        this.#waiting = undefined;
        this.#pass(waiting.newest);
      },
      () => undefined, // it ended meanwhile
    );
  }

  #pass(value: Value): void {
    this.#nextMs = this.#options.clock.monotonicMs() + this.#options.intervalMs;
    this.#emit(value);
  }
}
