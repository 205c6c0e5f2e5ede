import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { DESCRIPTOR_KEY } from '../../src/archive/layout.ts';
import { restore } from '../../src/workflows/restore.ts';
import { type ArchivePlan, buildArchive, FIRST_OBSERVED_MS } from '../support/archive-builder.ts';
import { LINES, lineArchive, options, refusal } from '../support/line-archive.ts';
import { codesOf, testContext } from '../support/workflow-context.ts';

describe('a recovery point', () => {
  test('latest gives the whole journal, and says what is restored before it is written', async () => {
    const context = testContext((await lineArchive()).store);
    const result = await restore(context, options());
    expect(context.fileSystem.contentOf('/out')).toEqual(LINES);
    expect(result).toEqual({
      at: 'offset 34 (0x22), reached by 2026-11-21T10:32:09.000Z',
      offset: 34,
      bytes: 34,
      records: 7,
      base: null,
      batches: 3,
      target: '/out',
      journal: null,
      dryRun: false,
    });
    expect(codesOf(context.reports, 'note')).toEqual(['restore-plan']);
    expect(context.reports[0]?.type).toBe('note');
  });

  test.prop([
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.array(fc.nat(), { maxLength: 6 }),
    fc.nat(),
    fc.constantFrom('zstd' as const, 'gzip' as const),
    fc.integer({ min: 1, max: 90 }),
  ])('any offset of any bytes gives exactly the prefix', async (journal, picks, at, name, frameBytes) => {
    const inner = picks.map((pick) => 1 + (pick % journal.length)).filter((cut) => cut < journal.length);
    const cuts = [...new Set([...inner, journal.length])].sort((a, b) => a - b);
    const { store } = await buildArchive({ journal, cuts, frameBytes, compression: { name, level: 1 } });
    const context = testContext(store);
    const offset = at % (journal.length + 1);
    const result = await restore(context, options({ at: { kind: 'offset', offset } }));
    expect(context.fileSystem.contentOf('/out')).toEqual(Buffer.from(journal.subarray(0, offset)));
    expect(result).toMatchObject({ offset, bytes: offset, records: offset });
  });

  test.prop([fc.nat({ max: LINES.length })])(
    'an offset inside a line is refused with its neighbours, or rounded as asked',
    async (offset) => {
      const { store } = await lineArchive({ frameBytes: 3 });
      const before = LINES.subarray(0, offset).lastIndexOf(10) + 1;
      const after = offset === before ? offset : LINES.indexOf(10, offset) + 1;
      if (before !== offset) {
        const error = await refusal(restore(testContext(store), options({ at: { kind: 'offset', offset } })));
        expect(error).toMatchObject({ code: 'RIG_OFFSET_NOT_BOUNDARY', details: { offset, before, after } });
      }
      for (const [nearest, expected] of [
        ['before', before],
        ['after', after],
      ] as const) {
        const context = testContext(store);
        const result = await restore(context, options({ at: { kind: 'offset', offset }, nearest }));
        expect(result.offset).toBe(expected);
        expect(context.fileSystem.contentOf('/out')).toEqual(LINES.subarray(0, expected));
      }
    },
  );

  test('beyond the end is refused with what can be restored', async () => {
    const context = testContext((await lineArchive()).store);
    const error = await refusal(restore(context, options({ at: { kind: 'offset', offset: 35 } })));
    expect(error).toMatchObject({
      code: 'RIG_OFFSET_NOT_COVERED',
      details: { recoverable: [{ from: 0, to: 34 }] },
    });
  });

  test('an archive without batches gives the empty journal', async () => {
    const context = testContext((await lineArchive({ cuts: [] })).store);
    const result = await restore(context, options());
    expect(result).toMatchObject({ offset: 0, batches: 0, records: 0 });
    expect(context.fileSystem.contentOf('/out')).toHaveLength(0);
  });

  test('an earlier point than the latest says that writing on makes another history', async () => {
    const context = testContext((await lineArchive()).store);
    await restore(context, options({ at: { kind: 'offset', offset: 8 } }));
    expect(codesOf(context.reports, 'note')).toEqual(['restore-plan', 'new-lineage']);
  });

  test('a place with nothing, and an archive of an unknown format, are refused', async () => {
    const { store, namespace } = await lineArchive({ format: 'scrolls' });
    expect(await refusal(restore(testContext(store), options()))).toMatchObject({
      code: 'RIG_VERSION_UNKNOWN',
    });
    namespace.objects.delete(DESCRIPTOR_KEY);
    expect(await refusal(restore(testContext(store), options()))).toMatchObject({
      code: 'RIG_DESCRIPTOR_LOST',
    });
    namespace.objects.clear();
    expect(await refusal(restore(testContext(store), options()))).toMatchObject({
      code: 'RIG_ARCHIVE_NOT_FOUND',
    });
  });
});

describe('a time', () => {
  /** Seen at 8 and 19 a second apart, then an hour of nobody watching, then at 25 (inside a line) and 34. */
  const HOUR_MS = 3_600_000;
  const observed: NonNullable<ArchivePlan['observed']> = (index, _first, end) => {
    const startMs = FIRST_OBSERVED_MS + index * 1_000;
    return index < 2
      ? [[end, startMs]]
      : [
          [25, startMs + HOUR_MS],
          [end, startMs + HOUR_MS + 10_000],
        ];
  };

  async function restoreAt(afterFirstMs: number, nearest?: 'before' | 'after') {
    const context = testContext((await lineArchive({ observed })).store);
    const atMs = FIRST_OBSERVED_MS + afterFirstMs;
    const result = await restore(context, options({ at: { kind: 'time', atMs }, nearest }));
    expect(context.fileSystem.contentOf('/out')).toEqual(LINES.subarray(0, result.offset));
    return { offset: result.offset, warnings: codesOf(context.reports, 'warning') };
  }

  test.each([
    [0, 8],
    [999, 8],
    [1_000, 19],
    [HOUR_MS + 2_000, 24],
    [HOUR_MS + 11_999, 24],
    [HOUR_MS + 12_000, 34],
  ] as const)('%i ms after the first observation means offset %i', async (afterFirstMs, offset) => {
    expect(await restoreAt(afterFirstMs)).toEqual({ offset, warnings: [] });
  });

  test('in an hour of nobody watching is refused naming both sides, unless one is chosen', async () => {
    expect(await refusal(restoreAt(2_000))).toMatchObject({
      code: 'RIG_TIME_AMBIGUOUS',
      details: {
        before: { offset: 19, time: '2026-11-21T10:32:08.000Z' },
        after: { offset: 25, time: '2026-11-21T11:32:09.000Z' },
      },
    });
    expect(await restoreAt(2_000, 'before')).toMatchObject({ offset: 19 });
    expect(await restoreAt(2_000, 'after')).toMatchObject({ offset: 24 });
  });

  test('before the first observation is refused, after the last one gives the latest with a warning', async () => {
    expect(await refusal(restoreAt(-1))).toMatchObject({
      code: 'RIG_OFFSET_NOT_COVERED',
      details: { recoverable: [{ from: 0, to: 34 }] },
    });
    expect(await restoreAt(2 * HOUR_MS)).toEqual({ offset: 34, warnings: ['time-after-last'] });
  });
});
