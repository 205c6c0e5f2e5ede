import type { Clock } from '../kernel/clock.ts';

/** However many hints come, this much lies between two looks at the journal. */
const SHORTEST_PAUSE_MS = 5;

/** Why a sleep ended before its time. */
const HINTED = Symbol('hinted');

/**
 * Waiting for time to pass or for a hint that something changed. Hints may come by the thousand: one costs no more
 * than setting a flag, and they shorten a pause to no less than 5 ms.
 */
export class Pause {
  readonly #clock: Clock;
  #hinted = false;
  #wake: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly hint = (): void => {
    if (!this.#hinted) {
      this.#hinted = true;
      this.#wake();
    }
  };

  /** Forgets hints so far, and says whether there were any: call it right before the look that answers them. */
  clear(): boolean {
    const wasHinted = this.#hinted;
    this.#hinted = false;
    return wasHinted;
  }

  /** Resolves after `limitMs`, or sooner on a hint. Rejects with the signal's reason when it is aborted. */
  async wait(limitMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const startedMs = this.#clock.monotonicMs();
    if (this.#hinted || (await this.#isHintedWithin(limitMs, signal))) {
      const leftMs = Math.min(SHORTEST_PAUSE_MS, limitMs) - (this.#clock.monotonicMs() - startedMs);
      if (leftMs > 0) {
        await this.#clock.sleep(leftMs, signal);
      }
    }
    signal.throwIfAborted();
  }

  async #isHintedWithin(limitMs: number, signal: AbortSignal): Promise<boolean> {
    const ended = new AbortController();
    const onAbort = () => ended.abort(signal.reason);
    this.#wake = () => ended.abort(HINTED);
    signal.addEventListener('abort', onAbort);
    try {
      await this.#clock.sleep(limitMs, ended.signal);
      return false;
    } catch (error) {
      if (error !== HINTED) {
        throw error;
      }
      return true;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#wake = () => {};
    }
  }
}
