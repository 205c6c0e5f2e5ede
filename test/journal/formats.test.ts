import { fc } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { bytesFormat } from '../../src/journal/formats/bytes.ts';
import { linesFormat } from '../../src/journal/formats/lines.ts';
import { noneFormat } from '../../src/journal/formats/none.ts';
import { findFormat, formatNamed, JOURNAL_FORMATS } from '../../src/journal/registry.ts';
import { describeJournalFormat } from '../conformance/journal-format.ts';
import { arbitraryLines } from './arbitrary-lines.ts';

describeJournalFormat(bytesFormat, {
  arbitraryRecords: fc.array(fc.uint8Array({ minLength: 1, maxLength: 1 }), { maxLength: 200 }),
  golden: [
    { file: 'every-byte.bin', ends: Array.from({ length: 256 }, (_, index) => index + 1), pendingBytes: 0 },
  ],
});

describeJournalFormat(linesFormat, {
  arbitraryRecords: arbitraryLines,
  golden: [
    { file: 'events.ndjson', ends: [27, 55, 56, 84], pendingBytes: 13 },
    { file: 'every-byte.bin', ends: [11], pendingBytes: 245 },
  ],
});

describeJournalFormat(noneFormat, { arbitraryRecords: fc.constant([]), golden: [] });

describe('the format of archives without a journal', () => {
  test('refuses any byte, and says where it stands', () => {
    expect(() => noneFormat.createDecoder(7).push(Uint8Array.of(1))).toThrow(/at offset 7 \(0x7\)/);
  });
});

describe('the registry of journal formats', () => {
  test('finds each format by its name, and bytes first', () => {
    expect(JOURNAL_FORMATS.map(({ name }) => name)).toEqual(['bytes', 'lines', 'none']);
    for (const format of JOURNAL_FORMATS) {
      expect(findFormat(format.name)).toBe(format);
      expect(formatNamed(format.name)).toBe(format);
    }
  });

  test('finds nothing under a name that is none', () => {
    expect(findFormat('line')).toBeUndefined();
    expect(findFormat('toString')).toBeUndefined();
  });
});
