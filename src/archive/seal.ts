import { assert } from '../kernel/assert.ts';
import { mapInOrder } from '../kernel/concurrency.ts';
import { crc32, type Sha256, startSha256 } from '../kernel/digest.ts';
import { release } from '../kernel/memory.ts';
import type { Offset } from '../kernel/offset.ts';
import { KIB } from '../kernel/size.ts';
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
import { HEAD_BYTES, wrapEnvelope } from './envelope.ts';
import { FRAMES_UNDER_WAY, type FrameEntry, frameEntry } from './frame.ts';

/** What a batch is made of, beside its payload. */
export interface BatchContent {
  readonly archive: string;
  readonly first: Offset;
  readonly end: Offset;
  readonly records: number;
  readonly prev: Sha256;
  readonly epoch: number;
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
 * Compresses and hashes a batch's payload: exactly `end - first` bytes in chunks of at most 4 MiB, each of which
 * becomes a frame. Takes the chunks over: their memory is given back as soon as they are compressed. Holds the
 * compressed bytes and a few chunks.
 */
export async function sealBatch(
  content: BatchContent,
  payload: AsyncIterable<Uint8Array>,
  compression: Compression,
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
  const whole = new Assembly(content.end - content.first);
  for await (const { frameBytes, stored } of compressed) {
    frames.push(frameEntry(frameBytes, stored));
    whole.append(stored);
    release(stored);
  }
  assert(bytes === content.end - content.first, 'a payload as long as its range');
  const trailer = codec.trailer(payloadCrc32, bytes);
  frames.push(...frames.splice(-1).map((last) => lengthened(last, trailer)));
  whole.append(trailer);
  const { archive, first, end, records, prev, epoch, observed } = content;
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
  const stored = whole.finish(wrapEnvelope(codec, encodeHeader(header)));
  return { header, body: bodyOf(stored), discard: () => whole.discard() };
}

/** Noise grows by a little, and so do as many small frames as a header has room for. */
function storedAtMostBytes(payloadBytes: number): number {
  return payloadBytes + Math.ceil(payloadBytes / 64) + 64 * KIB;
}

/** A batch as one piece, which no store has to copy together. The header is known last, so there is room in front. */
class Assembly {
  #bytes: Buffer;
  #end = HEAD_BYTES;

  constructor(payloadBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(HEAD_BYTES + storedAtMostBytes(payloadBytes));
  }

  append(part: Uint8Array): void {
    assert(this.#end + part.length <= this.#bytes.length, 'frames that grow by no more than noise does');
    this.#bytes.set(part, this.#end);
    this.#end += part.length;
  }

  /** Nothing may be appended any more. What compressed well does not keep all that room. */
  finish(header: Uint8Array): Uint8Array {
    const start = HEAD_BYTES - header.length;
    this.#bytes.set(header, start);
    const whole = this.#bytes.subarray(start, this.#end);
    if (whole.length > 0.75 * this.#bytes.length) {
      return whole;
    }
    const copy = Buffer.allocUnsafeSlow(whole.length);
    copy.set(whole);
    release(this.#bytes);
    this.#bytes = copy;
    return copy;
  }

  discard(): void {
    release(this.#bytes);
  }
}

/** The entry of a frame when more is stored after its bytes. */
function lengthened([bytes, storedBytes, storedCrc32]: FrameEntry, more: Uint8Array): FrameEntry {
  return [bytes, storedBytes + more.length, crc32(more, storedCrc32)];
}
