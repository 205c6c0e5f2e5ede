import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { RigError } from '../../kernel/errors.ts';
import { MIB, showSize } from '../../kernel/size.ts';
import type { PutBody, PutOptions, PutResult } from '../contract.ts';
import { assertLength, inPieces } from './s3-body.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { answerOf, explain, type S3Call } from './s3-errors.ts';

const PART_BYTES = 8 * MIB;
const MAX_PARTS = 10_000;
const MAX_BYTES_IN_FLIGHT = 32 * MIB;
const PART_ATTEMPTS = 6;

export interface MultipartUpload {
  readonly bucket: S3Bucket;
  readonly call: S3Call;
  readonly target: { readonly Bucket: string; readonly Key: string };
  /**
   * Called when it is clear that there will be several parts, before the first is sent; what it throws ends the
   * put.
   */
  readonly beforeParts: () => Promise<void>;
}

/**
 * Puts a large body, or one of unknown length, in parts; one that turns out to fit one part is put whole. Holds about
 * 32 MiB of parts, and the next one, in memory. Parts are repeated, since that is harmless; the completion never is.
 * On failure it returns when the parts in flight have ended and the upload is given up: nothing of it goes on.
 */
export async function putInParts(
  upload: MultipartUpload,
  body: PutBody,
  { if: condition, signal }: PutOptions,
): Promise<PutResult> {
  const { Upload } = await import('@aws-sdk/lib-storage');
  const partBytes = partBytesFor(body.lengthBytes);
  const failure = new Failure(signal);
  const { connection } = upload.bucket;
  const client = connection.scoped(failure.signal, connection.requestTimeoutMs(partBytes));
  repeatParts(client, upload, failure);
  const source = Readable.from(watched(body, partBytes, failure));
  const transfer = new Upload({
    client,
    params: { ...upload.target, Body: source, ...(condition === 'absent' ? { IfNoneMatch: '*' } : {}) },
    partSize: partBytes,
    queueSize: Math.max(1, Math.min(4, Math.floor(MAX_BYTES_IN_FLIGHT / partBytes))),
  });
  try {
    const output = await transfer.done();
    return { storeTimeMs: connection.storeTimeMsOf(output) };
  } catch (error) {
    source.destroy();
    await giveUp(upload, transfer.uploadId);
    signal?.throwIfAborted();
    throw explain(failure.first ?? error, upload.call);
  }
}

/**
 * 8 MiB, or what makes 10,000 parts of a very large body, which is all a store takes. A body of unknown length gets
 * 16 MiB, and so may have 156 GiB.
 */
export function partBytesFor(lengthBytes: number | undefined): number {
  const leastBytes = Math.ceil((lengthBytes ?? 0) / MAX_PARTS / MIB) * MIB;
  return Math.max(lengthBytes === undefined ? 2 * PART_BYTES : PART_BYTES, leastBytes);
}

/** What went wrong first, and an end to everything that is still under way. */
class Failure {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal;
  first: unknown;

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

/** The body in pieces smaller than a part; notes when it breaks or is not as long as it said. */
async function* watched(body: PutBody, partBytes: number, failure: Failure): AsyncIterable<Uint8Array> {
  let givenBytes = 0;
  try {
    for await (const piece of inPieces(body, MIB)) {
      failure.signal.throwIfAborted();
      givenBytes += piece.length;
      checkLimit(givenBytes, partBytes);
      yield piece;
    }
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

/** lib-storage would end the whole upload on the first lost part, and after the others went through. */
function repeatParts(client: S3Client, upload: MultipartUpload, failure: Failure): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      try {
        if (context.commandName === 'CreateMultipartUploadCommand') {
          await upload.beforeParts();
        }
        return context.commandName === 'UploadPartCommand'
          ? await repeat(() => next(args), upload, failure.signal)
          : await next(args);
      } catch (error) {
        failure.record(error);
        throw error;
      }
    },
    { step: 'initialize', name: 'repeatParts' },
  );
}

async function repeat<Result>(
  send: () => Promise<Result>,
  { bucket, call }: MultipartUpload,
  signal: AbortSignal,
): Promise<Result> {
  const { clock, random } = bucket.options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const explained = explain(error, { ...call, createOnly: false });
      if (
        !(explained instanceof RigError) ||
        !explained.retryable ||
        attempt === PART_ATTEMPTS ||
        signal.aborted
      ) {
        throw error;
      }
      await clock.sleep(Math.max(random.next() * 250 * 2 ** attempt, explained.retryAfterMs ?? 0), signal);
    }
  }
}

/** A part that arrived after the upload was given up would stay, unseen and paid for: look, and give it up again. */
async function giveUp({ bucket, target }: MultipartUpload, uploadId: string | undefined): Promise<void> {
  if (uploadId === undefined) {
    return;
  }
  const { sdk, client } = bucket.connection;
  const which = { ...target, UploadId: uploadId };
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    try {
      await client.send(new sdk.ListPartsCommand(which));
      await client.send(new sdk.AbortMultipartUploadCommand(which));
    } catch (error) {
      if (answerOf(error)?.status === 404) {
        return;
      }
      // The store is out of reach as well: its rule for unfinished uploads has to clear up.
    }
  }
}
