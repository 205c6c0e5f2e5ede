import { assert } from '../kernel/assert.ts';
import { isSha256, type Sha256, sha256 } from '../kernel/digest.ts';
import { isOffset, type Offset } from '../kernel/offset.ts';
import { MIB } from '../kernel/size.ts';
import { bytesOf, type FrameEntry, findFrameProblem, isFrameList, isNumberList } from './frame.ts';
import type { JsonObject } from './json.ts';
import { decodeVersioned } from './versioned.ts';

/** Uncompressed bytes of a frame, at most: what is held, compressed and checked at a time. */
export const FRAME_LIMIT_BYTES = 4 * MIB;
/** Uncompressed bytes of a batch, at most. */
export const BATCH_LIMIT_BYTES = 64 * MIB;
/** Pairs of `observed`, at most. */
export const OBSERVED_LIMIT = 64;

/** What a batch object says of itself in front of its frames. Man page rigctl-archive(5) is the reference. */
export interface BatchHeader {
  readonly v: 1;
  /** The archive's id. */
  readonly archive: string;
  readonly first: Offset;
  readonly end: Offset;
  readonly records: number;
  /** Uncompressed. */
  readonly bytes: number;
  /** Of the uncompressed payload. */
  readonly sha256: Sha256;
  /** The chain at `first`, and at `end`. */
  readonly prev: Sha256;
  readonly chain: Sha256;
  readonly epoch: number;
  readonly frames: readonly FrameEntry[];
  readonly observed: readonly Observation[];
}

/** When (Unix milliseconds) the pusher saw the journal to be how long. */
export type Observation = readonly [offset: Offset, atMs: number];

/** The chain before the first batch. */
export function firstChain(archiveId: string): Sha256 {
  return sha256(archiveId);
}

/** The chain at `end`: it depends on the journal's content and cuts alone. */
export function nextChain(prev: Sha256, first: Offset, end: Offset, payloadSha256: Sha256): Sha256 {
  const link = Buffer.alloc(80);
  link.write(prev, 0, 'hex');
  link.writeBigUInt64BE(BigInt(first), 32);
  link.writeBigUInt64BE(BigInt(end), 40);
  link.write(payloadSha256, 48, 'hex');
  return sha256(link);
}

/** The header as JSON. What it asserts, {@link decodeHeader} checks. */
export function encodeHeader(header: BatchHeader): Uint8Array {
  const problem = findProblem(header);
  assert(problem === undefined, `a batch header to be valid: ${problem}`);
  return Buffer.from(JSON.stringify(header));
}

/**
 * Reads a header back.
 * @throws RigError RIG_VERSION_UNKNOWN for another version; RIG_CHECKSUM_MISMATCH for anything that no writer of
 *   version 1 writes.
 */
export function decodeHeader(key: string, json: Uint8Array): BatchHeader {
  return decodeVersioned(key, json, {
    what: 'header',
    hasTypes: hasHeaderTypes,
    findProblem,
    offsetOf: ({ first }) => first,
  });
}

function hasHeaderTypes(value: JsonObject): value is JsonObject & BatchHeader {
  const { archive, first, end, records, bytes, prev, chain, epoch, frames, observed } = value;
  return (
    typeof archive === 'string' &&
    [first, end, records, bytes, epoch].every(isOffset) &&
    [prev, chain, value['sha256']].every(isSha256) &&
    isFrameList(frames) &&
    Array.isArray(observed) &&
    observed.every((pair) => isNumberList(pair, 2))
  );
}

/** What makes this no header of version 1, or undefined when nothing does. */
function findProblem(header: BatchHeader): string | undefined {
  const { first, end, bytes, records, epoch, prev, chain } = header;
  if (end <= first) {
    return 'its offsets are not a range';
  }
  if (bytes !== end - first || bytes > BATCH_LIMIT_BYTES) {
    return 'its length does not fit its offsets';
  }
  if (records < 1 || records > bytes) {
    return 'its number of records cannot be';
  }
  if (epoch < 1) {
    return 'epochs count from 1';
  }
  if (chain !== nextChain(prev, first, end, header.sha256)) {
    return 'its chain does not follow from its content';
  }
  if (bytesOf(header.frames) !== bytes) {
    return 'its frames do not add up to its length';
  }
  return (
    findFrameProblem(header.frames, FRAME_LIMIT_BYTES) ?? findObservedProblem(header.observed, first, end)
  );
}

function findObservedProblem(
  observed: readonly Observation[],
  first: Offset,
  end: Offset,
): string | undefined {
  if (observed.length > OBSERVED_LIMIT) {
    return 'it has too many observations';
  }
  let [lastOffset, lastMs] = [first, 0];
  for (const [offset, atMs] of observed) {
    if (offset < lastOffset || offset > end || atMs < lastMs) {
      return 'its observations are not in order';
    }
    [lastOffset, lastMs] = [offset, atMs];
  }
  return lastOffset === end && observed.length > 0 ? undefined : 'its last observation is not of its end';
}
