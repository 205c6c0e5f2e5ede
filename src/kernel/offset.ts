import { assert } from './assert.ts';
import { RigError } from './errors.ts';

/**
 * Logical time: a gap position in a journal, counted in the format's unit (bytes, or records for `rig`).
 * A safe integer >= 0. Offset 0 is before the first record.
 */
export type Offset = number;

export function isOffset(value: unknown): value is Offset {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * Reads `12345` or `0x48e` as a user writes it. Returns undefined when it does not look like an offset at all.
 * @throws RigError RIG_USAGE when it does but lies above 2^53-1.
 */
export function parseOffset(text: string): Offset | undefined {
  if (!/^(?:[0-9]+|0[xX][0-9a-fA-F]+)$/.test(text)) {
    return undefined;
  }
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new RigError('RIG_USAGE', `offset ${text} is above 2^53-1, the largest offset there is`, {
      hint: 'give an offset from "rigctl status"',
    });
  }
  return value;
}

/** Fixed-width form used in object names: 16 lower-case hex digits, so that names sort as offsets do. */
export function toHex16(offset: Offset): string {
  assert(isOffset(offset), `offset ${offset} is not a safe integer >= 0`);
  return offset.toString(16).padStart(16, '0');
}

/** Reads {@link toHex16}'s form and no other. Returns undefined for anything else, and above 2^53-1. */
export function fromHex16(text: string): Offset | undefined {
  if (!/^[0-9a-f]{16}$/.test(text)) {
    return undefined;
  }
  const value = Number.parseInt(text, 16);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** For people: decimal and hex, `1166 (0x48e)`. */
export function showOffset(offset: Offset): string {
  return `${offset} (0x${offset.toString(16)})`;
}
