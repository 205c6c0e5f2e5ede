import type { Clock } from '../../kernel/clock.ts';
import { showDuration } from '../../kernel/duration.ts';
import { isRigError, messageOf, RigError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import type { RetryReport } from '../../kernel/report.ts';
import type {
  CallOptions,
  Capabilities,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  PutResult,
  Store,
  StoredObject,
} from '../contract.ts';
import { resolveRange } from '../key.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Gives up when this long has passed since the first failure without any progress; undefined: never. */
  readonly deadlineMs: number | undefined;
  /** Called before each wait. */
  readonly onRetry: (report: RetryReport) => void;
}

const BASE_DELAY_MS = 100;
const MAX_DELAY_MS = 20_000;

/**
 * Repeats what may be repeated and failed with a retryable error: every get, head, list and delete, and puts with
 * `if: 'any'`. A body that breaks goes on where it broke, a listing goes on after the last key it gave. A create-only
 * put is never repeated: after an unknown outcome, "exists" may mean the caller's own bytes, and only the caller can tell.
 *
 * Beside the store's own errors: RIG_STORE_UNAVAILABLE when the deadline has passed, or when an object was
 * replaced while its body was read.
 */
export function retry(store: Store, options: RetryOptions): Store {
  return new RetryingStore(store, options);
}

class RetryingStore implements Store {
  readonly url: string;
  readonly capabilities: Capabilities;
  readonly #store: Store;
  readonly #options: RetryOptions;

  constructor(store: Store, options: RetryOptions) {
    this.url = store.url;
    this.capabilities = store.capabilities;
    this.#store = store;
    this.#options = options;
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const object = await this.#attempts(`get ${key}`, options).run(() => this.#store.get(key, options));
    return object === undefined ? undefined : { ...object, body: this.#resumingBody(key, options, object) };
  }

  head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#attempts(`head ${key}`, options).run(() => this.#store.head(key, options));
  }

  put(key: string, body: PutBody, options: PutOptions): Promise<PutResult> {
    if (options.if === 'absent') {
      return this.#store.put(key, body, options);
    }
    return this.#attempts(`put ${key}`, options).run(() => this.#store.put(key, body, options));
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    const attempts = this.#attempts(`list ${prefix}`, options);
    let { after } = options;
    for (;;) {
      try {
        for await (const listed of this.#store.list(prefix, { ...options, after })) {
          attempts.progressed();
          after = listed.key;
          yield listed;
        }
        return;
      } catch (error) {
        await attempts.pauseAfter(error);
      }
    }
  }

  delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    return this.#attempts('delete', options).run(() => this.#store.delete(keys, options));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async *#resumingBody(key: string, options: GetOptions, first: StoredObject): AsyncIterable<Uint8Array> {
    const attempts = this.#attempts(`get ${key}`, options);
    let { startByte, endByte } = resolveRange(options.range, first.sizeBytes);
    let body = first.body;
    for (;;) {
      try {
        for await (const chunk of body) {
          attempts.progressed();
          startByte += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        await attempts.pauseAfter(error);
      }
      const range = { startByte, endByte };
      const next = await attempts.run(() => this.#store.get(key, { ...options, range }));
      body = sameObject(key, first, next).body;
    }
  }

  #attempts(operation: string, { signal }: CallOptions): Attempts {
    return new Attempts(operation, this.#options, signal);
  }
}

/** The rest of a body is only of use when it is of the object that the beginning came from. */
function sameObject(key: string, first: StoredObject, next: StoredObject | undefined): StoredObject {
  if (next === undefined || next.version !== first.version || next.sizeBytes !== first.sizeBytes) {
    const what = next === undefined ? 'removed' : 'replaced';
    throw new RigError('RIG_STORE_UNAVAILABLE', `${key} was ${what} while it was read`, {
      hint: 'read it again from its beginning',
      details: { object: key },
    });
  }
  return next;
}

/** The failures of one call in a row, and how long to wait after each. */
class Attempts {
  readonly #operation: string;
  readonly #options: RetryOptions;
  readonly #signal: AbortSignal | undefined;
  #failures = 0;
  #firstFailureMs = 0;

  constructor(operation: string, options: RetryOptions, signal: AbortSignal | undefined) {
    this.#operation = operation;
    this.#options = options;
    this.#signal = signal;
  }

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

  /** Returns when it is time for the next attempt; throws when there shall be none. */
  async pauseAfter(error: unknown): Promise<void> {
    if (!isRigError(error) || !error.retryable) {
      throw error;
    }
    this.#signal?.throwIfAborted();
    const { clock, onRetry } = this.#options;
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
    const { random, deadlineMs = Number.POSITIVE_INFINITY } = this.#options;
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
