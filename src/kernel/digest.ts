import { createHash, type Hash, hash } from 'node:crypto';
import { crc32 as zlibCrc32 } from 'node:zlib';

/** A SHA-256 as 64 lower-case hex digits. */
export type Sha256 = string;

export function isSha256(value: unknown): value is Sha256 {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

export function sha256(content: Uint8Array | string): Sha256 {
  return hash('sha256', content, 'hex');
}

/** A SHA-256 as 43 characters of base64url: for very many of them, in memory and in text. */
export function shortSha256(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64url');
}

/** A running SHA-256; end it with `.digest('hex')`. */
export function startSha256(): Hash {
  return createHash('sha256');
}

/** CRC-32 (IEEE 802.3, as in gzip and zip), unsigned; pass the last value to go on. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  return zlibCrc32(bytes, previous);
}
