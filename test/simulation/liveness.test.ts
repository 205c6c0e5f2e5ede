import { describe, expect, it } from 'vitest';
import { Director } from './director.ts';
import type { Machine } from './machine.ts';
import { Universe } from './universe.ts';

const SECOND_MS = 1_000;
const RUN_S = 240;
/** Longer than a takeover from another host and a restart take together. */
const STANDSTILL_LIMIT_S = 60;

/** Who pushes one journal, and how soon each is started again after it has ended, for whatever reason. */
interface Contest {
  readonly title: string;
  readonly follow: readonly [boolean, boolean];
  readonly hosts: 1 | 2;
  readonly restartMs: readonly [number, number];
}

const CONTESTS: readonly Contest[] = [
  { title: 'two followers on one host', follow: [true, true], hosts: 1, restartMs: [100, 3_000] },
  // Sooner than 15 s, the time a follower gives its predecessor, each would end the other before it may put. That is
  // why a service manager must not restart after exit status 11.
  { title: 'followers on two hosts', follow: [true, true], hosts: 2, restartMs: [20_000, 30_000] },
  { title: 'one-shots on two hosts', follow: [false, false], hosts: 2, restartMs: [100, 3_000] },
  { title: 'a one-shot beside a follower', follow: [false, true], hosts: 1, restartMs: [100, 3_000] },
  { title: 'a one-shot on another host', follow: [false, true], hosts: 2, restartMs: [100, 3_000] },
];

/** Starts a push again and again. */
async function keepStarting(director: Director, machine: Machine, follow: boolean, contest: Contest) {
  const { scheduler } = director.scene.universe;
  for (;;) {
    const pusher = director.start(machine, {
      follow,
      batchBytes: undefined,
      intervalMs: 1_000,
      fileFailureRate: 0,
    });
    while (pusher.isRunning) {
      await scheduler.pause(200);
    }
    await scheduler.pause(director.scene.universe.dice.between(...contest.restartMs));
  }
}

/** The longest time, in seconds, in which nothing became durable although a record was written each second. */
async function longestStandstill(universe: Universe, contest: Contest): Promise<number> {
  const director = new Director(universe);
  const { scene } = director;
  const first = await scene.addMachine('host1');
  await scene.write(first, 500);
  const second =
    contest.hosts === 1 ? first : await scene.addMachine('host2', first.history, first.journalBytes);
  second.isReplica = true;
  void keepStarting(director, first, contest.follow[0], contest);
  void keepStarting(director, second, contest.follow[1], contest);
  let [longest, movedAt, end] = [0, 0, 0];
  for (let at = 0; at < RUN_S; at += 1) {
    await scene.write(first, 30);
    await scene.write(second, 100);
    await universe.scheduler.pause(SECOND_MS);
    if (scene.place.oracle.end > end) {
      [movedAt, end] = [at, scene.place.oracle.end];
    }
    longest = Math.max(longest, at - movedAt);
  }
  return longest;
}

describe('with a healthy store, whoever comes and goes, records become durable', () => {
  it.each(CONTESTS)('$title, started again and again', async (contest) => {
    for (const seed of [1, 2]) {
      const universe = new Universe(seed);
      let longest: number | undefined;
      const play = async () => {
        longest = await longestStandstill(universe, contest);
      };
      void play();
      await universe.scheduler.run(() => longest !== undefined || universe.violation !== undefined);
      expect(universe.violation).toBeUndefined();
      expect(longest).toBeLessThan(STANDSTILL_LIMIT_S);
    }
  });
});
