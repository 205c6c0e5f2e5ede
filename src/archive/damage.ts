import { type Details, type ErrorCode, isRigError, RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { batchKey } from './layout.ts';

const VERIFY_HINT = 'run "rigctl verify" to see what is damaged and which offsets can still be restored';

/** An object of the archive that is not what it must be. `code` is one of the kind `data`. */
export function damaged(
  key: string,
  what: string,
  options: { readonly code?: ErrorCode; readonly cause?: unknown; readonly details?: Details } = {},
): RigError {
  return new RigError(options.code ?? 'RIG_CHECKSUM_MISMATCH', `${key} is damaged: ${what}`, {
    hint: VERIFY_HINT,
    cause: options.cause,
    details: { object: key, ...options.details },
  });
}

/** An object written by a later version of rigctl. */
export function fromTheFuture(key: string, version: unknown): RigError {
  // Anything may stand there, also what cannot be made into text.
  const found = typeof version === 'number' ? `version ${version}` : 'a version that is no number';
  return new RigError('RIG_VERSION_UNKNOWN', `${key} has ${found}, this rigctl reads version 1`, {
    hint: 'use a newer rigctl to read this archive',
    details: { object: key },
  });
}

/** Offsets that no batch holds although batches after them exist, or although a writer saw them stored. */
export function missing(from: Offset, to: Offset): RigError {
  return new RigError(
    'RIG_CHAIN_GAP',
    `offsets ${showOffset(from)} to ${showOffset(to)} are missing: there is no batch ${batchKey(from)}`,
    { hint: VERIFY_HINT, details: { object: batchKey(from), offset: from, expected: from, found: to } },
  );
}

/** A listed object that is gone when it is read. */
export function vanished(key: string): RigError {
  return new RigError('RIG_OBJECT_NOT_FOUND', `${key} was listed and is gone`, {
    hint: 'find out what removes objects (a prune, a lifecycle rule), then run the command again',
    details: { object: key },
  });
}

/** An error that says that bytes of the archive are not what they must be; anything else is thrown on. */
export function needDamage(error: unknown): RigError {
  if (isRigError(error) && error.kind === 'data') {
    return error;
  }
  throw error;
}

/** What `read` gives; undefined when it finds damage, for those to whom that is as good as absence. */
export async function unlessDamaged<Result>(read: Promise<Result>): Promise<Result | undefined> {
  try {
    return await read;
  } catch (error) {
    needDamage(error);
    return undefined;
  }
}

/** For a `catch`: removed while it was read is as if it had been removed before. Any other error is thrown on. */
export function undefinedWhenGone(error: unknown): undefined {
  if (!isRigError(error, 'RIG_OBJECT_NOT_FOUND')) {
    throw error;
  }
}
