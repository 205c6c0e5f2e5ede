import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { solidParts } from '../../src/kernel/sparse.ts';

const BLOCK_BYTES = 4096;

/** Runs of zeros and of others, often as long as a block. */
const bytes = fc
  .array(
    fc.tuple(
      fc.constantFrom(0, 0, 7),
      fc.oneof(fc.nat(10), fc.constantFrom(BLOCK_BYTES, 2 * BLOCK_BYTES, 9000)),
    ),
    { maxLength: 8 },
  )
  .map((runs) => Buffer.concat(runs.map(([value, length]) => Buffer.alloc(length, value))));

test.prop([bytes, fc.nat(3 * BLOCK_BYTES)])(
  'the solid parts are everything but the whole blocks of zeros',
  (content, positionBytes) => {
    const rebuilt = Buffer.alloc(content.length);
    let last = -1;
    for (const { start, end } of solidParts(content, positionBytes)) {
      expect(start).toBeGreaterThan(last);
      expect(end).toBeGreaterThan(start);
      content.copy(rebuilt, start, start, end);
      const misaligned = (positionBytes + start) % BLOCK_BYTES;
      const firstBlock = misaligned === 0 ? start : start + BLOCK_BYTES - misaligned;
      for (let at = firstBlock; at + BLOCK_BYTES <= end; at += BLOCK_BYTES) {
        expect(Buffer.alloc(BLOCK_BYTES).equals(content.subarray(at, at + BLOCK_BYTES))).toBe(false);
      }
      last = end;
    }
    expect(rebuilt.equals(content)).toBe(true);
  },
);
