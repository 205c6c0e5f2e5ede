import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { DEFAULT_COMPRESSION } from '../../src/archive/compression.ts';
import type { BatchInSeal, SealedBatch } from '../../src/archive/seal.ts';
import { findCut } from '../../src/journal/cut.ts';
import { CHUNK_BYTES } from '../../src/journal/cut-reader.ts';
import { linesFormat } from '../../src/journal/formats/lines.ts';
import { openJournal } from '../../src/journal/tail.ts';
import { MIB } from '../../src/kernel/size.ts';
import { BatchSource } from '../../src/workflows/batch-source.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';
import { MemoryFileSystem } from '../support/memory-filesystem.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const PATH = '/journal';
const BATCH_BYTES = 16;
const START = { first: 0, prev: '0'.repeat(64) };

/** The journal grows by these lines, and then a batch is asked for at a record end, not always the next one. */
const arbitrarySteps = fc.array(
  fc.record({
    lines: fc.array(fc.nat(2 * BATCH_BYTES), { maxLength: 6 }),
    skips: fc.boolean(),
    seesLess: fc.nat(2 * BATCH_BYTES),
  }),
  { minLength: 1, maxLength: 12 },
);

interface WorldOptions {
  readonly intervalMs?: number;
  readonly batchBytes: number | undefined;
}

async function world({ intervalMs = 1_000, batchBytes }: WorldOptions = { batchBytes: BATCH_BYTES }) {
  const clock = new SimulatedClock();
  const fileSystem = new MemoryFileSystem(clock);
  fileSystem.append(PATH, '');
  const journal = await openJournal(PATH, { fileSystem, clock });
  const source = new BatchSource({
    journal,
    format: linesFormat,
    clock,
    compression: DEFAULT_COMPRESSION,
    batchBytes,
    intervalMs,
    archive: ARCHIVE_ID,
    epoch: 1,
  });
  return { fileSystem, journal, clock, source };
}

/** The batch once all of it is compressed. */
async function whole(making: Promise<BatchInSeal>): Promise<SealedBatch> {
  return (await making).sealed;
}

describe('a batch source', () => {
  test.prop([arbitrarySteps])('cuts where a search would, whatever is asked for', async (steps) => {
    const { fileSystem, journal, source } = await world();
    let first = 0;
    for (const { lines, skips, seesLess } of steps) {
      fileSystem.append(PATH, lines.map((length) => `${'x'.repeat(length)}\n`).join(''));
      const seenEnd = Math.max(first, (await journal.observe()) - seesLess);
      const wanted = await findCut(journal, linesFormat, first, seenEnd, { targetBytes: BATCH_BYTES });
      const batch = await (await source.next({ first, prev: '0'.repeat(64) }, seenEnd))?.sealed;
      expect(batch?.header.end ?? first).toBe(wanted.end);
      expect(batch?.header.records ?? 0).toBe(wanted.records);
      // Somebody else may have stored the next one too, longer than this one would have made it.
      const next = await findCut(journal, linesFormat, wanted.end, seenEnd, { targetBytes: 64 });
      first = skips ? next.end : wanted.end;
    }
  });

  test.each([
    ['only when it grows', AbortSignal.abort(), 0],
    ['not again before its turn', new AbortController().signal, 20],
  ])('looks at a record longer than a batch %s', async (_, turn, growsBy) => {
    const { fileSystem, journal, clock, source } = await world();
    const came = new AbortController();
    const ended = turn.aborted ? turn : came.signal;
    const reads: number[] = [];
    const proceed = journal.readInto.bind(journal);
    journal.readInto = (buffer, start) => {
      reads.push(start);
      return proceed(buffer, start);
    };
    fileSystem.append(PATH, 'x'.repeat(3 * BATCH_BYTES));
    const making = source.nextDue(START, ended, new AbortController().signal);
    await clock.advance(5_000);
    const readsSoFar = reads.length;
    for (let grown = 0; grown < growsBy; grown += 1) {
      fileSystem.append(PATH, 'x');
      await clock.advance(100);
    }
    await clock.advance(60_000);
    expect(reads).toHaveLength(readsSoFar);
    fileSystem.append(PATH, 'x\ny');
    await clock.advance(100);
    came.abort();
    await clock.advance(100);
    expect((await whole(making)).header).toMatchObject({ end: 3 * BATCH_BYTES + growsBy + 2, records: 1 });
  });
});

