import type { Clock } from './clock.ts';
import { showDuration } from './duration.ts';
import { isRigError, messageOf, RigError } from './errors.ts';
import type { Random } from './random.ts';
import type { RetryReport } from './report.ts';

/** How calls that failed are repeated. */
export interface RetryPolicy {
  readonly clock: Clock;
  readonly random: Random;
  /** Gives up when this long has passed since the first failure without any progress; undefined: never. */
  readonly deadlineMs: number | undefined;
  /** Called before each wait. */
  readonly onRetry: (report: RetryReport) => void;
}

const BASE_DELAY_MS = 100;
const MAX_DELAY_MS = 20_000;

/** The failures of one call in a row, and how long to wait after each. */
export class Attempts {
  readonly #operation: string;
  readonly #policy: RetryPolicy;
  readonly #signal: AbortSignal | undefined;
  #failures = 0;
  #firstFailureMs = 0;

  /** `operation`: for messages, `get LOG/0000000000000000`. `signal` ends the waits. */
  constructor(operation: string, policy: RetryPolicy, signal: AbortSignal | undefined) {
    this.#operation = operation;
    this.#policy = policy;
    this.#signal = signal;
  }

  /** Makes the call until it succeeds or may not be repeated. */
  async run<Result>(call: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        await this.pauseAfter(error);
      }
    }
  }

  /** Something came through: what fails from now on is a new row of failures. */
  progressed(): void {
    this.#failures = 0;
  }

  /**
   * Returns when it is time for the next attempt. Throws when there shall be none: the error itself when it is not
   * retryable, the signal's reason when it is aborted, RIG_STORE_UNAVAILABLE when the deadline has passed.
   */
  async pauseAfter(error: unknown): Promise<void> {
    if (!isRigError(error) || !error.retryable) {
      throw error;
    }
    this.#signal?.throwIfAborted();
    const { clock, onRetry } = this.#policy;
    const nowMs = clock.monotonicMs();
    if (this.#failures === 0) {
      this.#firstFailureMs = nowMs;
    }
    this.#failures += 1;
    const delayMs = this.#delayMs(error, nowMs - this.#firstFailureMs);
    onRetry({
      type: 'retry',
      operation: this.#operation,
      attempt: this.#failures,
      delayMs,
      code: error.code,
      message: messageOf(error),
    });
    await clock.sleep(delayMs, this.#signal);
  }

  /** Full jitter, but never before the server wants it, and with a last attempt at the deadline. */
  #delayMs(error: RigError, triedMs: number): number {
    const { random, deadlineMs = Number.POSITIVE_INFINITY } = this.#policy;
    const ceilingMs = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (this.#failures - 1));
    const wantedMs = error.retryAfterMs ?? 0;
    const leftMs = deadlineMs - triedMs;
    if (leftMs <= 0 || wantedMs > leftMs) {
      throw this.#givenUp(error, triedMs);
    }
    return Math.min(Math.max(random.next() * ceilingMs, wantedMs), leftMs);
  }

  #givenUp(error: RigError, triedMs: number): RigError {
    const message = `${this.#operation} failed for ${showDuration(triedMs)}: ${error.message}`;
    return new RigError('RIG_STORE_UNAVAILABLE', message, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
      details: { ...error.details, attempts: this.#failures },
    });
  }
}
