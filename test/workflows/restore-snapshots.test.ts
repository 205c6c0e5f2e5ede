import { describe, expect, test } from 'vitest';
import { batchKey, snapshotKey } from '../../src/archive/layout.ts';
import { restore } from '../../src/workflows/restore.ts';
import { buildArchive, FIRST_OBSERVED_MS, objectBytes, overwrite } from '../support/archive-builder.ts';
import { LINES, names, options, refusal } from '../support/line-archive.ts';
import {
  addSnapshot,
  archiveWith,
  contents,
  expectState,
  forget,
  offsetOf,
  stateAt,
} from '../support/snapshot-archive.ts';
import { codesOf, testContext } from '../support/workflow-context.ts';

const STATE = { what: 'state' } as const;

describe('the journal', () => {
  test('comes out of a snapshot of it where its beginning is gone, at every offset', async () => {
    const archive = await archiveWith({ at: 14, of: 'journal' }, { at: 24, of: 'journal', base: 14 });
    forget(archive, 0, 8);
    for (const offset of [0, 4, 8, 14, 19, 24, 28, 34]) {
      const context = testContext(archive.store);
      const result = await restore(context, options(offsetOf(offset)));
      expect(contents(context)).toBe(LINES.toString().slice(0, offset));
      expect(result).toMatchObject({ offset, bytes: offset });
      expect(codesOf(context.reports, 'warning')).toEqual([]);
    }
  });

  test('is refused inside a record that only a snapshot holds, with its ends', async () => {
    const archive = await archiveWith({ at: 14, of: 'journal' });
    forget(archive, 0, 8);
    expect(await refusal(restore(testContext(archive.store), options(offsetOf(6))))).toMatchObject({
      code: 'RIG_OFFSET_NOT_BOUNDARY',
      details: { before: 4, after: 8 },
    });
  });

  test('is not promised where only a snapshot of the state is left', async () => {
    const archive = await archiveWith({ at: 14 });
    forget(archive, 0);
    for (const dryRun of [false, true]) {
      const error = await refusal(restore(testContext(archive.store), options({ dryRun })));
      expect(error).toMatchObject({
        code: 'RIG_OFFSET_NOT_COVERED',
        details: { recoverable: [{ from: 14, to: 34 }] },
      });
      expect(error.hint).toContain('--state');
    }
  });

  test('with a hole above the newest snapshot is damaged', async () => {
    const archive = await archiveWith({ at: 14, of: 'journal' });
    forget(archive, 0, 8);
    archive.namespace.objects.delete(batchKey(19));
    expect(await refusal(restore(testContext(archive.store), options()))).toMatchObject({
      code: 'RIG_CHAIN_GAP',
      details: { recoverable: [{ from: 0, to: 14 }] },
    });
  });

  test('comes out of a later snapshot where a batch is damaged', async () => {
    const archive = await archiveWith({ at: 28, of: 'journal' });
    await overwrite(archive.store, batchKey(8), 'rubbish');
    const context = testContext(archive.store);
    expect(await restore(context, options(offsetOf(19)))).toMatchObject({ base: 28, offset: 19 });
    expect(contents(context)).toBe(LINES.toString().slice(0, 19));
    expect(codesOf(context.reports, 'warning')).toEqual(['batch-damaged']);
    expect(await names(context)).toEqual(['out']);
  });

  test('does not count a batch that a sleeping writer made again below the newest snapshot', async () => {
    const archive = await archiveWith({ at: 19 });
    forget(archive, 8);
    for (const dryRun of [false, true]) {
      const context = testContext(archive.store);
      expect(await refusal(restore(context, options({ ...offsetOf(4), dryRun })))).toMatchObject({
        code: 'RIG_OFFSET_NOT_COVERED',
        details: { recoverable: [{ from: 19, to: 34 }] },
      });
      expect(await names(context)).toEqual([]);
    }
  });

  test('is not found by what a batch made again says of its time', async () => {
    const archive = await archiveWith({ at: 19 });
    const at = { kind: 'time', atMs: FIRST_OBSERVED_MS } as const;
    expect(await restore(testContext(archive.store), options({ at }))).toMatchObject({ offset: 8 });
    forget(archive, 8);
    expect(await refusal(restore(testContext(archive.store), options({ at })))).toMatchObject({
      code: 'RIG_OFFSET_NOT_COVERED',
      message: expect.stringContaining('before all observations'),
    });
    const later = { kind: 'time', atMs: FIRST_OBSERVED_MS + 2_000 } as const;
    const context = testContext(archive.store);
    await restore(context, options({ ...STATE, at: later }));
    expectState(context, 19, 34);
  });

  test('goes without a header when its batches are few', async () => {
    const archive = await archiveWith({ at: 8 }, { at: 14, of: 'journal' });
    const context = testContext(archive.store);
    await overwrite(archive.store, snapshotKey(14), 'rubbish');
    expect(await restore(context, options())).toMatchObject({ base: null, batches: 3 });
    expect(codesOf(context.reports, 'warning')).toEqual([]);
  });

  test('prefers a snapshot to many batches', async () => {
    const journal = Buffer.alloc(60, 'x');
    const archive = await buildArchive({ journal, cuts: Array.from(journal, (_, index) => index + 1) });
    await addSnapshot(archive, journal, { at: 50, of: 'journal' });
    const context = testContext(archive.store);
    expect(await restore(context, options())).toMatchObject({ base: 50, batches: 10, records: 60 });
    expect(context.fileSystem.contentOf('/out')).toEqual(journal);
    expect(context.reports[0]).toMatchObject({
      code: 'restore-plan',
      details: { base: 50, snapshots: [50], batches: 10 },
    });
  });
});

