import { damaged } from './damage.ts';
import { SNAPSHOT_FRAME_LIMIT_BYTES } from './snapshot-footer.ts';

/** A line of a snapshot's index: a piece among its own bytes, or pieces of its base. */
export type IndexLine = OwnLine | BaseLine;

export interface OwnLine {
  readonly lengthBytes: number;
  /** 43 characters of base64url. */
  readonly sha256: string;
  /** Of the first piece of a key. */
  readonly key: string | undefined;
}

/** The pieces `[first, first + count)` of the base's whole content. */
export interface BaseLine {
  readonly first: number;
  readonly count: number;
}

/** In characters. Any path that a system call takes is shorter, and a line fits in a frame however it is escaped. */
export const KEY_LIMIT = 65_536;

export function encodeOwnLine(lengthBytes: number, sha256: string, key: string | undefined): string {
  const start = `[${lengthBytes},"${sha256}"`;
  return key === undefined ? `${start}]\n` : `${start},${JSON.stringify(key)}]\n`;
}

export function encodeBaseLine({ first, count }: BaseLine): string {
  return `[${first},${count}]\n`;
}

/**
 * The lines of a frame of the index of `object`.
 * @throws RigError RIG_CHECKSUM_MISMATCH
 */
export function* decodeLines(object: string, frame: Uint8Array): Generator<IndexLine, void, undefined> {
  const text = decodeText(object, frame);
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\n', at);
    const line = end < 0 ? undefined : decodeLine(text.slice(at, end));
    if (line === undefined) {
      throw damaged(object, 'its index has a line that cannot be');
    }
    yield line;
    at = end + 1;
  }
}

function decodeText(object: string, frame: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(frame);
  } catch (cause) {
    throw damaged(object, 'its index is not text', { cause });
  }
}

/** 32 bytes in 43 characters, the last of which has two bits to spare. */
const HASH = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

function decodeLine(text: string): IndexLine | undefined {
  const value = parse(text);
  if (!Array.isArray(value) || value.length < 2 || value.length > 3) {
    return undefined;
  }
  const [number, second, key]: unknown[] = value;
  if (!isCount(number)) {
    return undefined;
  }
  if (typeof second === 'number') {
    const fits = isCount(second) && second > 0 && Number.isSafeInteger(number + second) && value.length === 2;
    return fits ? { first: number, count: second } : undefined;
  }
  if (typeof second !== 'string' || !HASH.test(second) || number < 1 || number > SNAPSHOT_FRAME_LIMIT_BYTES) {
    return undefined;
  }
  if (value.length === 2) {
    return { lengthBytes: number, sha256: second, key: undefined };
  }
  return isKey(key) ? { lengthBytes: number, sha256: second, key } : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && typeof value === 'number' && value >= 0;
}

/** Latin-1 text, one character a byte of a path. */
function isKey(value: unknown): value is string {
  return typeof value === 'string' && value.length <= KEY_LIMIT && !/[^\0-\xff]/.test(value);
}
