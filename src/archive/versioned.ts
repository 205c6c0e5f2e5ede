import type { Offset } from '../kernel/offset.ts';
import { damaged, fromTheFuture } from './damage.ts';
import { type JsonObject, parseJsonObject } from './json.ts';

/** JSON in which every object of the archive that has a version says something of itself. */
export interface VersionedShape<Value> {
  /** For messages: `header`. */
  readonly what: string;
  hasTypes(value: JsonObject): value is JsonObject & Value;
  /** What makes this none of version 1, or undefined when nothing does. */
  findProblem(value: Value): string | undefined;
  /** Where it belongs in the journal, for the error's details. */
  offsetOf(value: Value): Offset | undefined;
}

/**
 * Reads such JSON back.
 * @throws RigError RIG_VERSION_UNKNOWN for another version; RIG_CHECKSUM_MISMATCH for anything that no writer of
 *   version 1 writes.
 */
export function decodeVersioned<Value>(key: string, json: Uint8Array, shape: VersionedShape<Value>): Value {
  const value = parseJsonObject(key, json);
  if (value['v'] !== 1) {
    throw fromTheFuture(key, value['v']);
  }
  if (!shape.hasTypes(value)) {
    throw damaged(key, `its ${shape.what} lacks a field or has one of another type`);
  }
  const problem = shape.findProblem(value);
  if (problem !== undefined) {
    const offset = shape.offsetOf(value);
    const details = offset === undefined ? {} : { offset };
    throw damaged(key, `its ${shape.what} is not valid: ${problem}`, { details });
  }
  return value;
}
