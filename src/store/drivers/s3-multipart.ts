import type { CompletedPart } from '@aws-sdk/client-s3';
import { assert } from '../../kernel/assert.ts';
import { mapInOrder } from '../../kernel/concurrency.ts';
import { isRigError, RigError } from '../../kernel/errors.ts';
import { MIB, showSize } from '../../kernel/size.ts';
import type { PutBody, PutOptions, PutResult } from '../contract.ts';
import { assertLength, inPieces, PieceBuffers } from './s3-body.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { explain } from './s3-errors.ts';
import { giveUpUpload } from './s3-give-up.ts';

const PART_BYTES = 8 * MIB;
/** A body that may have no more goes whole. */
const WHOLE_BYTES = 16 * MIB;
const MAX_PARTS = 10_000;
const PARTS_IN_FLIGHT = 3;
const MAX_BYTES_IN_FLIGHT = 32 * MIB;
const PART_ATTEMPTS = 6;
/** A part is not sent again when it has failed for so long. */
const PART_PATIENCE_MS = 60_000;

export interface LargePut {
  readonly bucket: S3Bucket;
  readonly key: string;
  /** Called when it is clear that there will be several parts, before anything is sent; what it throws ends the put. */
  readonly beforeParts: () => Promise<void>;
  /** Puts a body that turned out to fit one part. */
  readonly putWhole: (bytes: Uint8Array) => Promise<PutResult>;
}

/**
 * Puts a large body, or one of unknown length, in parts; one that turns out to fit one part is put whole. Holds about
 * 32 MiB of parts in memory. Parts are repeated, since that is harmless; the completion never is. On failure it
 * returns when the parts in flight have ended and the upload is given up, or the error says that it could not be.
 */
export async function putInParts(put: LargePut, body: PutBody, options: PutOptions): Promise<PutResult> {
  const failure = new Failure(options.signal);
  const buffers = new PieceBuffers(partBytesFor(body));
  const pieces = watched(inPieces(body, buffers), body, buffers.pieceBytes, failure);
  try {
    const first = await pieces.next();
    const second = await pieces.next();
    if (second.done === true) {
      return await put.putWhole(first.done === true ? new Uint8Array() : first.value);
    }
    assert(first.done !== true, 'what has a second piece has a first');
    await put.beforeParts();
    return await sendParts(put, options.if, continued([first.value, second.value], pieces), buffers, failure);
  } catch (error) {
    options.signal?.throwIfAborted();
    const explained = explain(failure.first ?? error, put.bucket.call('put', put.key, options.if));
    throw failure.leavesUpload && isRigError(explained) ? leavingUpload(explained) : explained;
  } finally {
    await pieces.return();
  }
}

/**
 * 8 MiB, or what makes 10,000 parts of a very large body, which is all a store takes. A body of which nothing is known
 * gets 16 MiB, and so may have 156 GiB.
 */
export function partBytesFor({ lengthBytes, atMostBytes = lengthBytes }: PutBody): number {
  return atMostBytes === undefined || atMostBytes <= WHOLE_BYTES
    ? WHOLE_BYTES
    : Math.max(PART_BYTES, Math.ceil(atMostBytes / MAX_PARTS / MIB) * MIB);
}

/** What went wrong first, and an end to everything that is still under way. */
class Failure {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal;
  first: unknown;
  /** Parts of it stay at the store. */
  leavesUpload = false;

  constructor(given: AbortSignal | undefined) {
    const own = this.#controller.signal;
    this.signal = given === undefined ? own : AbortSignal.any([own, given]);
  }

  record(error: unknown): void {
    if (!this.signal.aborted) {
      this.first = error;
      this.#controller.abort();
    }
  }
}

/** The pieces as they come; notes when the body breaks, is not as long as it said, or gives more than can be stored. */
async function* watched(
  pieces: AsyncIterable<Buffer>,
  body: PutBody,
  partBytes: number,
  failure: Failure,
): AsyncGenerator<Buffer, void, undefined> {
  let givenBytes = 0;
  try {
    for await (const piece of pieces) {
      failure.signal.throwIfAborted();
      givenBytes += piece.length;
      checkLimit(givenBytes, partBytes);
      yield piece;
    }
    failure.signal.throwIfAborted();
    assertLength(body, givenBytes);
  } catch (error) {
    failure.record(error);
    throw error;
  }
}

