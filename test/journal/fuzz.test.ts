import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { type CutOptions, findCut } from '../../src/journal/cut.ts';
import { JOURNAL_FORMATS } from '../../src/journal/registry.ts';
import { OFTEN, orRefusal } from '../support/fuzzing.ts';

describe('a journal with any bytes', () => {
  // Format none takes no bytes at all, as formats.test.ts shows.
  const format = fc.constantFrom(...JOURNAL_FORMATS.filter(({ name }) => name !== 'none'));
  const limits = fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 60 }))
    .map(([targetBytes, more]): CutOptions => ({ targetBytes, limitBytes: targetBytes + more }));
  const journal = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(fc.constantFrom(0x0a, 0x0d, 0x00, 0xff), { maxLength: 300 })
      .map((bytes) => Uint8Array.from(bytes)),
  );

  test.prop([format, journal, limits], OFTEN)(
    'is cut into whole records up to its end, its torn tail, or an error of the kind data',
    async (journalFormat, bytes, cutOptions) => {
      const source = {
        readInto: async (buffer: Uint8Array, start: number) =>
          void buffer.set(bytes.subarray(start, start + buffer.length)),
      };
      const decoder = journalFormat.createDecoder(0);
      decoder.push(bytes);
      const cutAt = (start: number) => findCut(source, journalFormat, start, bytes.length, cutOptions);
      let end = 0;
      let records = 0;
      for (;;) {
        const found = await orRefusal(cutAt(end), 'data');
        if (found === undefined) {
          return;
        }
        records += found.records;
        expect(found.end - end <= cutOptions.targetBytes || found.records === 1).toBe(true);
        if (found.end === end) {
          expect(found.tornBytes).toBe(decoder.pendingBytes);
          break;
        }
        end = found.end;
      }
      expect({ end, records }).toEqual({ end: decoder.end, records: decoder.records });
    },
  );
});
