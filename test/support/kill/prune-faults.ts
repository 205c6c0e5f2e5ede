import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { PruneResult } from '../../../src/workflows/prune.ts';
import { checkArchive, expectState, listArchive } from './check.ts';
import type { Fault } from './fault.ts';
import type { KillScene } from './scene.ts';

/** What is in the archive is taken for so old that prune may remove it. */
const AGE_MS = 2 * 24 * 3_600_000;
const AGED_PROGRAM = fileURLToPath(new URL('../aged-rigctl.ts', import.meta.url));
const KEPT_SNAPSHOTS = 2;
const POLICY = ['--keep-last', String(KEPT_SNAPSHOTS)];
const PRUNE = ['prune', ...POLICY];

export const PRUNE_FAULTS: readonly Fault[] = [
  {
    name: 'kill a prune',
    needsSnapshots: true,
    async strike(scene) {
      await haveGarbage(scene);
      await promisingTheNewest(scene, async () => {
        const pruner = scene.start([...PRUNE, '--yes'], haltingProgram(scene));
        await pruner.waitFor(({ type }) => type === 'halted');
        await pruner.end('SIGKILL');
      });
      await scene.paused(() => expectHalfPruned(scene));
    },
  },
  {
    name: 'kill a pusher that prunes',
    needsSnapshots: true,
    async strike(scene) {
      await haveGarbage(scene);
      await promisingTheNewest(scene, async () => {
        await scene.pusher.end('SIGKILL');
        await scene.takeSnapshot('small');
        scene.startPusher(haltingProgram(scene), ['--expire', 'delete', ...POLICY]);
        await scene.pusher.waitFor(({ type }) => type === 'halted');
        await scene.pusher.end('SIGKILL');
      });
      await scene.paused(async () => {
        await expectHalfPruned(scene);
        expect(await removedBy(scene, PRUNE)).toEqual({ snapshots: 0, all: 0 });
      });
      scene.startPusher();
    },
  },
];

/** There is a snapshot, and more, that a prune removes. */
async function haveGarbage(scene: KillScene): Promise<void> {
  for (;;) {
    const { snapshots, all } = await removedBy(scene, PRUNE);
    if (snapshots > 0 && all > 1) {
      return;
    }
    const isStored = scene.fromNowOn(({ code }) => code === 'snapshot-stored');
    await scene.takeSnapshot('small');
    await scene.pusher.waitFor(isStored);
  }
}

function haltingProgram(scene: KillScene): readonly string[] {
  return [AGED_PROGRAM, String(AGE_MS), String(scene.upTo(99) / 100)];
}

interface Removed {
  readonly snapshots: number;
  readonly all: number;
}

/** When a prune has died, what its policy promises is there, and something is left that the next one removes. */
async function expectHalfPruned(scene: KillScene): Promise<void> {
  await checkArchive(scene, { mayWarnOf: ['latest-stale', 'range-unrestorable'] });
  const { snapshots } = await listArchive(scene);
  const kept = snapshots.filter((at) => at >= scene.promisedFrom);
  expect(kept.length).toBeGreaterThanOrEqual(KEPT_SNAPSHOTS);
  await Promise.all(kept.map((at) => expectState(scene, at, at)));
  await promisingTheNewest(scene, async () => {
    expect((await removedBy(scene, [...PRUNE, '--yes'])).all).toBeGreaterThan(0);
  });
}

/** How many objects, without "--yes" those that would be. */
async function removedBy(scene: KillScene, prune: readonly string[]): Promise<Removed> {
  const { result } = await scene.judge(prune, AGE_MS);
  const removed = result?.['removed'] as PruneResult['removed'];
  return { snapshots: removed.snapshots, all: removed.batches + removed.snapshots + removed.writers };
}

/**
 * A prune promises every offset from the oldest of the newest snapshots on. Of those that come meanwhile it may have
 * seen any.
 */
async function promisingTheNewest(scene: KillScene, prune: () => Promise<void>): Promise<void> {
  const before = await listArchive(scene);
  await prune();
  const after = await listArchive(scene);
  const all = [...new Set([...before.snapshots, ...after.snapshots, ...scene.storedByPusher()])];
  all.sort((one, other) => one - other);
  scene.promisedFrom = all.at(-KEPT_SNAPSHOTS) ?? scene.promisedFrom;
}
