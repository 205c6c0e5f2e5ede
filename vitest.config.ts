import { defineConfig } from 'vitest/config';

const S3_FAULTS = ['faults', 'kill', 'storm'].map((name) => `test/s3/${name}.test.ts`);

/**
 * unit: pure and in-process, seconds. e2e: runs the built program (`npm run build` first). large: the same with a
 * journal of 1 GiB, or of RIGCTL_TEST_LARGE_BYTES (`64MiB`), a snapshot four times as large, and one of 100,000 files.
 * s3: needs a real S3 server, which `npm run test:s3` starts or takes from RIGCTL_TEST_S3_ENDPOINT; most of its time is
 * waiting for days of ten seconds. s3-faults: the same, after it, for what gets in its way. simulation: thousands
 * of seeds, see test/simulation/seeds.test.ts. model: all states of a model of the writer protocol, see
 * test/model/README.md.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          setupFiles: ['test/support/property-seed.ts'],
          include: ['test/**/*.test.ts'],
          exclude: ['e2e', 'large', 's3', 'simulation', 'model', 'bench'].map((name) => `test/${name}/**`),
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'large',
          include: ['test/large/**/*.test.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'simulation',
          // Who repeats one seed wants nothing else.
          include: [`test/simulation/${process.env['SIM_SEED'] === undefined ? '*' : 'seeds'}.test.ts`],
          testTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'model',
          include: ['test/model/**/*.test.ts'],
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: 's3',
          include: ['test/s3/**/*.test.ts'],
          exclude: S3_FAULTS,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 's3-faults',
          include: S3_FAULTS,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
