import { describe, expect, it } from 'vitest';
import { batchKey, snapshotKey } from '../../src/archive/layout.ts';
import type { Verdict } from '../../src/archive/plan-retention.ts';
import { pruneLines, VerdictSummary } from '../../src/cli/render/prune-text.ts';
import { CliWorld } from '../support/cli-world.ts';
import { retentionArchive } from '../support/retention-archive.ts';

async function worldToPrune(): Promise<CliWorld> {
  const archive = await retentionArchive([
    { at: 15, ageDays: 9 },
    { at: 55, ageDays: 3 },
    { at: 80, ageDays: 2, base: 55 },
  ]);
  const world = new CliWorld();
  for (const [key, object] of archive.namespace.objects) {
    world.namespace.objects.set(key, object);
  }
  return world;
}

describe('rigctl prune', () => {
  it('says what it would remove and why, what stays, and how to do it', async () => {
    const world = await worldToPrune();
    expect(await world.run('prune', '--keep-last', '1', '--keep-weekly', '2')).toMatchObject({ exitCode: 0 });
    expect(world.stdout.lines).toEqual([
      expect.stringMatching(
        new RegExp(
          `^remove  8 batches, ${batchKey(0)} to ${batchKey(70)}, [\\d.]+ KiB: ` +
            'each because it lies below 80 \\(0x50\\), from where the snapshot at 80 ',
        ),
      ),
      expect.stringMatching(/^remove {2}WRITER\/0000000000000001 .* the writer of epoch 2 came after it$/),
      expect.stringMatching(
        /^would remove 8 batches, 0 snapshots, 1 writer \(.*\); 2 batches, 3 snapshots, 1 writer \(.*\) would stay$/,
      ),
      'kept: the state at every offset from 80 (0x50) on: the newest snapshot and what follows it are always kept',
      'kept: the state at 15 (0xf): it is the newest of the week from 2026-11-09',
      'times would then be known from 80 (0x50) on: a moment before can be asked for with --nearest only',
      'nothing was changed: add --yes to remove it',
    ]);
    expect(world.stderr.text).toContain("no snapshot has the journal's beginning, which is not kept");
    expect(world.namespace.objects.has(batchKey(0))).toBe(true);
  });

  it('does it with --yes', async () => {
    const world = await worldToPrune();
    await world.run('prune', '--keep-last', '2', '--yes');
    expect(world.stdout.text).toMatch(/^removed 5 batches, 1 snapshot, 1 writer .* stay$/m);
    expect(world.stdout.text).toMatch(/^times are known from 50 \(0x32\) on: /m);
    expect(world.stdout.text).not.toContain('--yes');
    expect(world.namespace.objects.has(batchKey(0))).toBe(false);
    expect(world.namespace.objects.has(snapshotKey(15))).toBe(false);
    await world.run('prune', '--keep-last', '2', '--yes');
    expect(world.stdout.lines[0]).toMatch(/^nothing to remove; /);
    expect(world.stdout.text).not.toContain('times are known');
  });

  it('promises the state from the first snapshot on, where nothing is old enough to go', async () => {
    const world = await worldToPrune();
    await world.run('prune', '--keep-last', '4');
    expect(world.stdout.lines).toContain(
      'kept: the state at every offset from 15 (0xf) on: the policy keeps the last 4',
    );
  });

  it('marks with --mark', async () => {
    const world = await worldToPrune();
    await world.run('prune', '--keep-within', '1d', '--mark', '--yes');
    expect(world.stdout.text).toMatch(/^marked 8 batches, /m);
    expect(world.namespace.objects.get(batchKey(0))?.tags).toEqual({ rigctl: 'expendable' });
  });

  it('gives every object in JSON, and the counts at the end', async () => {
    const world = await worldToPrune();
    await world.run('prune', '--keep-last', '2', '--json');
    const entries = world.stdout.json.filter(({ type }) => type === 'entry');
    expect(entries).toHaveLength(10 + 3 + 2);
    expect(entries[0]).toMatchObject({
      keep: false,
      kind: 'batch',
      key: batchKey(0),
      storedBytes: expect.any(Number),
      reason: expect.stringContaining('it lies below 50 (0x32)'),
    });
    expect(world.stdout.json.at(-1)).toMatchObject({
      type: 'result',
      ok: true,
      action: 'delete',
      dryRun: true,
      removed: { batches: 5, snapshots: 1, writers: 1, storedBytes: expect.any(Number) },
      kept: { batches: 5, snapshots: 2, writers: 1 },
      ranges: [{ of: 'state', from: 55, base: 55 }],
      losesBeginning: true,
      timesFrom: 50,
    });
  });

  it('lists what stays too when it is verbose', async () => {
    const world = await worldToPrune();
    await world.run('prune', '--keep-last', '2', '--verbose');
    expect(world.stdout.text).toMatch(
      /^keep {4}SNAPSHOT\/0000000000000050 .* the newest usable snapshot of the state$/m,
    );
  });

  it.each([
    [[], 'nothing says what to keep'],
    [['--keep-last', '0'], '--keep-last: "0" is not a whole number from 1'],
    [['--keep-daily', '-1'], '--keep-daily'],
    [['--keep-weekly', '1.5'], '--keep-weekly'],
    [['--keep-monthly', 'all'], '--keep-monthly'],
    [['--keep-within', '0'], '--keep-within: 0 is below 1s'],
    [['--keep-within', '30'], '--keep-within: "30" is not a duration'],
    [['--keep-within', '3000w'], '--keep-within: 3000w is above'],
  ])('refuses %j', async (args, message) => {
    const world = await worldToPrune();
    expect(await world.run('prune', ...args, '--yes')).toMatchObject({ exitCode: 2 });
    expect(world.stderr.text).toContain(message);
    expect(world.stderr.text).toContain('hint: ');
    expect(world.namespace.objects.has(batchKey(0))).toBe(true);
  });
});

