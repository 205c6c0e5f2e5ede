import { fc } from '@fast-check/vitest';

/**
 * Properties take the same path every time, so that a run judges the change and not its luck. RIGCTL_TEST_SEED=random
 * looks for new paths, which is what a night is for; a number, as a failing title shows it, takes that one again.
 */
const seed = process.env['RIGCTL_TEST_SEED'] ?? '1';
if (seed !== 'random') {
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
}
