import { assert } from '../kernel/assert.ts';
import { isSha256, type Sha256 } from '../kernel/digest.ts';
import { isOffset } from '../kernel/offset.ts';
import { MIB } from '../kernel/size.ts';
import { codecNamed } from './codec.ts';
import { damaged } from './damage.ts';
import { withCrc, withoutCrc } from './envelope.ts';
import { bytesOf, type FrameEntry, findFrameProblem, isFrameList } from './frame.ts';
import type { JsonObject } from './json.ts';
import { decodeVersioned } from './versioned.ts';

/** What a snapshot object says of itself behind its frames. Man page rigctl-archive(5) is the reference. */
export interface SnapshotFooter {
  readonly v: 1;
  /** Of the whole content. */
  readonly bytes: number;
  /** Of the content's bytes that lie in this object, uncompressed. */
  readonly ownBytes: number;
  /** Of all pieces' lengths and hashes, in order. */
  readonly sha256: Sha256;
  /** Of the whole content. */
  readonly pieces: number;
  /** Of the own bytes; a piece lies in one frame. */
  readonly frames: readonly FrameEntry[];
  /** Of the index. Stored bytes and CRC are of the whole skippable frame. */
  readonly index: readonly FrameEntry[];
}

/** Uncompressed bytes of a frame of a snapshot, be it of its own bytes or of its index, at most. */
export const SNAPSHOT_FRAME_LIMIT_BYTES = MIB;
/** Frames of two TiB; a reader holds them all. */
const FOOTER_LIMIT_BYTES = 64 * MIB;

const MAGIC = 'RIGFOOT1';
/** The footer's length and the magic: the object's last bytes. */
const FOOTER_END_BYTES = 16;
const SKIPPABLE_HEAD_BYTES = 8;

/** The object's last frame. What it asserts, {@link decodeFooter} checks. */
export function encodeFooter(footer: SnapshotFooter): Uint8Array {
  const problem = findProblem(footer);
  assert(problem === undefined, `a snapshot footer to be valid: ${problem}`);
  const content = withCrc(Buffer.from(JSON.stringify(footer)));
  const end = Buffer.alloc(FOOTER_END_BYTES);
  const lengthBytes = SKIPPABLE_HEAD_BYTES + content.length + FOOTER_END_BYTES;
  assert(lengthBytes <= FOOTER_LIMIT_BYTES, 'a snapshot footer within its limit');
  end.writeBigUInt64LE(BigInt(lengthBytes), 0);
  end.write(MAGIC, 8, 'latin1');
  return codecNamed('zstd').wrapHeader(Buffer.concat([content, end]));
}

/**
 * How long the footer is that ends with these bytes.
 * @throws RigError RIG_CHECKSUM_MISMATCH when it is none, or longer than it may be.
 */
export function footerLength(key: string, end: Uint8Array): number {
  const view = Buffer.from(end.subarray(-FOOTER_END_BYTES));
  if (view.length < FOOTER_END_BYTES || view.toString('latin1', 8) !== MAGIC) {
    throw damaged(key, 'it does not end with a footer');
  }
  const lengthBytes = Number(view.readBigUInt64LE(0));
  if (lengthBytes < SKIPPABLE_HEAD_BYTES + FOOTER_END_BYTES || lengthBytes > FOOTER_LIMIT_BYTES) {
    throw damaged(key, `its footer claims ${lengthBytes} bytes`);
  }
  return lengthBytes;
}

/**
 * Reads a footer back.
 * @throws RigError RIG_VERSION_UNKNOWN for another version; RIG_CHECKSUM_MISMATCH for anything that no writer of
 *   version 1 writes.
 */
export function decodeFooter(key: string, frame: Uint8Array): SnapshotFooter {
  const location = codecNamed('zstd').locateHeader(frame);
  const json = withoutCrc(frame.subarray(location?.contentStart, -FOOTER_END_BYTES));
  if (location?.contentEnd !== frame.length || json === undefined) {
    throw damaged(key, 'its footer does not match its CRC');
  }
  const offsetOf = () => undefined;
  return decodeVersioned<SnapshotFooter>(key, json, {
    what: 'footer',
    hasTypes: hasFooterTypes,
    findProblem,
    offsetOf,
  });
}

function hasFooterTypes(value: JsonObject): value is JsonObject & SnapshotFooter {
  const { bytes, ownBytes, pieces, frames, index } = value;
  return (
    [bytes, ownBytes, pieces].every(isOffset) &&
    isSha256(value['sha256']) &&
    isFrameList(frames) &&
    isFrameList(index)
  );
}

/** What makes this no footer of version 1, or undefined when nothing does. */
function findProblem({ bytes, ownBytes, pieces, frames, index }: SnapshotFooter): string | undefined {
  if (ownBytes > bytes) {
    return 'it has more bytes of its own than in all';
  }
  if (pieces > bytes || pieces * SNAPSHOT_FRAME_LIMIT_BYTES < bytes || pieces > 0 !== index.length > 0) {
    return 'its number of pieces cannot be';
  }
  if (bytesOf(frames) !== ownBytes) {
    return 'its frames do not add up to its length';
  }
  return findFrameProblem([...frames, ...index], SNAPSHOT_FRAME_LIMIT_BYTES);
}