describe('a state', () => {
  test('comes with the journal after it, also when that is empty', async () => {
    const archive = await archiveWith({ at: 8 }, { at: 14, base: 8 });
    for (const [offset, base] of [
      [8, 8],
      [14, 14],
      [19, 14],
      [34, 14],
    ] as const) {
      const context = testContext(archive.store);
      const result = await restore(context, options({ ...STATE, ...offsetOf(offset) }));
      expect(result).toMatchObject({ base, offset, bytes: stateAt(base).length + offset - base });
      expectState(context, base, offset);
      expect(await names(context)).toEqual(['out', 'out.journal']);
      const dry = await restore(
        testContext(archive.store),
        options({ ...STATE, ...offsetOf(offset), dryRun: true }),
      );
      expect(dry).toMatchObject({ base, bytes: result.bytes, records: 0 });
    }
  });

  test('needs no batches below its cut, and none at its own offset', async () => {
    const archive = await archiveWith({ at: 14 });
    forget(archive, 0);
    const context = testContext(archive.store);
    await restore(context, options(STATE));
    expectState(context, 14, 34);
    forget(archive, 8, 19);
    const exact = testContext(archive.store);
    await restore(exact, options({ ...STATE, ...offsetOf(14) }));
    expectState(exact, 14, 14);
  });

  test('takes the journal after it from a snapshot of that where the batches are gone', async () => {
    const archive = await archiveWith({ at: 8 }, { at: 28, of: 'journal' });
    forget(archive, 0, 8);
    for (const offset of [14, 28, 34]) {
      const context = testContext(archive.store);
      await restore(context, options({ ...STATE, ...offsetOf(offset) }));
      expectState(context, 8, offset);
    }
  });

  test('of an earlier point than the first snapshot is refused', async () => {
    const archive = await archiveWith({ at: 8 });
    expect(
      await refusal(restore(testContext(archive.store), options({ ...STATE, ...offsetOf(4) }))),
    ).toMatchObject({ code: 'RIG_OFFSET_NOT_COVERED' });
  });

  test('is not streamed where a journal belongs to it', async () => {
    const archive = await archiveWith({ at: 8 });
    const target = { kind: 'stream', write: async () => expect.fail('nothing goes out') } as const;
    const error = await refusal(restore(testContext(archive.store), options({ ...STATE, target })));
    expect(error).toMatchObject({ code: 'RIG_USAGE' });
  });

  test.each(['header', 'content', 'footer', 'link', 'base'] as const)(
    'that is damaged in its %s makes room for an older one, with a warning',
    async (where) => {
      const archive = await archiveWith(
        { at: 8 },
        { at: 14, base: where === 'base' ? 8 : undefined },
        {
          at: 19,
          ...(where === 'link' ? { header: { chain: 'f'.repeat(64) } } : {}),
          base: where === 'base' ? 14 : undefined,
        },
      );
      const key = snapshotKey(where === 'base' ? 14 : 19);
      const bytes = objectBytes(archive, key);
      const index = {
        header: 20,
        content: bytes.indexOf('the state'),
        footer: bytes.length - 40,
        link: 0,
        base: 20,
      }[where];
      if (where !== 'link') {
        bytes[index] = (bytes[index] ?? 0) ^ 1;
        await overwrite(archive.store, key, bytes);
      }
      const older = where === 'base' ? 8 : 14;
      const context = testContext(archive.store);
      expect(await restore(context, options(STATE))).toMatchObject({ base: older, offset: 34 });
      expectState(context, older, 34);
      const warning = context.reports.find(({ type }) => type === 'warning');
      expect(warning).toMatchObject({ code: 'base-damaged', details: { object: key } });
      expect(await names(context)).toEqual(['out', 'out.journal']);
    },
  );

  test('without another one is refused with what can be restored', async () => {
    const archive = await archiveWith({ at: 14 });
    await overwrite(archive.store, snapshotKey(14), objectBytes(archive, snapshotKey(14)).subarray(0, -1));
    const context = testContext(archive.store);
    expect(await refusal(restore(context, options(STATE)))).toMatchObject({
      code: 'RIG_CHECKSUM_MISMATCH',
      details: { object: snapshotKey(14), recoverable: [] },
    });
    expect(await names(context)).toEqual([]);
  });
});