function checkLimit(givenBytes: number, partBytes: number): void {
  if (givenBytes > partBytes * MAX_PARTS) {
    throw new RigError(
      'RIG_STORE_UNSUPPORTED',
      `a body of unknown length cannot have more than ${showSize(partBytes * MAX_PARTS)}`,
      { hint: 'store it in several smaller pieces' },
    );
  }
}

async function* continued<Item>(first: readonly Item[], rest: AsyncIterable<Item>): AsyncIterable<Item> {
  yield* first;
  yield* rest;
}

async function sendParts(
  { bucket, key }: LargePut,
  condition: PutOptions['if'],
  pieces: AsyncIterable<Buffer>,
  buffers: PieceBuffers,
  failure: Failure,
): Promise<PutResult> {
  const { sdk, client, requestTimeoutMs, storeTimeMsOf } = bucket.connection;
  const target = bucket.target(key);
  // Runs to its end whatever happens meanwhile: an upload whose id got lost would stay for ever. When its answer gets
  // lost on the way, it does; but it has no parts, and so takes no room.
  const { UploadId } = await client.send(
    new sdk.CreateMultipartUploadCommand({ ...target, ...(await checksumOf(bucket)) }),
  );
  const upload = { ...target, UploadId };
  const limits = { abortSignal: failure.signal, requestTimeout: requestTimeoutMs(buffers.pieceBytes) };
  try {
    let started = 0;
    const sendPart = async (piece: Buffer): Promise<CompletedPart> => {
      started += 1;
      const part = { ...upload, PartNumber: started, Body: piece };
      const send = () => client.send(new sdk.UploadPartCommand(part), limits);
      const { ETag, ChecksumCRC32 } = await repeat(send, bucket, key, failure);
      buffers.giveBack(piece);
      return { PartNumber: part.PartNumber, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) };
    };
    const Parts: CompletedPart[] = [];
    for await (const part of mapInOrder(pieces, partsInFlight(buffers.pieceBytes), sendPart)) {
      Parts.push(part);
    }
    const whole = { ...upload, MultipartUpload: { Parts }, ...bucket.condition(condition) };
    const output = await client.send(new sdk.CompleteMultipartUploadCommand(whole), limits);
    return { storeTimeMs: storeTimeMsOf(output) };
  } catch (error) {
    failure.record(error);
    failure.leavesUpload = !(await giveUpUpload(bucket, upload));
    throw error;
  }
}

function partsInFlight(partBytes: number): number {
  return Math.max(1, Math.min(PARTS_IN_FLIGHT, Math.floor(MAX_BYTES_IN_FLIGHT / partBytes)));
}

/** Where the SDK adds checksums to the parts, the upload must say so beforehand. */
async function checksumOf({ connection }: S3Bucket): Promise<{ readonly ChecksumAlgorithm?: 'CRC32' }> {
  const calculation = await connection.client.config.requestChecksumCalculation();
  return calculation === 'WHEN_SUPPORTED' ? { ChecksumAlgorithm: 'CRC32' } : {};
}

/** One lost part must not end the upload. What cannot be mended ends all parts at once. */
async function repeat<Result>(
  send: () => Promise<Result>,
  bucket: S3Bucket,
  key: string,
  failure: Failure,
): Promise<Result> {
  const { clock, random } = bucket.options;
  let firstFailureMs: number | undefined;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const explained = explain(error, bucket.call('put', key));
      firstFailureMs ??= clock.monotonicMs();
      const isLate = clock.monotonicMs() - firstFailureMs >= PART_PATIENCE_MS;
      const isLast = attempt === PART_ATTEMPTS || isLate || failure.signal.aborted;
      if (isLast || !isRigError(explained) || !explained.retryable) {
        failure.record(error);
        throw error;
      }
      await clock.sleep(
        Math.max(random.next() * 250 * 2 ** attempt, explained.retryAfterMs ?? 0),
        failure.signal,
      );
    }
  }
}

function leavingUpload({ code, message, hint, retryAfterMs, details, cause }: RigError): RigError {
  return new RigError(
    code,
    `${message}; parts of it stay in the bucket until a lifecycle rule removes them`,
    {
      cause,
      details: { ...details, unfinishedUpload: true },
      ...(hint === undefined ? {} : { hint }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  );
}
