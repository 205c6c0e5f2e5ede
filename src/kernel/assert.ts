import { RigError } from './errors.ts';

/** Throws RIG_ASSERTION (a bug in rigctl, never an operating error) unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) {
    throw new RigError('RIG_ASSERTION', `assertion failed: ${message}`);
  }
}
