import { damaged } from './damage.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

export type JsonObject = { readonly [name: string]: unknown };

/**
 * Parses the JSON object that `key` holds or carries.
 * @throws RigError RIG_CHECKSUM_MISMATCH when it is not UTF-8, not JSON, or not an object.
 */
export function parseJsonObject(key: string, bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(bytes));
  } catch (cause) {
    throw damaged(key, 'it does not hold readable JSON', { cause });
  }
  if (!isJsonObject(value)) {
    throw damaged(key, 'it does not hold a JSON object');
  }
  return value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
