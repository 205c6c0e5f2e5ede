import { type Details, type ErrorCode, RigError } from '../kernel/errors.ts';

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
  return new RigError('RIG_VERSION_UNKNOWN', `${key} has version ${String(version)}, this rigctl reads version 1`, {
    hint: 'use a newer rigctl to read this archive',
    details: { object: key },
  });
}