describe('a batch that is waited for', () => {
  /** What a promise has come to, without waiting for it. */
  function watch<Value>(promise: Promise<Value>): { value: Value | undefined; error: unknown } {
    const seen: { value: Value | undefined; error: unknown } = { value: undefined, error: undefined };
    promise.then(
      (value) => {
        seen.value = value;
      },
      (error: unknown) => {
        seen.error = error;
      },
    );
    return seen;
  }

  const never = () => new AbortController().signal;

  test('comes when its oldest byte is nearly as old as the interval, with all that is whole by then', async () => {
    const { fileSystem, clock, source } = await world();
    const making = watch(whole(source.nextDue(START, AbortSignal.abort(), never())));
    await clock.advance(10_000);
    fileSystem.append(PATH, 'one\n');
    await clock.advance(900);
    fileSystem.append(PATH, 'two\nthr');
    await clock.advance(45);
    expect(making.value).toBeUndefined();
    await clock.advance(20);
    expect(making.value?.header).toMatchObject({ end: 8, records: 2 });
  });

  test('comes at once when it is full, or when there is no interval', async () => {
    for (const [intervalMs, lines] of [
      [1_000, 'x'.repeat(BATCH_BYTES - 1)],
      [0, 'x'],
    ] as const) {
      const { fileSystem, clock, source } = await world({ intervalMs, batchBytes: BATCH_BYTES });
      const making = watch(whole(source.nextDue(START, AbortSignal.abort(), never())));
      await clock.advance(3_000);
      fileSystem.append(PATH, `${lines}\n`);
      await clock.advance(10);
      expect(making.value?.header).toMatchObject({ records: 1 });
    }
  });

  test('is full at 8 MiB when nothing else is said, and may get longer while it is not its turn', async () => {
    const line = `${'x'.repeat(MIB - 1)}\n`;
    for (const [turn, fullEnd] of [
      [AbortSignal.abort(), 8 * MIB],
      [never(), 16 * MIB],
    ] as const) {
      const { fileSystem, source } = await world({ batchBytes: undefined });
      fileSystem.append(PATH, line.repeat(fullEnd / MIB));
      expect((await source.nextDue(START, turn, never())).end).toBe(fullEnd);
    }
  });

  test('is due but not its turn: what comes until then shares its put', async () => {
    const { fileSystem, clock, source } = await world();
    const turn = new AbortController();
    const making = watch(whole(source.nextDue(START, turn.signal, never())));
    fileSystem.append(PATH, 'one\n');
    await clock.advance(10_000);
    expect(making.value).toBeUndefined();
    fileSystem.append(PATH, 'two\n');
    await clock.advance(100);
    turn.abort();
    await clock.advance(10);
    expect(making.value?.header).toMatchObject({ records: 2 });
    // The age of both is known although it was not their turn.
    const seenAtMs = (end: number) =>
      making.value?.header.observed.find(([offset]) => offset === end)?.[1] ?? Number.NaN;
    expect(seenAtMs(8) - seenAtMs(4)).toBeGreaterThan(9_000);
  });

  test('is made before its turn when it is full', async () => {
    const { fileSystem, clock, source } = await world();
    const making = watch(whole(source.nextDue(START, never(), never())));
    fileSystem.append(PATH, `${'x'.repeat(BATCH_BYTES - 1)}\n${'y'.repeat(5)}\n`);
    await clock.advance(10);
    expect(making.value?.header).toMatchObject({ end: BATCH_BYTES, records: 1 });
  });

  test.each([
    ['', AbortSignal.abort()],
    [', before its turn too', never()],
  ])('is given up when it is to stop%s', async (_, turn) => {
    const { fileSystem, clock, source } = await world();
    const stop = new AbortController();
    const reason = new Error('enough');
    fileSystem.append(PATH, 'one\n');
    const making = watch(whole(source.nextDue(START, turn, stop.signal)));
    await clock.advance(100);
    stop.abort(reason);
    await clock.advance(0);
    expect(making.error).toBe(reason);
  });

  test('is refused when what was read of the journal is rewritten before the rest comes', async () => {
    const { fileSystem, clock, source } = await world({ batchBytes: 2 * CHUNK_BYTES });
    const making = whole(source.nextDue(START, AbortSignal.abort(), never()));
    making.catch(() => undefined); // looked at below
    fileSystem.append(PATH, `${'x'.repeat(CHUNK_BYTES - 1)}\n`);
    await clock.advance(100);
    fileSystem.truncate(PATH, 0);
    fileSystem.append(PATH, Buffer.alloc(CHUNK_BYTES, 'y'));
    await clock.advance(1_000);
    // Another thread may still be at work on the first chunk.
    await expect(making).rejects.toMatchObject({ code: 'RIG_JOURNAL_TRUNCATED' });
  });
});
