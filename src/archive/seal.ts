import { assert } from '../kernel/assert.ts';
import { mapInOrder } from '../kernel/concurrency.ts';
import { crc32, type Sha256, startSha256 } from '../kernel/digest.ts';
import { release } from '../kernel/memory.ts';
import type { Offset } from '../kernel/offset.ts';
import { bodyOf } from '../store/body.ts';
import type { PutBody } from '../store/contract.ts';
import {
  type BatchHeader,
  encodeHeader,
  FRAME_LIMIT_BYTES,
  nextChain,
  type Observation,
} from './batch-header.ts';
import { codecNamed } from './codec.ts';
import type { Compression } from './compression.ts';
import { wrapEnvelope } from './envelope.ts';
import { FRAMES_UNDER_WAY, type FrameEntry, frameEntry } from './frame.ts';

/** What a batch is made of, beside its payload. */
export interface BatchStart {
  readonly archive: string;
  readonly first: Offset;
  readonly prev: Sha256;
  readonly epoch: number;
}

/** What is known of it once its payload was read. */
export interface BatchEnd {
  readonly end: Offset;
  readonly records: number;
  readonly observed: readonly Observation[];
}

/** A batch ready to be put: its bytes are the same however often it is sent. */
export interface SealedBatch {
  readonly header: BatchHeader;
  readonly body: PutBody;
  /** Gives its memory back. To be called when it is stored: it cannot be put any more. */
  discard(): void;
}

/**
 * Compresses and hashes a batch's payload as it comes, in chunks of at most 4 MiB, each of which becomes a frame. Takes
 * the chunks over: their memory is given back as soon as they are compressed. Holds the compressed bytes and a few
 * chunks. `describeEnd` is asked when the payload has ended; it is exactly `end - first` bytes long.
 */
export async function sealBatch(
  { archive, first, prev, epoch }: BatchStart,
  payload: AsyncIterable<Uint8Array>,
  compression: Compression,
  describeEnd: () => BatchEnd,
): Promise<SealedBatch> {
  const codec = codecNamed(compression.name);
  const hash = startSha256();
  let payloadCrc32 = 0;
  let bytes = 0;
  const compressed = mapInOrder(payload, FRAMES_UNDER_WAY, async (chunk) => {
    assert(chunk.length > 0 && chunk.length <= FRAME_LIMIT_BYTES, 'a frame within its limit');
    const frameBytes = chunk.length;
    const compressing = codec.compress(chunk, compression.level);
    // Another thread compresses meanwhile.
    hash.update(chunk);
    payloadCrc32 = compression.name === 'gzip' ? crc32(chunk, payloadCrc32) : 0;
    bytes += frameBytes;
    const stored = await compressing;
    release(chunk);
    return { frameBytes, stored };
  });
  const frames: FrameEntry[] = [];
  const parts: Uint8Array[] = [];
  for await (const { frameBytes, stored } of compressed) {
    frames.push(frameEntry(frameBytes, stored));
    parts.push(stored);
  }
  const { end, records, observed } = describeEnd();
  assert(bytes === end - first, 'a payload as long as its range');
  const trailer = codec.trailer(payloadCrc32, bytes);
  frames.push(...frames.splice(-1).map((last) => lengthened(last, trailer)));
  parts.push(trailer);
  const payloadSha256 = hash.digest('hex');
  const header: BatchHeader = {
    v: 1,
    archive,
    first,
    end,
    records,
    bytes,
    sha256: payloadSha256,
    prev,
    chain: nextChain(prev, first, end, payloadSha256),
    epoch,
    frames,
    observed,
  };
  const stored = joinParts([wrapEnvelope(codec, encodeHeader(header)), ...parts]);
  return { header, body: bodyOf(stored), discard: () => release(stored) };
}

/** A batch as one piece, which no store has to copy together. Gives the memory of the parts back. */
function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  const whole = Buffer.allocUnsafeSlow(parts.reduce((bytes, part) => bytes + part.length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
    release(part);
  }
  return whole;
}

/** The entry of a frame when more is stored after its bytes. */
function lengthened([bytes, storedBytes, storedCrc32]: FrameEntry, more: Uint8Array): FrameEntry {
  return [bytes, storedBytes + more.length, crc32(more, storedCrc32)];
}
