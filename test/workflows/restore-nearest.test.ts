import { describe, expect, test } from 'vitest';
import { batchKey } from '../../src/archive/layout.ts';
import { formatTime } from '../../src/kernel/clock.ts';
import { type RestoreOptions, restore } from '../../src/workflows/restore.ts';
import { type BuiltArchive, buildArchive, FIRST_OBSERVED_MS, overwrite } from '../support/archive-builder.ts';
import { LINES, lineArchive, options, refusal } from '../support/line-archive.ts';
import { archiveWith, contents, expectState, forget, offsetOf } from '../support/snapshot-archive.ts';
import { testContext } from '../support/workflow-context.ts';

const STATE = { what: 'state' } as const;
const HOUR_MS = 3_600_000;

const storedHoursBefore = (hours: number) => ({
  createdAt: formatTime(FIRST_OBSERVED_MS - hours * HOUR_MS),
});
const hoursBefore = (hours: number) =>
  ({ at: { kind: 'time', atMs: FIRST_OBSERVED_MS - hours * HOUR_MS } }) as const;

/** Single states at 4, 8 and 14, stored hours before anything that is still observed; the journal begins at 19. */
async function prunedArchive(): Promise<BuiltArchive> {
  const archive = await archiveWith(
    { at: 4, header: storedHoursBefore(8) },
    { at: 8, header: storedHoursBefore(6) },
    { at: 14, header: storedHoursBefore(4) },
    { at: 24 },
  );
  forget(archive, 0, 8);
  return archive;
}

async function restored(archive: BuiltArchive, changes: Partial<RestoreOptions>) {
  const context = testContext(archive.store);
  const { offset, base } = await restore(context, options(changes));
  return { context, offset, base };
}

async function refused(archive: BuiltArchive, changes: Partial<RestoreOptions>) {
  return refusal(restore(testContext(archive.store), options(changes)));
}

describe('the nearest state', () => {
  test.each([
    [6, 'before', 4],
    [6, 'after', 8],
    [7, 'before', 4],
    [8, 'before', 8],
    [8, 'after', 8],
    [12, 'before', 8],
    [12, 'after', 14],
    [16, 'before', 14],
    [16, 'after', 24],
    [2, 'after', 4],
    [26, 'before', 24],
    [26, 'after', 28],
  ] as const)(
    'to %i, %s it, is the one at %i, though the journal there is pruned',
    async (at, nearest, expected) => {
      const { context, offset, base } = await restored(await prunedArchive(), {
        ...STATE,
        ...offsetOf(at),
        nearest,
      });
      expect(offset).toBe(expected);
      expectState(context, base ?? 0, expected);
    },
  );

  test('is that of a snapshot within the record that was asked for', async () => {
    const archive = await archiveWith({ at: 16 });
    expect(await restored(archive, { ...STATE, ...offsetOf(17), nearest: 'before' })).toMatchObject({
      offset: 16,
    });
    expect(await restored(archive, { ...STATE, ...offsetOf(15), nearest: 'after' })).toMatchObject({
      offset: 16,
    });
    expect(await restored(archive, { ...STATE, ...offsetOf(3), nearest: 'after' })).toMatchObject({
      offset: 16,
    });
  });

  test('is refused on a side where there is none, naming where there are', async () => {
    const archive = await archiveWith({ at: 8 });
    expect(await refused(archive, { ...STATE, ...offsetOf(4), nearest: 'before' })).toMatchObject({
      code: 'RIG_OFFSET_NOT_COVERED',
      details: { recoverable: [{ from: 8, to: 34 }] },
    });
  });

  test('before a time that nobody observed any more is the newest that was stored by then', async () => {
    const archive = await prunedArchive();
    for (const [hours, before, after] of [
      [7, 4, 8],
      [5, 8, 14],
      [6, 8, 14],
      [3, 14, 24],
    ] as const) {
      const changes = { ...STATE, ...hoursBefore(hours) };
      const earlier = await restored(archive, { ...changes, nearest: 'before' });
      expect(earlier.offset).toBe(before);
      expectState(earlier.context, before, before);
      expect(await restored(archive, { ...changes, nearest: 'after' })).toMatchObject({ offset: after });
    }
    expect(await refused(archive, { ...STATE, ...hoursBefore(9), nearest: 'before' })).toMatchObject({
      code: 'RIG_OFFSET_NOT_COVERED',
    });
  });

  test('has to be asked for, and the refusal names it', async () => {
    const error = await refused(await prunedArchive(), { ...STATE, ...hoursBefore(5) });
    expect(error).toMatchObject({
      code: 'RIG_OFFSET_NOT_COVERED',
      message: expect.stringContaining(
        `a snapshot of offset 8 (0x8) stored at ${storedHoursBefore(6).createdAt}`,
      ),
      hint: expect.stringContaining('add --nearest before or --nearest after'),
      details: { recoverable: [4, 8, 14].map((at) => ({ from: at, to: at })).concat({ from: 24, to: 34 }) },
    });
  });
});

