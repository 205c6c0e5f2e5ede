import { describe, expect, test } from 'vitest';
import { snapshotKey } from '../../src/archive/layout.ts';
import { formatTime } from '../../src/kernel/clock.ts';
import { type RestoreOptions, restore } from '../../src/workflows/restore.ts';
import { status } from '../../src/workflows/status.ts';
import { type BuiltArchive, buildArchive, FIRST_OBSERVED_MS, overwrite } from '../support/archive-builder.ts';
import { names, options, refusal } from '../support/line-archive.ts';
import { contents, offsetOf, stateAt } from '../support/snapshot-archive.ts';
import { putSnapshot } from '../support/snapshot-builder.ts';
import { codesOf, testContext } from '../support/workflow-context.ts';

const HOUR_MS = 3_600_000;

/** Snapshots and no journal; they were made an hour apart. */
async function snapshotsAt(...offsets: readonly number[]): Promise<BuiltArchive> {
  const archive = await buildArchive({ journal: new Uint8Array(0), cuts: [], format: 'none' });
  for (const [index, at] of offsets.entries()) {
    const createdAt = formatTime(FIRST_OBSERVED_MS + index * HOUR_MS);
    await putSnapshot(archive.store, { at, content: stateAt(at), header: { createdAt } });
  }
  return archive;
}

async function restored(archive: BuiltArchive, changes: Partial<RestoreOptions>) {
  const context = testContext(archive.store);
  const result = await restore(context, options(changes));
  expect(contents(context)).toBe(stateAt(result.offset).toString());
  expect(result).toMatchObject({ base: result.offset, batches: 0, records: 0 });
  expect(await names(context)).toEqual(['out']);
  return { offset: result.offset, warnings: codesOf(context.reports, 'warning') };
}

const timeOf = (atMs: number) => ({ at: { kind: 'time', atMs } }) as const;

describe('an archive without a journal', () => {
  test('gives the newest snapshot, or the one at exactly the point', async () => {
    const archive = await snapshotsAt(5, 9);
    expect(await restored(archive, {})).toEqual({ offset: 9, warnings: [] });
    expect(await restored(archive, { what: 'state', ...offsetOf(5) })).toEqual({ offset: 5, warnings: [] });
  });

  test('names both neighbours of another point, or takes the one that is asked for', async () => {
    const archive = await snapshotsAt(5, 9);
    const between = testContext(archive.store);
    expect(await refusal(restore(between, options(offsetOf(7))))).toMatchObject({
      code: 'RIG_OFFSET_NOT_BOUNDARY',
      details: { offset: 7, before: 5, after: 9 },
    });
    expect(await restored(archive, { ...offsetOf(7), nearest: 'before' })).toMatchObject({ offset: 5 });
    expect(await restored(archive, { ...offsetOf(7), nearest: 'after' })).toMatchObject({ offset: 9 });
    expect(await restored(archive, { ...offsetOf(99), nearest: 'before' })).toMatchObject({ offset: 9 });
    for (const offset of [4, 10]) {
      const error = await refusal(restore(testContext(archive.store), options(offsetOf(offset))));
      expect(error).toMatchObject({
        code: 'RIG_OFFSET_NOT_COVERED',
        details: {
          recoverable: [
            { from: 5, to: 5 },
            { from: 9, to: 9 },
          ],
        },
      });
    }
  });

  test('finds times by when its snapshots were made', async () => {
    const archive = await snapshotsAt(5, 9);
    expect(await restored(archive, timeOf(FIRST_OBSERVED_MS))).toEqual({ offset: 5, warnings: [] });
    const between = timeOf(FIRST_OBSERVED_MS + 1);
    expect(await refusal(restore(testContext(archive.store), options(between)))).toMatchObject({
      code: 'RIG_TIME_AMBIGUOUS',
      details: { before: { offset: 5 }, after: { offset: 9 } },
    });
    expect(await restored(archive, { ...between, nearest: 'before' })).toMatchObject({ offset: 5 });
    expect(await restored(archive, { ...between, nearest: 'after' })).toMatchObject({ offset: 9 });
    expect(await restored(archive, timeOf(FIRST_OBSERVED_MS + 2 * HOUR_MS))).toEqual({
      offset: 9,
      warnings: ['time-after-last'],
    });
    expect(
      await refusal(restore(testContext(archive.store), options(timeOf(FIRST_OBSERVED_MS - 1)))),
    ).toMatchObject({ code: 'RIG_OFFSET_NOT_COVERED' });
    expect(await restored(archive, { ...timeOf(FIRST_OBSERVED_MS - 1), nearest: 'after' })).toMatchObject({
      offset: 5,
    });
  });

  test('has no journal to give, and is told so', async () => {
    const archive = await snapshotsAt(5);
    const error = await refusal(restore(testContext(archive.store), options({ what: 'journal' })));
    expect(error).toMatchObject({ code: 'RIG_USAGE', message: expect.stringContaining('--journal') });
  });

  test('goes to a stream as it is', async () => {
    const parts: Uint8Array[] = [];
    const write = async (bytes: Uint8Array) => void parts.push(bytes.slice());
    const context = testContext((await snapshotsAt(5)).store);
    await restore(context, options({ target: { kind: 'stream', write } }));
    expect(Buffer.concat(parts)).toEqual(stateAt(5));
  });

  test('whose newest snapshot is damaged gives the one before it, with a warning; asked for it, refuses', async () => {
    const archive = await snapshotsAt(5, 9);
    await overwrite(archive.store, snapshotKey(9), 'rubbish');
    expect(await restored(archive, {})).toEqual({ offset: 5, warnings: ['base-damaged'] });
    expect(await refusal(restore(testContext(archive.store), options(offsetOf(9))))).toMatchObject({
      code: 'RIG_CHECKSUM_MISMATCH',
      details: { object: snapshotKey(9), recoverable: [{ from: 5, to: 5 }] },
    });
  });

  test('has a status without a journal', async () => {
    expect(await status(testContext((await snapshotsAt(5, 9)).store))).toMatchObject({
      durable: 9,
      latest: 9,
      firstObserved: formatTime(FIRST_OBSERVED_MS),
      lastObserved: formatTime(FIRST_OBSERVED_MS + HOUR_MS),
      recoverable: [
        { from: 5, to: 5 },
        { from: 9, to: 9 },
      ],
    });
  });
});
