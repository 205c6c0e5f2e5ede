import { describe, expect, it } from 'vitest';
import { CANARIES } from './canaries.ts';
import { playTask } from './play-seeds.ts';

/** A canary is caught long before; CI plays more seeds than this. */
const SEEDS_LIMIT = 1_000;
const LIMIT_MS = 600_000;

describe.concurrent('the simulation finds a program that', () => {
  it.each(CANARIES)('$name', { timeout: 2 * LIMIT_MS }, async (canary) => {
    const task = { first: 1, step: 1, count: SEEDS_LIMIT, limitMs: LIMIT_MS, failuresLimit: 1, canary };
    const { seeds, failures } = await playTask(task, () => undefined);
    console.log(`"${canary.name}" is caught by seed ${seeds}: ${failures[0]?.violation}`);
    expect(failures[0]?.violation).toMatch(canary.caughtBy);
  });
});
