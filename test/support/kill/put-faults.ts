import { expect } from 'vitest';
import { snapshotKey } from '../../../src/archive/layout.ts';
import { expectState, expectVerified, listArchive } from './check.ts';
import type { Fault } from './fault.ts';
import type { PutMoment } from './place.ts';
import type { KillScene } from './scene.ts';

/** A part, or a completion, takes about half of this. */
const LONGEST_STEP_MS = 60;

/**
 * The pusher dies within the put of a large snapshot. What it leaves behind is no snapshot, and is left to the
 * lifecycle rules; the next one stores the snapshot.
 */
export function killInPut(moment: PutMoment): Fault {
  return {
    name: moment.name,
    needsSnapshots: true,
    async strike(scene) {
      const reached = moment.reach();
      const at = await scene.takeSnapshot('large');
      await Promise.race([reached, scene.pusher.ended.then(() => expect.fail('the pusher ended'))]);
      await scene.sleepUpTo(LONGEST_STEP_MS);
      await scene.pusher.end('SIGKILL');
      moment.pass();
      await scene.paused(() => expectHalfPut(scene, at, moment));
      scene.startPusher();
      await untilStored(scene, at);
      await moment.land();
      await scene.paused(() => expectPut(scene, at, moment));
      await scene.removeSnapshot(at);
    },
  };
}

async function expectHalfPut(scene: KillScene, at: number, { isStored }: PutMoment): Promise<void> {
  const unfinished = await unfinishedAt(scene, at);
  const { snapshots } = await listArchive(scene);
  if (isStored !== undefined) {
    expect(snapshots.includes(at)).toBe(isStored);
    expect(unfinished.map((parts) => parts > 0)).toEqual(isStored ? [] : [true]);
  }
  await expectVerified(scene, ['latest-stale']);
}

async function expectPut(scene: KillScene, at: number, { isStored }: PutMoment): Promise<void> {
  await expectState(scene, at, at);
  const unfinished = await unfinishedAt(scene, at);
  expect(unfinished.length).toBeLessThanOrEqual(isStored === true ? 0 : 1);
  await expectRuled(scene);
}

/** The lifecycle rules that `rigctl lifecycle apply` would set up give up all that is left behind. */
async function expectRuled(scene: KillScene): Promise<void> {
  const { result } = await scene.judge(['lifecycle', 'plan']);
  const rules = result?.['after'] as readonly { prefix: string; abortUploadsAfterDays?: number }[];
  const ruled = rules.flatMap((rule) => (rule.abortUploadsAfterDays === 7 ? rule.prefix : []));
  const left = await scene.place.unfinishedPuts();
  expect(left.filter(({ key }) => !ruled.some((prefix) => key.startsWith(prefix)))).toEqual([]);
}

/** Of each put of that snapshot how many parts are there. */
async function unfinishedAt(scene: KillScene, at: number): Promise<readonly number[]> {
  const puts = await scene.place.unfinishedPuts();
  return puts.flatMap(({ key, parts }) => (key.endsWith(snapshotKey(at)) ? parts : []));
}

/** The oldest comes first, so it is there when a later one is. */
async function untilStored(scene: KillScene, at: number): Promise<void> {
  for (;;) {
    const hasLater = scene.storedByPusher().some((stored) => stored > at);
    const { snapshots } = await listArchive(scene);
    if (snapshots.includes(at)) {
      return;
    }
    expect(hasLater).toBe(false);
    await scene.moment();
  }
}
