/**
 * Plays seeds. SIM_SEED=123 plays one, twice, and shows its trace; SIM_SEEDS says how many (default 10000), SIM_FIRST
 * from which on (default 1), SIM_MINUTES=480 goes on for a night instead, from where the others end. What breaks is
 * shown as it comes, with the command that repeats it, and every minute how many seeds were played.
 */
import { env } from 'node:process';
import { expect, it } from 'vitest';
import { MUST_BE_REACHED, showCounts } from './coverage.ts';
import { playSeeds, showFailure } from './play-seeds.ts';
import { simulate } from './simulate.ts';

const DEFAULT_SEEDS = 10_000;
/** So many reach every branch. */
const REACHING_SEEDS = 2_000;
const NIGHT_MS = 86_400_000;

const seed = Number(env['SIM_SEED'] ?? 7);
const minutes = Number(env['SIM_MINUTES'] ?? 0);
const first = Number(env['SIM_FIRST'] ?? (minutes > 0 ? DEFAULT_SEEDS + 1 : 1));
const count = minutes > 0 ? Number.MAX_SAFE_INTEGER : Number(env['SIM_SEEDS'] ?? DEFAULT_SEEDS);

it('the same seed gives the same trace', async () => {
  const [simulated, again] = [await simulate(seed), await simulate(seed)];
  if (env['SIM_SEED'] !== undefined) {
    console.log(`${simulated.trace.join('\n')}\n\n${showCounts(simulated.counts)}`);
  }
  expect(simulated.violation).toBeUndefined();
  expect(again.traceHash).toBe(simulated.traceHash);
  expect(again.nextRandom).toBe(simulated.nextRandom);
  expect((await simulate(seed + 1)).traceHash).not.toBe(simulated.traceHash);
});

if (env['SIM_SEED'] === undefined) {
  it('no seed breaks a promise', { timeout: NIGHT_MS }, async () => {
    const limitMs = minutes > 0 ? minutes * 60_000 : NIGHT_MS;
    const played = await playSeeds(first, count, limitMs, (line) => console.log(line));
    const hours = (played.simulatedMs / 3_600_000).toFixed(1);
    console.log(`${played.seeds} seeds, ${hours} simulated hours\n${showCounts(played.counts)}`);
    expect(played.failures.map(showFailure).join('\n')).toBe('');
    const missed = MUST_BE_REACHED.filter((branch) => !played.counts.has(branch));
    expect(played.seeds < REACHING_SEEDS ? [] : missed).toEqual([]);
  });
}
