import type { Clock } from '../kernel/clock.ts';

/** However many hints come, this much lies between two looks at the journal. */
const SHORTEST_PAUSE_MS = 5;

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

  /** Forgets hints so far: call it right before the look that answers them. */
  clear(): void {
    this.#hinted = false;
  }

  /** Resolves after `limitMs`, or sooner on a hint. Rejects with the signal's reason when it is aborted. */
  async wait(limitMs: number, signal: AbortSignal): Promise<void> {
    const shortestMs = Math.min(SHORTEST_PAUSE_MS, limitMs);
    await this.#clock.sleep(shortestMs, signal);
    signal.throwIfAborted();
    if (this.#hinted || limitMs <= shortestMs) {
      return;
    }
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    signal.addEventListener('abort', this.#wake);
    try {
      await this.#clock.sleep(limitMs - shortestMs, woken.signal);
    } catch (error) {
      if (!woken.signal.aborted) {
        throw error;
      }
    } finally {
      signal.removeEventListener('abort', this.#wake);
      this.#wake = () => {};
    }
    signal.throwIfAborted();
  }
}
