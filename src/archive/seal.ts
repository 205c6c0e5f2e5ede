import { assert } from '../kernel/assert.ts';
import { mapInOrder } from '../kernel/concurrency.ts';
import { crc32, type Sha256, startSha256 } from '../kernel/digest.ts';
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
import { FRAMES_UNDER_WAY, frameEntry, release, type SealedFrame } from './frame.ts';

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
    hash.update(chunk);
    payloadCrc32 = compression.name === 'gzip' ? crc32(chunk, payloadCrc32) : 0;
    bytes += chunk.length;
    const frameBytes = chunk.length;
    const stored = await codec.compress(chunk, compression.level);
    release(chunk);
    return { frameBytes, stored };
  });
  const pieces: { frameBytes: number; stored: Uint8Array }[] = [];
  for await (const piece of compressed) {
    pieces.push(piece);
  }
  assert(bytes === content.end - content.first, 'a payload as long as its range');
  appendToLast(pieces, codec.trailer(payloadCrc32, bytes));
  const frames = pieces.map(toSealedFrame);
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
    frames: frames.map((frame) => frame.entry),
    observed,
  };
  const start = wrapEnvelope(codec, encodeHeader(header));
  return { header, body: bodyOf(join([start, ...frames.map((frame) => frame.stored)])) };
}

/** One piece, which no store has to copy together; each part's memory is given back once it is in. */
function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = Buffer.allocUnsafeSlow(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
    release(part);
  }
  return whole;
}

function appendToLast(pieces: { frameBytes: number; stored: Uint8Array }[], trailer: Uint8Array): void {
  const last = pieces.at(-1);
  if (last !== undefined && trailer.length > 0) {
    last.stored = Buffer.concat([last.stored, trailer]);
  }
}

function toSealedFrame(piece: { frameBytes: number; stored: Uint8Array }): SealedFrame {
  return { entry: frameEntry(piece.frameBytes, piece.stored), stored: piece.stored };
}
