import { existsSync } from 'node:fs';
import { readFile, rm, truncate } from 'node:fs/promises';
import { expect } from 'vitest';
import { KIB } from '../../../src/kernel/size.ts';
import { SmallDisk } from '../small-disk.ts';
import { checkArchive, expectPrefix, expectStateAt } from './check.ts';
import { type Fault, killPusher } from './fault.ts';
import type { Outage } from './place.ts';
import { PRUNE_FAULTS } from './prune-faults.ts';
import { killInPut } from './put-faults.ts';
import type { KillScene } from './scene.ts';

/** A start of rigctl takes about half of this. */
const LONGEST_START_MS = 500;
/** A snapshot takes about half of this. */
const LONGEST_SNAPSHOT_MS = 60;
/** All that can happen in such a place, in a fixed order. */
export function faultsOf(scene: KillScene): readonly Fault[] {
  const outages = scene.place.outages.flatMap((outage) => [rideOut(outage), killMeanwhile(outage)]);
  return [
    ...SNAPSHOT_FAULTS,
    ...scene.place.putMoments.map((group) => killInPut(scene.pick(group))),
    ...outages,
    ...(scene.disk === undefined ? [] : DISK_FAULTS),
    ...(scene.place.cutPower === undefined ? [] : [CUT_POWER_OF_ARCHIVE]),
    ...PROCESS_FAULTS,
  ];
}

const PROCESS_FAULTS: readonly Fault[] = [
  { name: 'kill the pusher', strike: killPusher },
  {
    name: 'kill the pusher while it starts',
    async strike(scene) {
      await killPusher(scene);
      await scene.sleepUpTo(LONGEST_START_MS);
      await killPusher(scene);
    },
  },
  {
    name: 'kill the application',
    async strike(scene) {
      await scene.application.kill();
      scene.startApplication();
    },
  },
  {
    name: 'kill both',
    async strike(scene) {
      await killBoth(scene);
      startBoth(scene);
    },
  },
  {
    name: 'stop the pusher for a while',
    async strike(scene) {
      process.kill(scene.pusher.pid, 'SIGSTOP');
      await scene.application.writes(scene.application.written + scene.upTo(64 * KIB));
      process.kill(scene.pusher.pid, 'SIGCONT');
    },
  },
  {
    name: 'stop the application for a while',
    async strike(scene) {
      scene.application.signal('SIGSTOP');
      await scene.catchUp();
      scene.application.signal('SIGCONT');
    },
  },
  { name: 'overtake a stopped pusher', strike: overtake },
  { name: 'kill a restorer', strike: killRestorer },
];

const SNAPSHOT_FAULTS: readonly Fault[] = [
  {
    name: 'kill the pusher in a snapshot',
    needsSnapshots: true,
    async strike(scene) {
      await scene.application.says('snapshot');
      await scene.sleepUpTo(LONGEST_SNAPSHOT_MS);
      await killPusher(scene);
    },
  },
  ...PRUNE_FAULTS,
];

const DISK_FAULTS: readonly Fault[] = [
  { name: 'fill the disk of the journal', strike: fillJournalDisk },
  { name: 'fill the disk of a restorer', strike: fillRestorerDisk },
  {
    name: 'cut the power of the machine',
    async strike(scene) {
      await killBoth(scene);
      scene.disk?.cutPower();
      await recoverJournal(scene);
      startBoth(scene);
    },
  },
];

const CUT_POWER_OF_ARCHIVE: Fault = {
  name: 'cut the power of the archive',
  async strike(scene) {
    await scene.pusher.end('SIGKILL');
    scene.place.cutPower?.();
    scene.startPusher();
  },
};

/**
 * What neither the application nor the pusher has synced may be gone, or zeros stand there: an application cuts that
 * off before it goes on.
 */
async function recoverJournal(scene: KillScene): Promise<void> {
  const left = await readFile(scene.journal);
  const good = scene.text.commonBytes(left);
  const synced = scene.sync ? scene.application.written : 0;
  expect(good).toBeGreaterThanOrEqual(Math.max(synced, ...scene.acknowledged()));
  await truncate(scene.journal, good);
}

