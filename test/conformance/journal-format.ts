import { readFileSync } from 'node:fs';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { JournalFormat, RecordDecoder, RecordSpan } from '../../src/journal/contract.ts';
import type { Offset } from '../../src/kernel/offset.ts';

export interface JournalFormatCase {
  /** Whole valid records, in order: together they are a whole valid journal. */
  readonly arbitraryRecords: fc.Arbitrary<readonly Uint8Array[]>;
  readonly golden: readonly GoldenJournal[];
}

/** A journal kept in `test/fixtures/journals`, and what it must decode to for ever. */
export interface GoldenJournal {
  readonly file: string;
  /** The end of each whole record. */
  readonly ends: readonly Offset[];
  readonly pendingBytes: number;
}

/** What every journal format promises. Call it once for each format. */
export function describeJournalFormat(
  format: JournalFormat,
  { arbitraryRecords, golden }: JournalFormatCase,
) {
  const arbitraryStart = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 52 }));
  const arbitraryCuts = fc.array(fc.nat(), { maxLength: 12 });

  describe(`journal format ${format.name}`, () => {
    test.prop([arbitraryRecords, arbitraryStart, arbitraryCuts])(
      'finds exactly the records, however the bytes are split',
      (records, start, cuts) => {
        const { spans, decoder } = decode(format, start, split(Buffer.concat(records), cuts));
        expect(spans).toEqual(spansOf(format, start, records));
        expect(stateOf(decoder)).toEqual(stateAfter(format, start, records, lengthOf(records)));
      },
    );

    test.prop([arbitraryRecords, arbitraryStart, arbitraryCuts])(
      'counts the same with and without telling each record, after every chunk',
      (records, start, cuts) => {
        const counting = format.createDecoder(start);
        const telling = format.createDecoder(start, () => {});
        let pushedBytes = 0;
        for (const chunk of split(Buffer.concat(records), cuts)) {
          counting.push(chunk);
          telling.push(chunk);
          pushedBytes += chunk.length;
          expect(stateOf(counting)).toEqual(stateAfter(format, start, records, pushedBytes));
          expect(stateOf(telling)).toEqual(stateOf(counting));
        }
      },
    );

    test.prop([arbitraryRecords, arbitraryStart, fc.nat()])(
      'holds an unfinished record as pending and does not tell it',
      (records, start, cut) => {
        const journal = Buffer.concat(records);
        const lengthBytes = cut % (journal.length + 1);
        const { spans, decoder } = decode(format, start, [journal.subarray(0, lengthBytes)]);
        const state = stateAfter(format, start, records, lengthBytes);
        expect(stateOf(decoder)).toEqual(state);
        expect(spans).toEqual(spansOf(format, start, records).slice(0, state.records));
      },
    );

    test.prop([arbitraryRecords, arbitraryStart])(
      'gives contiguous spans from the start to the end, and has counted each when it tells it',
      (records, start) => {
        const told: { span: RecordSpan; records: number; end: Offset }[] = [];
        const decoder: RecordDecoder = format.createDecoder(start, (span) =>
          told.push({ span, records: decoder.records, end: decoder.end }),
        );
        decoder.push(Buffer.concat(records));
        told.reduce((previousEnd, { span, ...state }, index) => {
          expect(span.start).toBe(previousEnd);
          expect(span.end).toBeGreaterThan(span.start);
          expect(state).toEqual({ records: index + 1, end: span.end });
          return span.end;
        }, start);
        expect(told.at(-1)?.end ?? start).toBe(decoder.end);
      },
    );

    test.prop([arbitraryRecords, arbitraryStart, fc.nat()])(
      'agrees with a decoder that starts at any record boundary',
      (records, start, at) => {
        const skipped = at % (records.length + 1);
        const from = spansOf(format, start, records)[skipped - 1]?.end ?? start;
        const { spans } = decode(format, from, [Buffer.concat(records.slice(skipped))]);
        expect(spans).toEqual(spansOf(format, start, records).slice(skipped));
      },
    );

    test.prop([arbitraryRecords, arbitraryStart])(
      'shifts every offset by the start and changes nothing else',
      (records, start) => {
        const journal = [Buffer.concat(records)];
        const shifted = decode(format, 0, journal).spans.map((span) => ({
          start: span.start + start,
          end: span.end + start,
        }));
        expect(decode(format, start, journal).spans).toEqual(shifted);
      },
    );

    test.prop([arbitraryRecords, fc.nat()])('takes no notice of an empty chunk', (records, cut) => {
      const journal = Buffer.concat(records);
      const lengthBytes = cut % (journal.length + 1);
      const { spans, decoder } = decode(format, 0, [journal.subarray(0, lengthBytes)]);
      const before = { ...stateOf(decoder), told: spans.length };
      decoder.push(new Uint8Array());
      expect({ ...stateOf(decoder), told: spans.length }).toEqual(before);
    });

    test.prop([arbitraryRecords])('leaves the bytes it is given as they are', (records) => {
      const journal = Buffer.concat(records);
      const before = Buffer.from(journal);
      decode(format, 0, [journal]);
      expect(journal.equals(before)).toBe(true);
    });

    test.each(golden)('decodes $file as it always did', ({ file, ends, pendingBytes }) => {
      const journal = readFileSync(new URL(`../fixtures/journals/${file}`, import.meta.url));
      const { spans, decoder } = decode(format, 0, [journal]);
      expect(spans.map(({ end }) => end)).toEqual(ends);
      expect(decoder.pendingBytes).toBe(pendingBytes);
    });
  });
}

type DecoderState = Pick<RecordDecoder, 'records' | 'end' | 'pendingBytes'>;

function decode(format: JournalFormat, start: Offset, chunks: Iterable<Uint8Array>) {
  const spans: RecordSpan[] = [];
  const decoder = format.createDecoder(start, (span) => spans.push(span));
  for (const chunk of chunks) {
    decoder.push(chunk);
  }
  return { spans, decoder };
}

function stateOf({ records, end, pendingBytes }: RecordDecoder): DecoderState {
  return { records, end, pendingBytes };
}

/** What a decoder must say after the first `pushedBytes` of the records: computed from them, without decoding. */
function stateAfter(
  format: JournalFormat,
  start: Offset,
  records: readonly Uint8Array[],
  pushedBytes: number,
): DecoderState {
  let whole = 0;
  let wholeBytes = 0;
  for (const { length } of records) {
    if (wholeBytes + length > pushedBytes) {
      break;
    }
    whole += 1;
    wholeBytes += length;
  }
  const end = start + (format.unit === 'record' ? whole : wholeBytes);
  return { records: whole, end, pendingBytes: pushedBytes - wholeBytes };
}

function spansOf(format: JournalFormat, start: Offset, records: readonly Uint8Array[]): RecordSpan[] {
  const spans: RecordSpan[] = [];
  for (const { length } of records) {
    const previousEnd = spans.at(-1)?.end ?? start;
    spans.push({ start: previousEnd, end: previousEnd + (format.unit === 'record' ? 1 : length) });
  }
  return spans;
}

/**
 * Chunks, some of them empty, that join to `bytes`; each lies at an odd place of a larger buffer, as network
 * data does.
 */
function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((place, index) => {
    const part = bytes.subarray(places[index], place);
    const padded = new Uint8Array(part.length + 6).fill(0x0a);
    padded.set(part, 3);
    return padded.subarray(3, 3 + part.length);
  });
}

function lengthOf(records: readonly Uint8Array[]): number {
  return records.reduce((total, { length }) => total + length, 0);
}
