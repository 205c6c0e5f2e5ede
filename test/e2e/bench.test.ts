import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtempDisposable, readdir, readFile, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MIB } from '../../src/kernel/size.ts';
import type { Comparison } from '../bench/compare.ts';
import { type Spread, spreadOf } from '../bench/figure.ts';
import { readProcessorTime } from '../bench/machine.ts';
import { GNU_TIME, measure, shellCommand } from '../bench/measure.ts';

const BENCH = fileURLToPath(new URL('../bench/main.ts', import.meta.url));

/** So little that it takes seconds; what it measures means nothing. */
const TINY = ['--quick', '--size', '1MiB', '--runs', '1'];

/** Of the JSON, what is looked at here. */
interface BenchedCase {
  readonly name: string;
  readonly comparison: Comparison;
  readonly figures: readonly { readonly value: Spread; readonly atMost: number }[];
}

function startBench(args: readonly string[], directory: string, env: NodeJS.ProcessEnv = {}) {
  return spawn(process.execPath, [BENCH, ...TINY, ...args], {
    env: { ...process.env, ...env, TMPDIR: directory, RIGCTL_TEST_S3_ENDPOINT: undefined },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function runBench(args: readonly string[], directory: string, env?: NodeJS.ProcessEnv) {
  const jsonFile = join(directory, 'figures.json');
  const child = startBench([...args, '--json', jsonFile], directory, env);
  const [printed, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  const { cases }: { cases: readonly BenchedCase[] } = JSON.parse(await readFile(jsonFile, 'utf8'));
  return { printed, exitCode, cases };
}

/** What the bench has not removed yet. */
async function leftIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.startsWith('rigctl-bench-'));
}

// A machine that builds changes has GNU time, so that nothing is skipped there: without it it fails.
describe.runIf(existsSync(GNU_TIME) || process.env['CI'] === 'true')('the bench', () => {
  const signal = new AbortController().signal;

  it('takes the memory of the largest process and the CPU time of all, not its own', async () => {
    const ballast = Buffer.alloc(256 * MIB, 1);
    const script = 'for i in 1 2; do head -c 64M /dev/zero | tail -c 64M | sha256sum; done';
    const sample = await measure(shellCommand(script, {}), { cwd: tmpdir(), signal });
    expect(sample.peakBytes).toBeGreaterThan(64 * MIB);
    expect(sample.peakBytes).toBeLessThan(ballast.length / 2);
    expect(sample.cpuMs).toBeGreaterThan(0);
    expect(sample.stdout).toMatch(/^([0-9a-f]{64} {2}-\n){2}$/);
  });

  it('reads the time that the host took', () => {
    const stat = 'cpu  10 1 20 60 3 2 1 3 7 0\ncpu0 10 1 20 60 3 2 1 3 7 0\nintr 5\n';
    expect(readProcessorTime(stat)).toEqual({ total: 100, stolen: 3 });
  });

  it('finds the median, the least and the greatest of very many values', () => {
    const values = Array.from({ length: 300_000 }, (_, index) => (index * 7) % 300_000);
    expect(spreadOf(values)).toEqual({ median: 149_999.5, min: 0, max: 299_999 });
  });

  it('fails when what it measures fails, and says how', async () => {
    const failing = measure(shellCommand('echo no such thing >&2; exit 3', {}), { cwd: tmpdir(), signal });
    await expect(failing).rejects.toThrow(/exit 3\nno such thing/);
  });

  it('measures rigctl and its rivals, says what it could not measure, and leaves nothing behind', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-bench-test-'));
    const names = ['push-ndjson', 'restore-ndjson', 'memory-sparse', 'cost'];
    const { exitCode, printed, cases } = await runBench(['--only', names.join(',')], directory.path);
    expect(cases.map(({ name }) => name)).toEqual(names);
    for (const { comparison, figures } of cases.slice(0, 3)) {
      for (const { missing, samples } of [comparison.ours, ...comparison.rivals]) {
        expect([missing, samples.length > 0]).toEqual([[], true]);
      }
      for (const { value, atMost } of figures) {
        expect(value.min).toBeGreaterThan(0);
        expect(atMost).toBeGreaterThan(0);
      }
    }
    expect(printed).toMatch(/^\| push 1\.00 MiB of NDJSON .*\| time against zstd .*\| ≤ 1\.00 /m);
    expect(printed).toMatch(/^the host took \d+\.\d % of the processors' time from /m);
    expect(printed).toMatch(/^\| a month .*\| not run: no S3 server/m);
    expect(exitCode).toBe(1);
    expect(await leftIn(directory.path)).toEqual([]);
  });

  it('reports a rival that is not installed', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-bench-test-'));
    await symlink(execFileSync('which', ['sync'], { encoding: 'utf8' }).trim(), join(directory.path, 'sync'));
    const { printed, cases } = await runBench(['--only', 'push-ndjson'], directory.path, {
      PATH: directory.path,
    });
    expect(cases[0]?.comparison.ours.samples).toHaveLength(1);
    expect(printed).toMatch(/^\| push .*\| not measured: zstd, sha256sum not installed /m);
  });

  it('stopped by Ctrl-C leaves nothing behind', async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-bench-test-'));
    const child = startBench(['--only', 'start'], directory.path);
    await once(child.stdout, 'data');
    expect(await leftIn(directory.path)).toHaveLength(1);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
    expect(await leftIn(directory.path)).toEqual([]);
  });
});