async function killBoth(scene: KillScene): Promise<void> {
  await Promise.all([scene.application.kill(), scene.pusher.end('SIGKILL')]);
}

function startBoth(scene: KillScene): void {
  scene.startApplication();
  scene.startPusher();
}

/** The one that wakes up to find that another took over must be told, and must not harm what that one stored. */
async function overtake(scene: KillScene): Promise<void> {
  const old = scene.pusher;
  process.kill(old.pid, 'SIGSTOP');
  scene.startPusher();
  await scene.catchUp();
  process.kill(old.pid, 'SIGCONT');
  expect(await old.ended).toMatchObject({ exitCode: 11, result: { error: { code: 'RIG_FENCED' } } });
}

/** Its target is not there, or whole; and another restore is not in its way. */
async function killRestorer(scene: KillScene): Promise<void> {
  const most = Math.max(...scene.acknowledged());
  const target = scene.path('restored');
  const hasState = scene.snapshots !== undefined && scene.promisedFrom > 0;
  const what = hasState ? '--state' : '--journal';
  const args = ['restore', what, '--to', target];
  const restorer = scene.start(args);
  await scene.sleepUpTo(LONGEST_START_MS);
  await restorer.end('SIGKILL');
  const expectWhole = async () => {
    if (hasState) {
      expect(await expectStateAt(scene, target)).toBeGreaterThanOrEqual(most);
    } else {
      const bytes = await readFile(target);
      expect(bytes.length).toBeGreaterThanOrEqual(most);
      expectPrefix(scene, bytes);
    }
  };
  if (existsSync(target)) {
    await expectWhole();
  }
  expect(await scene.start([...args, '--force']).ended).toMatchObject({ exitCode: 0 });
  await expectWhole();
  await rm(target, { recursive: true });
  await rm(`${target}.journal`, { force: true });
}

/** The application stops in the middle of a record; what is whole is pushed, and it goes on when there is room. */
async function fillJournalDisk(scene: KillScene): Promise<void> {
  scene.disk?.fill();
  await scene.application.says('full');
  await scene.catchUp();
  if (scene.pick([true, false])) {
    await scene.application.kill();
    scene.startApplication();
    await scene.application.says('full');
  }
  scene.disk?.free();
}

/** It says so and leaves nothing, and can do it when there is room. */
async function fillRestorerDisk(scene: KillScene): Promise<void> {
  using disk = await SmallDisk.mount(scene.path('small'), 4);
  const args = ['restore', scene.promisedFrom > 0 ? '--state' : '--journal', '--to', `${disk.path}/restored`];
  expect(await scene.start(args).ended).toMatchObject({
    exitCode: 15,
    result: { error: { code: 'RIG_LOCAL_IO', message: expect.stringContaining('ENOSPC') } },
  });
  disk.grow(64 * KIB);
  expect(await scene.start(args).ended).toMatchObject({ exitCode: 0 });
}

/** The pusher goes on by itself. */
function rideOut(outage: Outage): Fault {
  return {
    name: outage.name,
    strike: (scene) => during(outage, scene, async () => undefined),
  };
}

function killMeanwhile(outage: Outage): Fault {
  return {
    name: `${outage.name}, kill the pusher meanwhile`,
    strike: (scene) =>
      during(outage, scene, async () => {
        await killPusher(scene);
        await scene.sleepUpTo(LONGEST_START_MS);
      }),
  };
}

async function during(outage: Outage, scene: KillScene, work: () => Promise<void>): Promise<void> {
  const { sign } = outage;
  const isSign = scene.fromNowOn(
    ({ type, message }) => type === 'retry' && sign?.test(String(message)) === true,
  );
  await outage.begin();
  try {
    await (sign === undefined
      ? scene.application.writes(scene.application.written + scene.upTo(32 * KIB))
      : scene.pusher.waitFor(isSign));
    await work();
    if (outage.isReadable) {
      await scene.paused(() => checkArchive(scene));
    }
  } finally {
    await outage.end();
  }
}
