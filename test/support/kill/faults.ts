import { existsSync } from 'node:fs';
import { readFile, rm, truncate } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { KIB } from '../../../src/kernel/size.ts';
import { SmallDisk } from '../small-disk.ts';
import { checkArchive, expectPrefix, expectStateAt, listArchive } from './check.ts';
import type { Outage } from './place.ts';
import type { KillScene } from './scene.ts';

/** Something that happens in a round. */
export interface Fault {
  readonly name: string;
  /** Only where the application takes some. */
  readonly needsSnapshots?: true;
  /** Starts again what it ends. */
  readonly strike: (scene: KillScene) => Promise<void>;
}

/** A start of rigctl takes about half of this. */
const LONGEST_START_MS = 500;
/** A snapshot takes about half of this. */
const LONGEST_SNAPSHOT_MS = 60;
/** A prune that deletes slowly takes about half of this. */
const LONGEST_PRUNE_MS = 400;
/** Takes what is in the archive for so old that prune may remove it. */
const AGED_PROGRAM = [
  fileURLToPath(new URL('../aged-rigctl.ts', import.meta.url)),
  String(2 * 24 * 3_600_000),
];
const KEPT_SNAPSHOTS = 2;

/** All that can happen in such a place, in a fixed order. */
export function faultsOf(scene: KillScene): readonly Fault[] {
  const outages = scene.place.outages.flatMap((outage) => [rideOut(outage), killMeanwhile(outage)]);
  return [
    ...SNAPSHOT_FAULTS,
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
  { name: 'kill a prune', needsSnapshots: true, strike: killPrune },
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

async function killPusher(scene: KillScene): Promise<void> {
  await scene.pusher.end('SIGKILL');
  scene.startPusher();
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

/** Whenever a prune dies, what its policy promises is there; the next one goes on. */
async function killPrune(scene: KillScene): Promise<void> {
  const args = ['prune', '--keep-last', String(KEPT_SNAPSHOTS), '--yes'];
  while ((await listArchive(scene)).snapshots.length <= KEPT_SNAPSHOTS) {
    await scene.pusher.waitFor(scene.fromNowOn(({ code }) => code === 'snapshot-stored'));
  }
  await promisingTheNewest(scene, async () => {
    const pruner = scene.start(args, AGED_PROGRAM);
    await pruner.waitFor(({ type }) => type === 'deleting');
    await scene.sleepUpTo(LONGEST_PRUNE_MS);
    await pruner.end('SIGKILL');
  });
  await scene.paused(() => checkArchive(scene, { mayWarnOf: ['latest-stale', 'range-unrestorable'] }));
  await promisingTheNewest(scene, async () => {
    expect(await scene.start(args, AGED_PROGRAM).ended).toMatchObject({ exitCode: 0 });
  });
}

/**
 * A prune promises every offset from the oldest of the newest snapshots on. Of those that come meanwhile it may have
 * seen any.
 */
async function promisingTheNewest(scene: KillScene, prune: () => Promise<void>): Promise<void> {
  const before = await listArchive(scene);
  await prune();
  const after = await listArchive(scene);
  const all = [...new Set([...before.snapshots, ...after.snapshots])].sort((one, other) => one - other);
  scene.promisedFrom = all.at(-KEPT_SNAPSHOTS) ?? scene.promisedFrom;
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
