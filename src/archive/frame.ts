import { crc32 } from '../kernel/digest.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import { isOffset } from '../kernel/offset.ts';
import { KIB } from '../kernel/size.ts';
import type { Codec } from './codec.ts';
import { damaged } from './damage.ts';

/** Uncompressed bytes, stored bytes, CRC-32 of the stored bytes. */
export type FrameEntry = readonly [bytes: number, storedBytes: number, storedCrc32: number];

/** A frame ready to be stored. */
export interface SealedFrame {
  readonly entry: FrameEntry;
  readonly stored: Uint8Array;
}

/** Frames read, compressed or waiting for an earlier one at a time: libuv's four threads are busy then. */
export const FRAMES_UNDER_WAY = 4;

export function isFrameList(value: unknown): value is readonly FrameEntry[] {
  return Array.isArray(value) && value.every((frame) => isNumberList(frame, 3));
}

export function isNumberList(value: unknown, length: number): boolean {
  return Array.isArray(value) && value.length === length && value.every(isOffset);
}

/** What makes these no frames of at most `limitBytes`, or undefined when nothing does. */
export function findFrameProblem(frames: readonly FrameEntry[], limitBytes: number): string | undefined {
  for (const [bytes, storedBytes, storedCrc32] of frames) {
    if (bytes < 1 || bytes > limitBytes || storedCrc32 > 0xffff_ffff) {
      return 'a frame is out of bounds';
    }
    // Incompressible data grows a little; a frame that claims more would make a reader hold what it does not need.
    if (storedBytes < 1 || storedBytes > 2 * bytes + KIB) {
      return 'a frame is stored longer than it can be';
    }
  }
  return undefined;
}

/** The uncompressed bytes of all of them. */
export function bytesOf(frames: readonly FrameEntry[]): number {
  return frames.reduce((total, [bytes]) => total + bytes, 0);
}

/** The stored bytes of all of them. */
export function storedBytesOf(frames: readonly FrameEntry[]): number {
  return frames.reduce((total, [, storedBytes]) => total + storedBytes, 0);
}

export function frameEntry(bytes: number, stored: Uint8Array): FrameEntry {
  return [bytes, stored.length, crc32(stored)];
}

/**
 * Are these the stored bytes of frame number `index` of an object?
 * @throws RigError RIG_CHECKSUM_MISMATCH
 */
export function checkStored(key: string, index: number, entry: FrameEntry, stored: Uint8Array): void {
  const [, storedBytes, storedCrc32] = entry;
  if (stored.length !== storedBytes || crc32(stored) !== storedCrc32) {
    throw damaged(key, `frame ${index} does not match its CRC`, { details: { frame: index } });
  }
}

/**
 * Decompresses frame number `index` of an object. No more is allocated than its entry says.
 * @throws RigError RIG_CHECKSUM_MISMATCH
 */
export async function decompressFrame(
  key: string,
  index: number,
  entry: FrameEntry,
  stored: Uint8Array,
  codec: Codec,
): Promise<Uint8Array> {
  try {
    return ofLength(key, index, entry, await codec.decompress(stored, entry[0]));
  } catch (cause) {
    throw doesNotDecompress(key, index, cause);
  }
}

/** As {@link decompressFrame}, on this thread. */
export function decompressFrameNow(
  key: string,
  index: number,
  entry: FrameEntry,
  stored: Uint8Array,
  codec: Codec,
): Uint8Array {
  try {
    return ofLength(key, index, entry, codec.decompressNow(stored, entry[0]));
  } catch (cause) {
    throw doesNotDecompress(key, index, cause);
  }
}

function ofLength(key: string, index: number, [lengthBytes]: FrameEntry, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== lengthBytes) {
    throw damaged(key, `frame ${index} gives ${bytes.length} bytes instead of ${lengthBytes}`);
  }
  return bytes;
}

function doesNotDecompress(key: string, index: number, cause: unknown): RigError {
  return isRigError(cause) ? cause : damaged(key, `frame ${index} does not decompress`, { cause });
}
