import { fc, test as propertyTest } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import type { JournalFormat } from '../../src/journal/contract.ts';
import { type CutSource, findCut } from '../../src/journal/cut.ts';
import { CutReader, type CutReaderOptions, type Reach } from '../../src/journal/cut-reader.ts';
import { bytesFormat } from '../../src/journal/formats/bytes.ts';
import { linesFormat } from '../../src/journal/formats/lines.ts';
import { strictLinesFormat } from './strict-lines.ts';

/** A journal that notes which of its bytes were read how often. */
function countedSource(journal: Uint8Array): CutSource & { readonly reads: number[] } {
  const reads = Array.from(journal, () => 0);
  return {
    reads,
    async readInto(buffer, start) {
      expect(start + buffer.length).toBeLessThanOrEqual(journal.length);
      buffer.set(journal.subarray(start, start + buffer.length));
      for (let at = start; at < start + buffer.length; at += 1) {
        reads[at] = (reads[at] ?? 0) + 1;
      }
    },
  };
}

/** A journal that has grown to more and more of `ends` each time that somebody waits; and to no more than the last. */
function growing(ends: readonly number[]): Reach {
  const left = [...ends];
  let reached = 0;
  return async (wanted) => {
    while (reached < wanted && left.length > 0) {
      reached = Math.max(reached, left.shift() ?? 0);
    }
    return reached;
  };
}

async function readAll(
  journal: Uint8Array,
  format: JournalFormat,
  start: number,
  reach: Reach,
  options: CutReaderOptions,
) {
  const source = countedSource(journal);
  const reader = new CutReader(source, format, start, options);
  const chunks: Buffer[] = [];
  for await (const chunk of reader.chunks(reach)) {
    expect(chunk.length).toBeGreaterThan(0);
    chunks.push(Buffer.from(chunk));
    chunk.fill(0); // whoever gets a chunk may do with it what he likes
  }
  return { reader, chunks, bytes: Buffer.concat(chunks), reads: source.reads };
}

describe('a cut reader', () => {
  const journals = fc
    .array(fc.nat(12), { maxLength: 30 })
    .map((lengths) => Buffer.from(`${lengths.map((length) => 'x'.repeat(length)).join('\n')}`));
  const given = fc.record({
    journal: journals,
    format: fc.constantFrom(linesFormat, bytesFormat),
    targetBytes: fc.integer({ min: 1, max: 60 }),
    chunkBytes: fc.integer({ min: 1, max: 20 }),
    ends: fc.array(fc.nat(400), { maxLength: 6 }),
  });

  propertyTest.prop([given], { numRuns: 3_000 })(
    'gives the bytes up to where a search would cut, in even chunks, and reads them once',
    async ({ journal, format, targetBytes, chunkBytes, ends }) => {
      const within = ends.map((end) => Math.min(end, journal.length));
      const options = { targetBytes, chunkBytes };
      for (let start = 0; ; ) {
        const found = await readAll(journal, format, start, growing(within), options);
        const seenEnd = Math.max(start, ...within);
        const { reader, chunks, bytes, reads } = found;
        expect(Math.max(0, ...reads)).toBeLessThanOrEqual(1);
        expect(bytes).toEqual(journal.subarray(start, reader.end));
        expect(chunks.slice(0, -1).every(({ length }) => length === chunkBytes)).toBe(true);
        const cut = await findCut(countedSource(journal), format, start, seenEnd, { targetBytes });
        if (reader.isLong) {
          expect(cut.records).toBeLessThanOrEqual(1);
          expect(cut.end === start || cut.end > start + targetBytes).toBe(true);
        } else {
          expect({ end: reader.end, records: reader.records }).toEqual({
            end: cut.end,
            records: cut.records,
          });
        }
        if (cut.end === start) {
          return;
        }
        start = cut.end;
      }
    },
  );

  it('gives a chunk as soon as a record ends behind it, and waits with the rest', async () => {
    const asked: number[] = [];
    const journal = Buffer.from('one\ntwo\nthree\nfour');
    const reader = new CutReader(countedSource(journal), linesFormat, 0, { targetBytes: 100, chunkBytes: 4 });
    const more = Promise.withResolvers<number>();
    const chunks = reader.chunks((wanted) => {
      asked.push(wanted);
      return wanted <= 12 ? Promise.resolve(13) : more.promise;
    });
    expect([String((await chunks.next()).value), String((await chunks.next()).value)]).toEqual([
      'one\n',
      'two\n',
    ]);
    const rest = chunks.next(); // "thre" may be all there is of the next record
    more.resolve(15);
    expect([String((await rest).value), String((await chunks.next()).value)]).toEqual(['thre', 'e\n']);
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
    expect({ end: reader.end, records: reader.records, asked }).toEqual({
      end: 14,
      records: 3,
      asked: [4, 8, 12, 16],
    });
  });

  it('gives back the memory of what it read in vain', async () => {
    const buffers: ArrayBufferLike[] = [];
    const source: CutSource = {
      readInto: async (bytes) => {
        bytes.fill(0x78);
        buffers.push(bytes.buffer);
      },
    };
    const reader = new CutReader(source, linesFormat, 0, { targetBytes: 12, chunkBytes: 4 });
    expect(await reader.chunks(growing([100])).next()).toEqual({ done: true, value: undefined });
    expect(reader.isLong).toBe(true);
    expect(buffers.map(({ byteLength }) => byteLength)).toEqual([0, 0, 0]);
  });

  it('cuts before a malformed record, and fails only when it comes first', async () => {
    const journal = Buffer.from('one\ntwo\n!three\nfour\n');
    const all = growing([journal.length]);
    const options = { targetBytes: 100, chunkBytes: 5 };
    const { bytes, reader } = await readAll(journal, strictLinesFormat, 0, all, options);
    expect([String(bytes), reader.records]).toEqual(['one\ntwo\n', 2]);
    await expect(
      readAll(journal, strictLinesFormat, 8, growing([journal.length]), options),
    ).rejects.toMatchObject({ code: 'RIG_RECORD_MALFORMED', details: { offset: 8 } });
  });
});
