import { Attempts, type RetryPolicy } from '../kernel/attempts.ts';
import { isRigError, RigError } from '../kernel/errors.ts';
import type { PutBody, Store } from '../store/contract.ts';

/** What to put where, and how to read what is there. */
export interface Creation<Found> {
  readonly key: string;
  readonly body: PutBody;
  /** Undefined: nothing is there. */
  read(): Promise<Found | undefined>;
}

/**
 * Creates an object that is written only once, by whoever is first. Undefined: this call has stored it. Otherwise what
 * `read` gives: whatever the store answered but "stored", that counts, and it may be this call's own object.
 * Repeats the
 * put until one of the two is certain or the policy's deadline has passed.
 */
export async function createOnce<Found>(
  store: Store,
  { key, body, read }: Creation<Found>,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<Found | undefined> {
  const attempts = new Attempts(`put ${key}`, policy, signal);
  for (;;) {
    let failure: unknown;
    try {
      await store.put(key, body, { if: 'absent', signal });
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
    const found = await read();
    if (found !== undefined) {
      return found;
    }
    await attempts.pauseAfter(isRigError(failure, 'RIG_OBJECT_EXISTS') ? goneAgain(key, failure) : failure);
  }
}

/** A put was refused because the key exists, and a get finds nothing there: only another put can tell. */
export function goneAgain(key: string, cause: RigError): RigError {
  return new RigError('RIG_STORE_UNAVAILABLE', `${key} exists and cannot be read`, { cause });
}