const lowBatch = (index: number): Verdict => ({
  keep: false,
  kind: 'batch',
  key: batchKey(index),
  storedBytes: 1_024,
  reason: 'it lies below',
});

describe('many removals', () => {
  it('are told by their reasons, once five have the same', () => {
    const summary = new VerdictSummary();
    for (let index = 0; index < 4; index += 1) {
      summary.add(lowBatch(index));
    }
    summary.add({ ...lowBatch(4), keep: true });
    expect(summary.lines()).toEqual(
      [0, 1, 2, 3].map((index) => `remove  ${batchKey(index)}   1.00 KiB  it lies below`),
    );
    summary.add(lowBatch(4));
    summary.add({ ...lowBatch(0), kind: 'writer', key: 'WRITER/0000000000000001' });
    for (const at of [9, 8, 7, 6, 5]) {
      summary.add({ ...lowBatch(0), kind: 'snapshot', key: snapshotKey(at), reason: 'superseded' });
    }
    expect(summary.lines()).toEqual([
      `remove  5 batches, ${batchKey(0)} to ${batchKey(4)}, 5.00 KiB: each because it lies below`,
      'remove  WRITER/0000000000000001   1.00 KiB  it lies below',
      `remove  5 snapshots, ${snapshotKey(5)} to ${snapshotKey(9)}, 5.00 KiB: each because superseded`,
    ]);
  });
});

describe('what is kept', () => {
  it('is snapshots and nothing between them where there are no batches', () => {
    const counts = { batches: 0, snapshots: 2, writers: 1, storedBytes: 1_024 };
    const lines = pruneLines({
      action: 'delete',
      dryRun: false,
      removed: counts,
      kept: counts,
      ranges: [{ of: 'state', from: 100, base: null, because: 'the policy keeps the last 4' }],
      points: [],
      losesBeginning: false,
      timesFrom: null,
    });
    expect(lines.slice(1)).toEqual([
      'kept: the state at every snapshot from 100 (0x64) on: the policy keeps the last 4',
    ]);
  });
});
