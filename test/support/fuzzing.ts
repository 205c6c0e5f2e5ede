import { isRigError } from '../../src/kernel/errors.ts';

/** For a night: RIGCTL_TEST_FUZZ_RUNS=1000000. To see a finding again: RIGCTL_TEST_FUZZ_SEED, which its title names. */
const RUNS = Number(process.env['RIGCTL_TEST_FUZZ_RUNS'] ?? 1_000);
const SEED = process.env['RIGCTL_TEST_FUZZ_SEED'];

export const OFTEN = { numRuns: RUNS, ...(SEED === undefined ? {} : { seed: Number(SEED) }) };
/** For what reads an archive a dozen times. */
export const SELDOM = { ...OFTEN, numRuns: Math.ceil(RUNS / 4) };

/** What the work gives, or undefined when it refuses with an error of these kinds. Anything else is a finding. */
export async function orRefusal<Result>(
  work: Promise<Result>,
  ...kinds: string[]
): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isRigError(error) && kinds.includes(error.kind)) {
      return undefined;
    }
    throw error;
  }
}
