import { fromHex16, type Offset, toHex16 } from '../kernel/offset.ts';

/**
 * Where things lie in an archive. Offsets are gap positions; a byte journal's batch `[a, b)` is `LOG/hex(a)`. This
 * is the only module that knows how an offset becomes a name.
 */

export const DESCRIPTOR_KEY = 'ARCHIVE.json';
export const LATEST_KEY = 'LATEST';
export const LOG_PREFIX = 'LOG/';
export const SNAPSHOT_PREFIX = 'SNAPSHOT/';
export const WRITER_PREFIX = 'WRITER/';

/** The batch that starts at this offset. */
export function batchKey(first: Offset): string {
  return LOG_PREFIX + toHex16(first);
}

/** The snapshot at this offset. */
export function snapshotKey(at: Offset): string {
  return SNAPSHOT_PREFIX + toHex16(at);
}

export function writerKey(epoch: number): string {
  return WRITER_PREFIX + toHex16(epoch);
}

/** What a key names. Anything that rigctl would not write is a stray: reported, never touched. */
export type KeyMeaning =
  | { readonly kind: 'descriptor' | 'latest' | 'stray' }
  | { readonly kind: 'batch'; readonly first: Offset }
  | { readonly kind: 'snapshot'; readonly at: Offset }
  | { readonly kind: 'writer'; readonly epoch: number };

export function meaningOf(key: string): KeyMeaning {
  if (key === DESCRIPTOR_KEY) {
    return { kind: 'descriptor' };
  }
  if (key === LATEST_KEY) {
    return { kind: 'latest' };
  }
  const slash = key.indexOf('/') + 1;
  const number = fromHex16(key.slice(slash));
  if (number !== undefined) {
    switch (key.slice(0, slash)) {
      case LOG_PREFIX:
        return { kind: 'batch', first: number };
      case SNAPSHOT_PREFIX:
        return { kind: 'snapshot', at: number };
      case WRITER_PREFIX:
        return { kind: 'writer', epoch: number };
    }
  }
  return { kind: 'stray' };
}
