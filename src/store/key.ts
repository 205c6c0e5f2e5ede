import { assert } from '../kernel/assert.ts';
import { isOffset } from '../kernel/offset.ts';
import type { GetOptions } from './contract.ts';

/** One part of a key between slashes; `.` and `..` are not among them. */
export function isKeySegment(text: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(text) && text !== '.' && text !== '..';
}

/** Is it a key as the store contract defines it? */
export function isKey(text: string): boolean {
  return text.split('/').every(isKeySegment);
}

/** A bad key is a bug in the caller, not an operating error. */
export function assertKey(key: string): void {
  assert(isKey(key), `${JSON.stringify(key)} is not a store key`);
}

/** Any beginning of a key, and the empty text. */
export function assertPrefix(prefix: string): void {
  assert(/^[A-Za-z0-9._/-]*$/.test(prefix), `${JSON.stringify(prefix)} cannot begin a store key`);
}

/** The bytes `[startByte, endByte)` that a range means in an object of `sizeBytes`; without a range, all. */
export function resolveRange(
  range: GetOptions['range'],
  sizeBytes: number,
): { readonly startByte: number; readonly endByte: number } {
  const { startByte = 0, endByte = sizeBytes } = range ?? {};
  assert(isOffset(startByte) && isOffset(endByte), `a range of whole bytes, not [${startByte}, ${endByte})`);
  assert(range?.endByte === undefined || startByte <= endByte, `range [${startByte}, ${endByte}) ends early`);
  const end = Math.min(endByte, sizeBytes);
  return { startByte: Math.min(startByte, end), endByte: end };
}
