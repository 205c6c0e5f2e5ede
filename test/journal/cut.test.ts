import { fc, test as propertyTest } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { type Cut, type CutSource, findCut } from '../../src/journal/cut.ts';
import { bytesFormat } from '../../src/journal/formats/bytes.ts';
import { linesFormat } from '../../src/journal/formats/lines.ts';
import { arbitraryLines } from './arbitrary-lines.ts';
import { strictLinesFormat as strictFormat } from './strict-lines.ts';

const LF = 0x0a;

function sourceOf(journal: Uint8Array): CutSource {
  return {
    readInto: async (buffer, start) => {
      expect(start + buffer.length).toBeLessThanOrEqual(journal.length);
      buffer.set(journal.subarray(start, start + buffer.length));
    },
  };
}

async function cutAll(journal: Uint8Array, targetBytes: number): Promise<{ cuts: Cut[]; rest: Cut }> {
  const cuts: Cut[] = [];
  for (let start = 0; ; start = cuts.at(-1)?.end ?? 0) {
    const cut = await findCut(sourceOf(journal), linesFormat, start, journal.length, { targetBytes });
    if (cut.end === start) {
      return { cuts, rest: cut };
    }
    cuts.push(cut);
  }
}

function countLines(bytes: Uint8Array): number {
  return bytes.reduce((count, byte) => count + (byte === LF ? 1 : 0), 0);
}

describe('findCut on lines', () => {
  const arbitraryTorn = fc
    .uint8Array({ maxLength: 60 })
    .map((bytes) => bytes.map((byte) => (byte === LF ? 0 : byte)));
  const arbitraryTarget = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2000 }));

  propertyTest.prop([arbitraryLines, arbitraryTorn, arbitraryTarget])(
    'cuts the whole journal up to its last LF, each time at a record end, whatever the target',
    async (lines, torn, targetBytes) => {
      const journal = Buffer.concat([...lines, torn]);
      const { cuts, rest } = await cutAll(journal, targetBytes);
      const wholeBytes = journal.length - torn.length;
      expect(cuts.at(-1)?.end ?? 0).toBe(wholeBytes);
      expect(rest).toEqual({ end: wholeBytes, records: 0, tornBytes: torn.length });
      let start = 0;
      for (const { end, records, tornBytes } of cuts) {
        expect(journal[end - 1]).toBe(LF);
        expect(records).toBe(countLines(journal.subarray(start, end)));
        expect(tornBytes).toBe(0);
        start = end;
      }
    },
  );

  propertyTest.prop([arbitraryLines, arbitraryTarget])(
    'gives batches as large as the target allows, and beyond it only a single record',
    async (lines, targetBytes) => {
      const journal = Buffer.concat(lines);
      const { cuts } = await cutAll(journal, targetBytes);
      let start = 0;
      for (const { end, records } of cuts) {
        expect(records === 1 || end - start <= targetBytes).toBe(true);
        const nextEnd = journal.indexOf(LF, end) + 1;
        expect(nextEnd === 0 || nextEnd - start > targetBytes).toBe(true);
        start = end;
      }
    },
  );

  test('looks at nothing from the end seen on', async () => {
    const source = sourceOf(Buffer.from('one\ntwo\n'));
    const cut = await findCut(source, linesFormat, 0, 6, { targetBytes: 100 });
    expect(cut).toEqual({ end: 4, records: 1, tornBytes: 0 });
    expect(await findCut(source, linesFormat, 4, 6, { targetBytes: 100 })).toEqual({
      end: 4,
      records: 0,
      tornBytes: 2,
    });
  });

  test('takes a record of exactly the limit, and refuses one a byte longer by its offset', async () => {
    const journal = Buffer.from(`a\n${'x'.repeat(9)}\n${'y'.repeat(10)}\n`);
    const options = { targetBytes: 4, limitBytes: 10 };
    expect(await findCut(sourceOf(journal), linesFormat, 2, journal.length, options)).toEqual({
      end: 12,
      records: 1,
      tornBytes: 0,
    });
    await expect(findCut(sourceOf(journal), linesFormat, 12, journal.length, options)).rejects.toMatchObject({
      code: 'RIG_RECORD_MALFORMED',
      message: 'no record of format lines ends within 10 B after offset 12 (0xc)',
      details: { offset: 12 },
      hint: expect.stringContaining('--format'),
    });
  });

  test('calls an unfinished record torn as long as it may still end within the limit', async () => {
    const options = { targetBytes: 4, limitBytes: 10 };
    const journal = Buffer.from('x'.repeat(10));
    expect(await findCut(sourceOf(journal), linesFormat, 0, 9, options)).toMatchObject({ tornBytes: 9 });
    await expect(findCut(sourceOf(journal), linesFormat, 0, 10, options)).rejects.toMatchObject({
      code: 'RIG_RECORD_MALFORMED',
    });
  });

  test('finds the end of a record that is much longer than what is read at a time', async () => {
    const journal = Buffer.alloc(5_000_000, 'x');
    journal[4_321_000] = LF;
    journal[4_999_999] = LF;
    expect(await findCut(sourceOf(journal), linesFormat, 0, journal.length, { targetBytes: 4096 })).toEqual({
      end: 4_321_001,
      records: 1,
      tornBytes: 0,
    });
  });

  test('reads no more than the target when a record ends in it', async () => {
    let readBytes = 0;
    const source: CutSource = {
      readInto: async (buffer) => {
        readBytes += buffer.length;
        buffer.fill(LF);
      },
    };
    await findCut(source, linesFormat, 0, 10_000_000, { targetBytes: 3_000_000 });
    expect(readBytes).toBe(3_000_000);
  });
});

describe('findCut on bytes', () => {
  const unread: CutSource = {
    readInto: async () => {
      throw new Error('bytes can be cut without reading');
    },
  };

  test('cuts at the target or at the end seen, without reading', async () => {
    expect(await findCut(unread, bytesFormat, 5, 100, { targetBytes: 10 })).toEqual({
      end: 15,
      records: 10,
      tornBytes: 0,
    });
    expect(await findCut(unread, bytesFormat, 95, 100, { targetBytes: 10 })).toMatchObject({ end: 100 });
    expect(await findCut(unread, bytesFormat, 100, 100, { targetBytes: 10 })).toEqual({
      end: 100,
      records: 0,
      tornBytes: 0,
    });
  });
});

describe('findCut on a format that can be malformed', () => {
  test('cuts before the malformed record, and fails only when it comes first', async () => {
    const journal = Buffer.from('one\ntwo\n!three\nfour\n');
    expect(await findCut(sourceOf(journal), strictFormat, 0, journal.length, { targetBytes: 100 })).toEqual({
      end: 8,
      records: 2,
      tornBytes: 0,
    });
    await expect(
      findCut(sourceOf(journal), strictFormat, 8, journal.length, { targetBytes: 100 }),
    ).rejects.toMatchObject({ code: 'RIG_RECORD_MALFORMED', details: { offset: 8 } });
  });
});
