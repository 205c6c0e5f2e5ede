import { assert } from '../kernel/assert.ts';
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
import { type Codec, codecNamed } from './codec.ts';
import type { Compression } from './compression.ts';
import { wrapEnvelope } from './envelope.ts';
import { FRAMES_UNDER_WAY, type FrameEntry, frameEntry, type SealedFrame } from './frame.ts';

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

/** A batch whose payload was read: the one that follows it can begin, while its last frames are compressed. */
export interface BatchInSeal {
  readonly end: Offset;
  readonly chain: Sha256;
  readonly sealed: Promise<SealedBatch>;
}

/**
 * Compresses and hashes a batch's payload as it comes, in chunks of at most 4 MiB, each of which becomes a frame. Takes
 * the chunks over: their memory is given back as soon as they are compressed. Holds the compressed bytes and a few
 * chunks. `describeEnd` is asked when the payload has ended; it is exactly `end - first` bytes long. When that rejects,
 * nothing goes on behind the caller's back; else `sealed` does.
 */
export async function sealBatch(
  start: BatchStart,
  payload: AsyncIterable<Uint8Array>,
  compression: Compression,
  describeEnd: () => BatchEnd,
): Promise<BatchInSeal> {
  const codec = codecNamed(compression.name);
  const hash = startSha256();
  const underWay: Promise<SealedFrame>[] = [];
  let payloadCrc32 = 0;
  let bytes = 0;
  try {
    for await (const chunk of payload) {
      assert(chunk.length > 0 && chunk.length <= FRAME_LIMIT_BYTES, 'a frame within its limit');
      bytes += chunk.length;
      const frame = compressFrame(chunk, codec, compression.level);
      frame.catch(() => undefined); // judged when its turn comes
      underWay.push(frame);
      // Another thread compresses meanwhile.
      hash.update(chunk);
      payloadCrc32 = compression.name === 'gzip' ? crc32(chunk, payloadCrc32) : 0;
      await underWay.at(-FRAMES_UNDER_WAY);
    }
    const { end, records, observed } = describeEnd();
    const { archive, first, prev, epoch } = start;
    assert(bytes === end - first, 'a payload as long as its range');
    const sha256 = hash.digest('hex');
    const chain = nextChain(prev, first, end, sha256);
    const headerWith = (frames: readonly FrameEntry[]): BatchHeader => {
      return { v: 1, archive, first, end, records, bytes, sha256, prev, chain, epoch, frames, observed };
    };
    const sealed = finish(codec, underWay, codec.trailer(payloadCrc32, bytes), headerWith);
    sealed.catch(() => undefined); // judged when its turn comes
    return { end, chain, sealed };
  } catch (error) {
    await Promise.allSettled(underWay);
    throw error;
  }
}

/** Takes the chunk over. */
async function compressFrame(chunk: Uint8Array, codec: Codec, level: number): Promise<SealedFrame> {
  const frameBytes = chunk.length;
  const stored = await codec.compress(chunk, level);
  release(chunk);
  return { entry: frameEntry(frameBytes, stored), stored };
}

async function finish(
  codec: Codec,
  underWay: readonly Promise<SealedFrame>[],
  trailer: Uint8Array,
  headerWith: (frames: readonly FrameEntry[]) => BatchHeader,
): Promise<SealedBatch> {
  const frames = await Promise.all(underWay);
  const entries = frames.map(({ entry }, index) =>
    index === frames.length - 1 ? lengthened(entry, trailer) : entry,
  );
  const header = headerWith(entries);
  const envelope = wrapEnvelope(codec, encodeHeader(header));
  const stored = joinParts([envelope, ...frames.map((frame) => frame.stored), trailer]);
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
