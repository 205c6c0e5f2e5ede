import { Readable } from 'node:stream';
import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { RigError } from '../../src/kernel/errors.ts';
import { gather, inPieces, PieceBuffers, readBody } from '../../src/store/drivers/s3-body.ts';
import { explainBreak, type S3Call } from '../../src/store/drivers/s3-errors.ts';
import { fakeOptions } from '../support/fake-s3.ts';
import { allOf, someBytes, streamOf } from '../support/store-bytes.ts';

const CALL: S3Call = {
  operation: 'read',
  bucket: 'bucket',
  key: 'LOG/0',
  endpointUrl: undefined,
  region: 'us-east-1',
  clock: fakeOptions().clock,
};
const onBreak = (error: unknown) => explainBreak(error, CALL);

describe('a body that is read', () => {
  it('may break before anybody reads it: the reader is told, the process lives', async () => {
    const stream = new Readable({ read() {} });
    const body = readBody(stream, 10, undefined, onBreak);
    stream.destroy(new Error('Connection lost or stream closed before all data was received.'));
    await new Promise((resolve) => stream.once('close', resolve));
    await expect(allOf(body)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE', retryable: true });
  });

  it('is not whole when it ends early without an error', async () => {
    const body = readBody(Readable.from([Buffer.alloc(9)]), 10, undefined, onBreak);
    await expect(allOf(body)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
  });

  it('is damaged when the SDK finds its checksum wrong', async () => {
    const stream = Readable.from([Buffer.alloc(10)]);
    stream.destroy(new Error('Checksum mismatch: expected "a" but received "b"'));
    const body = readBody(stream, 10, undefined, onBreak);
    await expect(allOf(body)).rejects.toMatchObject({ code: 'RIG_CHECKSUM_MISMATCH', retryable: false });
  });

  it('ends at an abort although all of it has come', async () => {
    const [controller, reason] = [new AbortController(), new Error('enough')];
    const stream = Readable.from([Buffer.alloc(5), Buffer.alloc(5)]);
    const seen: number[] = [];
    const reading = async () => {
      for await (const chunk of readBody(stream, 10, controller.signal, onBreak)) {
        seen.push(chunk.length);
        controller.abort(reason);
      }
    };
    await expect(reading()).rejects.toBe(reason);
    expect(seen).toEqual([5]);
  });

  it('keeps errors that have a meaning already', () => {
    const error = new RigError('RIG_STORE_DENIED', 'no');
    expect(onBreak(error)).toBe(error);
  });
});

describe('a body that is sent', () => {
  const cuts = fc.record({
    lengthBytes: fc.integer({ min: 0, max: 200 }),
    chunkBytes: fc.integer({ min: 1, max: 70 }),
    pieceBytes: fc.integer({ min: 1, max: 60 }),
  });

  test.prop([cuts])(
    'is cut into pieces of one size, however it comes',
    async ({ lengthBytes, chunkBytes, pieceBytes }) => {
      const bytes = someBytes(lengthBytes);
      const pieces = await allOf(
        inPieces(streamOf(bytes, chunkBytes, undefined), new PieceBuffers(pieceBytes)),
      );
      expect(bytes.equals(Buffer.concat(pieces))).toBe(true);
      expect(pieces.slice(0, -1).every(({ length }) => length === pieceBytes)).toBe(true);
      expect(pieces.every(({ length }) => length > 0)).toBe(true);
    },
  );

  it('is copied into buffers that are used again once they were given back', async () => {
    const bytes = someBytes(35);
    const buffers = new PieceBuffers(10);
    const seen = new Set<ArrayBufferLike>();
    const given: Buffer[] = [];
    for await (const piece of inPieces(streamOf(bytes, 7, undefined), buffers)) {
      seen.add(piece.buffer);
      given.push(Buffer.from(piece));
      buffers.giveBack(piece);
    }
    expect(bytes.equals(Buffer.concat(given))).toBe(true);
    expect(given.map(({ length }) => length)).toEqual([10, 10, 10, 5]);
    expect(seen.size).toBe(1);
  });

  test.prop([cuts])('is gathered whole', async ({ lengthBytes, chunkBytes }) => {
    const bytes = someBytes(lengthBytes);
    expect(bytes.equals(await gather(streamOf(bytes, chunkBytes, lengthBytes)))).toBe(true);
  });
});
