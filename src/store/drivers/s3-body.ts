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

/**
 * The same bytes in fresh pieces of `pieceBytes`, the last one shorter. Many small chunks would each keep the slab they
 * were cut from alive until their part is sent.
 */
export async function* inPieces(body: PutBody, pieceBytes: number): AsyncIterable<Uint8Array> {
  let piece = Buffer.allocUnsafeSlow(pieceBytes);
  let filledBytes = 0;
  for await (const chunk of body.open()) {
    for (let takenBytes = 0; takenBytes < chunk.length; ) {
      const part = chunk.subarray(takenBytes, takenBytes + pieceBytes - filledBytes);
      piece.set(part, filledBytes);
      takenBytes += part.length;
      filledBytes += part.length;
      if (filledBytes === pieceBytes) {
        yield piece;
        piece = Buffer.allocUnsafeSlow(pieceBytes);
        filledBytes = 0;
      }
    }
  }
  if (filledBytes > 0) {
    yield piece.subarray(0, filledBytes);
  }
}
