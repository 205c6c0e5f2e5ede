import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { ByteReader } from '../../src/archive/byte-reader.ts';

async function* chunksOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

test.prop([fc.array(fc.uint8Array({ maxLength: 20 })), fc.array(fc.nat(30))])(
  'any lengths come out of any chunks, in order',
  async (chunks, lengths) => {
    const whole = Buffer.concat(chunks);
    const reader = new ByteReader(chunksOf(chunks.map((chunk) => Uint8Array.from(chunk))));
    let at = 0;
    for (const length of lengths) {
      const taken = await reader.take(length);
      expect(Buffer.compare(taken, whole.subarray(at, at + length))).toBe(0);
      at += taken.length;
    }
  },
);

test('what is put back comes first again', async () => {
  const reader = new ByteReader(chunksOf([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]));
  reader.putBack(await reader.take(2));
  expect(await reader.take(5)).toEqual(Buffer.of(1, 2, 3, 4));
});

test('a chunk gives its memory back once it was taken from, and what was taken has its own', async () => {
  const chunks = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
  const reader = new ByteReader(chunksOf(chunks));
  const first = await reader.take(3);
  const second = await reader.take(1);
  expect(chunks.map(({ buffer }) => (buffer as ArrayBuffer).detached)).toEqual([true, false]);
  expect([first, second]).toEqual([Buffer.of(1, 2, 3), Buffer.of(4)]);
  expect([first, second].map(({ buffer }) => buffer.byteLength)).toEqual([3, 1]);
});
