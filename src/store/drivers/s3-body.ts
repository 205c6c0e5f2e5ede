import { addAbortSignal, type Readable } from 'node:stream';
import { assert } from '../../kernel/assert.ts';
import { RigError } from '../../kernel/errors.ts';
import type { PutBody } from '../contract.ts';

/**
 * The chunks of an answer's body. Leaving the loop early ends the connection. A connection that breaks, or a body that
 * ends short of `lengthBytes`, throws what `onBreak` makes of
 * it.
 */
export function readBody(
  stream: Readable,
  lengthBytes: number,
  signal: AbortSignal | undefined,
  onBreak: (error: unknown) => unknown,
): AsyncIterable<Uint8Array> {
  // It may break before anybody reads it: that must not end the process. The reader is told.
  stream.on('error', () => undefined);
  if (signal !== undefined) {
    addAbortSignal(signal, stream);
  }
  return chunksOf(stream, lengthBytes, signal, onBreak);
}

async function* chunksOf(
  stream: Readable,
  lengthBytes: number,
  signal: AbortSignal | undefined,
  onBreak: (error: unknown) => unknown,
): AsyncIterable<Uint8Array> {
  let readBytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      readBytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw onBreak(error);
  }
  if (readBytes !== lengthBytes) {
    throw onBreak(shortBody(readBytes, lengthBytes));
  }
}

function shortBody(readBytes: number, lengthBytes: number): RigError {
  return new RigError('RIG_STORE_UNAVAILABLE', `a body ended after ${readBytes} of ${lengthBytes} bytes`, {
    hint: 'try again',
  });
}

/** A whole body in one piece; not copied when it is one already. */
export async function gather(body: PutBody): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.open()) {
    chunks.push(chunk);
  }
  const whole = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  assertLength(body, whole.length);
  return whole;
}

/** A body that is not as long as it said is a bug of the caller's. */
export function assertLength({ lengthBytes }: PutBody, givenBytes: number): void {
  const agrees = lengthBytes === undefined || lengthBytes === givenBytes;
  assert(agrees, `a body of ${lengthBytes} bytes gave ${givenBytes}`);
}

/** Buffers of one size, to be used again. Left to the garbage collector, many of them would lie about at a time. */
export class PieceBuffers {
  readonly pieceBytes: number;
  readonly #free: Buffer[] = [];

  constructor(pieceBytes: number) {
    this.pieceBytes = pieceBytes;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.pieceBytes);
  }

  /** Nobody looks at this piece any more. */
  giveBack(piece: Buffer): void {
    if (piece.length === this.pieceBytes) {
      this.#free.push(piece);
    }
  }
}

/**
 * The same bytes in pieces of one size, the last one shorter. They are copies: many small chunks would each keep the
 * slab they were cut from alive until their piece is sent.
 */
export async function* inPieces(body: PutBody, buffers: PieceBuffers): AsyncIterable<Buffer> {
  let piece: Buffer | undefined;
  let filledBytes = 0;
  for await (const chunk of body.open()) {
    for (let takenBytes = 0; takenBytes < chunk.length; ) {
      piece ??= buffers.take();
      const part = chunk.subarray(takenBytes, takenBytes + piece.length - filledBytes);
      piece.set(part, filledBytes);
      takenBytes += part.length;
      filledBytes += part.length;
      if (filledBytes === piece.length) {
        yield piece;
        piece = undefined;
        filledBytes = 0;
      }
    }
  }
  if (piece !== undefined) {
    yield piece.subarray(0, filledBytes);
  }
}