describe('the nearest point of a journal', () => {
  test('beyond its end is its end', async () => {
    const archive = await lineArchive();
    const { context, offset } = await restored(archive, { ...offsetOf(99), nearest: 'before' });
    expect(offset).toBe(34);
    expect(contents(context)).toBe(LINES.toString());
    expect(await refused(archive, { ...offsetOf(99), nearest: 'after' })).toMatchObject({
      code: 'RIG_OFFSET_NOT_COVERED',
    });
  });

  test('before all observations is the first of them', async () => {
    const archive = await lineArchive();
    expect(await restored(archive, { ...hoursBefore(1), nearest: 'after' })).toMatchObject({ offset: 8 });
    expect(await refused(archive, { ...hoursBefore(1), nearest: 'before' })).toMatchObject({
      code: 'RIG_OFFSET_NOT_COVERED',
      message: expect.stringContaining('before all observations'),
    });
  });

  test('is found in the last batch before a hole, and below the hole', async () => {
    const archive = await lineArchive();
    await overwrite(archive.store, batchKey(100_000_000), 'rubbish');
    expect(await restored(archive, { ...offsetOf(26), nearest: 'before' })).toMatchObject({ offset: 24 });
    expect(await restored(archive, { ...offsetOf(26), nearest: 'after' })).toMatchObject({ offset: 28 });
    expect(await restored(archive, { ...offsetOf(40), nearest: 'before' })).toMatchObject({ offset: 19 });
  });

  test('is not nothing where the beginning was pruned', async () => {
    const error = await refused(await prunedArchive(), { ...offsetOf(12), nearest: 'before' });
    expect(error).toMatchObject({ code: 'RIG_OFFSET_NOT_COVERED', hint: expect.stringContaining('--state') });
  });
});

describe('a refusal', () => {
  test('of a state names where a state can be restored, not where the journal can', async () => {
    const archive = await archiveWith({ at: 8 });
    expect(await refused(archive, { ...STATE, ...offsetOf(0) })).toMatchObject({
      message: expect.stringContaining('it can be restored at offsets 8 (0x8) to 34 (0x22)'),
      details: { recoverable: [{ from: 8, to: 34 }] },
    });
  });

  test('counts the journal after a state that only an image of the journal holds', async () => {
    const archive = await archiveWith({ at: 8 }, { at: 28, of: 'journal' });
    forget(archive, 0, 8);
    expect(await refused(archive, { ...STATE, ...offsetOf(0) })).toMatchObject({
      details: { recoverable: [{ from: 8, to: 34 }] },
    });
  });

  test('of a state where there is none says what there is', async () => {
    expect(await refused(await lineArchive(), STATE)).toMatchObject({
      hint: expect.stringContaining('leave --state out'),
      details: { recoverable: [] },
    });
  });

  test('of an archive without anything asks for no point in it', async () => {
    const archive = await buildArchive({ journal: new Uint8Array(0), cuts: [], format: 'none' });
    for (const at of [{ kind: 'latest' }, { kind: 'offset', offset: 4 }, hoursBefore(1).at] as const) {
      const error = await refused(archive, { at });
      expect(error).toMatchObject({ code: 'RIG_OFFSET_NOT_COVERED', details: { recoverable: [] } });
      expect(error.hint).toBe('push a snapshot first, or check --archive');
    }
  });

  test('of a journal whose beginning was pruned says how to get the latest', async () => {
    expect(await refused(await prunedArchive(), {})).toMatchObject({
      code: 'RIG_OFFSET_NOT_COVERED',
      hint: 'add --state to get the newest state and the journal after it',
    });
  });
});
