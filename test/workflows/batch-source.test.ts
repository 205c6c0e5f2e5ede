import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { DEFAULT_COMPRESSION } from '../../src/archive/compression.ts';
import { findCut } from '../../src/journal/cut.ts';
import { linesFormat } from '../../src/journal/formats/lines.ts';
import { openJournal } from '../../src/journal/tail.ts';
import { BatchSource } from '../../src/workflows/batch-source.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';
import { MemoryFileSystem } from '../support/memory-filesystem.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const PATH = '/journal';
const BATCH_BYTES = 16;

/** The journal grows by these lines, and then a batch is asked for at a record end, not always the next one. */
const arbitrarySteps = fc.array(
  fc.record({
    lines: fc.array(fc.nat(2 * BATCH_BYTES), { maxLength: 6 }),
    skips: fc.boolean(),
    seesLess: fc.nat(2 * BATCH_BYTES),
  }),
  { minLength: 1, maxLength: 12 },
);

async function world() {
  const clock = new SimulatedClock();
  const fileSystem = new MemoryFileSystem(clock);
  fileSystem.append(PATH, '');
  const journal = await openJournal(PATH, { fileSystem, clock });
  const source = new BatchSource({
    journal,
    format: linesFormat,
    clock,
    compression: DEFAULT_COMPRESSION,
    batchBytes: BATCH_BYTES,
    intervalMs: 1_000,
    archive: ARCHIVE_ID,
    epoch: 1,
  });
  return { fileSystem, journal, source };
}

describe('a batch source', () => {
  test.prop([arbitrarySteps])('cuts where nobody had looked ahead, whatever is asked for', async (steps) => {
    const { fileSystem, journal, source } = await world();
    let first = 0;
    for (const { lines, skips, seesLess } of steps) {
      fileSystem.append(PATH, lines.map((length) => `${'x'.repeat(length)}\n`).join(''));
      const seenEnd = Math.max(first, (await journal.observe()) - seesLess);
      const wanted = await findCut(journal, linesFormat, first, seenEnd, { targetBytes: BATCH_BYTES });
      const batch = await source.next({ first, prev: '0'.repeat(64) }, seenEnd);
      expect(batch?.header.end ?? first).toBe(wanted.end);
      expect(batch?.header.records ?? 0).toBe(wanted.records);
      // Somebody else may have stored the next one too, longer than this one would have made it.
      const next = await findCut(journal, linesFormat, wanted.end, seenEnd, { targetBytes: 64 });
      first = skips ? next.end : wanted.end;
    }
  });

  test('does not fail for what it finds ahead before it is asked for it', async () => {
    const { fileSystem, journal, source } = await world();
    fileSystem.append(PATH, `${'x'.repeat(15)}\n${'y'.repeat(40)}\n`);
    const seenEnd = await journal.observe();
    const readsFailFrom = { byte: BATCH_BYTES, armed: true };
    const proceed = journal.readInto.bind(journal);
    journal.readInto = async (buffer, start) => {
      if (readsFailFrom.armed && start >= readsFailFrom.byte) {
        throw new Error('planted');
      }
      return proceed(buffer, start);
    };
    const batch = await source.next({ first: 0, prev: '0'.repeat(64) }, seenEnd);
    expect(batch?.header.end).toBe(BATCH_BYTES);
    const position = { first: BATCH_BYTES, prev: '0'.repeat(64) };
    await expect(source.next(position, seenEnd)).rejects.toThrow('planted');
    readsFailFrom.armed = false;
    expect((await source.next(position, seenEnd))?.header.end).toBe(seenEnd);
  });
});
