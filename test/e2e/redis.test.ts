import { cp, mkdir, mkdtempDisposable, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Random } from '../../src/kernel/random.ts';
import { writingCommand } from '../support/redis-load.ts';
import { APPEND_DIRECTORY, APPEND_FILE, isRedisInstalled, RedisServer } from '../support/redis-server.ts';
import { durableAt, RigctlProcess, rigctl } from '../support/rigctl-process.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** What Redis held when the load paused, and how long its append-only file was. */
interface Moment {
  readonly sizeBytes: number;
  readonly keys: number;
  readonly digest: string;
}

const PIPELINED = 200;

async function stateOf(redis: RedisServer): Promise<{ keys: number; digest: string }> {
  return {
    keys: Number(await redis.command('DBSIZE')),
    digest: String(await redis.command('DEBUG', 'DIGEST')),
  };
}

// A machine that builds changes has Redis, so that nothing is skipped there: without one it fails.
describe.runIf(isRedisInstalled() || process.env['CI'] === 'true')('a Redis under load', () => {
  it('comes back at each of three moments as it was', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-redis-'));
    const live = join(directory.path, 'live');
    const archive = ['--archive', `file:${join(directory.path, 'archive')}`];
    await mkdir(live);
    await using redis = await RedisServer.start(live);
    const journal = join(live, APPEND_DIRECTORY, APPEND_FILE);
    await using follower = new RigctlProcess([
      'push',
      journal,
      '--follow',
      '--interval',
      '100ms',
      ...archive,
    ]);

    const random = seededRandom(3);
    const moments: Moment[] = [];
    for (let moment = 0; moment < 3; moment += 1) {
      moments.push(await pausedAfterLoad(redis, follower, journal, random));
    }
    await loadWhileFollowed(redis, follower, random);
    await redis.appended();
    const { size: endBytes } = await stat(journal);
    await follower.waitFor(durableAt(endBytes));
    expect(await follower.end()).toMatchObject({ exitCode: 143, result: { durable: endBytes } });
    await redis.kill();
    const written = await readFile(journal);
    await rm(journal);

    for (const { sizeBytes, ...state } of moments) {
      const copy = join(directory.path, `at-${sizeBytes}`);
      await cp(join(live, APPEND_DIRECTORY), join(copy, APPEND_DIRECTORY), { recursive: true });
      const restored = join(copy, APPEND_DIRECTORY, APPEND_FILE);
      expect(await rigctl(['restore', '--at', `${sizeBytes}`, '--to', restored, ...archive])).toMatchObject({
        exitCode: 0,
        result: { offset: sizeBytes },
      });
      expect(written.subarray(0, sizeBytes).equals(await readFile(restored))).toBe(true);
      await using again = await RedisServer.start(copy);
      expect(await stateOf(again)).toEqual(state);
    }
    expect(new Set(moments.map(({ digest }) => digest)).size).toBe(3);
    expect(await rigctl(['verify', ...archive])).toMatchObject({ exitCode: 0 });
  });
});

/** Puts load on Redis until the follower has made several moves of the durable offset meanwhile. */
async function loadWhileFollowed(redis: RedisServer, follower: RigctlProcess, random: Random): Promise<void> {
  const moves = () => follower.lines.filter(({ type }) => type === 'durable').length;
  const before = moves();
  for (let rounds = 0; rounds < 20 || (moves() - before < 4 && !follower.hasEnded); rounds += 1) {
    await redis.pipeline(Array.from({ length: PIPELINED }, () => writingCommand(random)));
  }
}

/** Loads, pauses, and waits until what is in the append-only file then is durable. */
async function pausedAfterLoad(
  redis: RedisServer,
  follower: RigctlProcess,
  journal: string,
  random: Random,
): Promise<Moment> {
  await loadWhileFollowed(redis, follower, random);
  await redis.appended();
  const state = await stateOf(redis);
  const { size: sizeBytes } = await stat(journal);
  expect(await follower.waitFor(durableAt(sizeBytes))).toMatchObject({ durable: sizeBytes, lagBytes: 0 });
  return { sizeBytes, ...state };
}
