import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { countLineEnds } from '../../src/journal/formats/line-ends.ts';

/** LF, its neighbours, and what differs from it in the highest bit, beside all others. */
const arbitraryByte = fc.oneof(fc.constantFrom(0x0a, 0x0b, 0x09, 0x8a, 0x00, 0xff), fc.nat(255));

describe('countLineEnds', () => {
  test.prop([fc.array(arbitraryByte), fc.nat(7)])('counts LF wherever the bytes lie', (bytes, startByte) => {
    const view = new Uint8Array(startByte + bytes.length).subarray(startByte);
    view.set(bytes);
    expect(countLineEnds(view)).toBe(bytes.filter((byte) => byte === 0x0a).length);
  });

  test('tells LF from every other byte beside every other byte', () => {
    for (let pair = 0; pair < 0x1_0000; pair += 1) {
      const [low, high] = [pair & 0xff, pair >> 8];
      const count = countLineEnds(Uint8Array.of(low, high, high, low));
      expect(count, `${low} ${high}`).toBe((low === 0x0a ? 2 : 0) + (high === 0x0a ? 2 : 0));
    }
  });
});
