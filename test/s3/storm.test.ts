/**
 * Whole pushes and restores through a proxy that plants faults, against a real S3 server. STORM_SEED=7 repeats one seed
 * and shows what the proxy did; STORM_SEEDS says how many (default 2), STORM_FIRST from which on (default 1).
 */
import { env } from 'node:process';
import { describe, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { KIB } from '../../src/kernel/size.ts';
import { StormScene } from '../support/storm-scene.ts';

const DEFAULT_SEEDS = 2;
const RATE = 0.25;

const only = env['STORM_SEED'];
const first = Number(only ?? env['STORM_FIRST'] ?? 1);
const count = only === undefined ? Number(env['STORM_SEEDS'] ?? DEFAULT_SEEDS) : 1;

async function play(seed: number, work: (scene: StormScene) => Promise<void>): Promise<void> {
  await using scene = await StormScene.create(seed);
  try {
    await work(scene);
  } catch (error) {
    console.error(`repeat it with: STORM_SEED=${seed} npm run test:s3 -- test/s3/storm.test.ts`);
    throw error;
  } finally {
    if (only !== undefined) {
      console.log(scene.proxy.trace.join('\n'));
    }
  }
}

describe.for(Array.from({ length: count }, (_, at) => first + at))('in storm %i', (seed) => {
  it('a push of a journal and snapshots ends, and all of it comes back', () =>
    play(seed, async (scene) => {
      await scene.write(25 * KIB);
      await scene.snapshot('large');
      await scene.write(25 * KIB);
      await scene.snapshot('small');
      await scene.write(10 * KIB);
      scene.storm(RATE);
      await scene.pushOnce();
      await scene.heal();
      await scene.check();
      await scene.readInStorm();
    }));

  it('a follower goes on, and all that it reported comes back', () =>
    play(seed, async (scene) => {
      scene.storm(RATE);
      await scene.write(5 * KIB);
      await scene.follow(async () => {
        for (let round = 0; round < 6; round += 1) {
          await scene.write(5 * KIB);
          await (round % 2 === 1 ? scene.snapshot('small') : systemClock.sleep(20));
        }
      });
      await scene.heal();
      await scene.check(false);
      await scene.pushOnce();
      await scene.check();
      await scene.readInStorm();
    }));
});
