import { execFile } from 'node:child_process';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { assert } from '../../src/kernel/assert.ts';
import { MIB } from '../../src/kernel/size.ts';
import { exactly, type Figure, type Spread, spreadOf } from './figure.ts';
import { type Command, isInstalled, measure, type Sample } from './measure.ts';
import type { Bench } from './scene.ts';

/** What a command may need, whatever the size of the data. */
const MEMORY_LIMIT_BYTES = 200 * MIB;

/** One run of a contender. */
export interface Round {
  /** An empty directory of its own, which the command runs in; it goes afterwards. */
  readonly directory: string;
  /** A word that no other run has. */
  readonly id: string;
  readonly isFirst: boolean;
}

/** Somebody who does the work that is measured. Only the command is: not `prepare`, not `check`, not `clean`. */
export interface Contender {
  readonly name: string;
  /** What it does, for readers who want to repeat it. */
  readonly about: string;
  /** Programs without which it cannot run. */
  readonly needs: readonly string[];
  /** Files that it reads. */
  readonly reads?: readonly string[];
  command(round: Round): Command;
  prepare?(round: Round): Promise<void>;
  /** Throws when the work was not done. */
  check?(round: Round, sample: Sample): Promise<void>;
  clean?(round: Round): Promise<void>;
}

/** What one run took. */
type Figures = Omit<Sample, 'stdout' | 'stderr'>;

/** What the runs of one contender took. */
export interface Taken {
  readonly name: string;
  readonly about: string;
  /** Programs that are not installed; then there is nothing else. */
  readonly missing: readonly string[];
  readonly samples: readonly Figures[];
  /** What it left in its directory. */
  readonly writtenBytes: readonly number[];
}

export interface Comparison {
  readonly ours: Taken;
  readonly rivals: readonly Taken[];
}

/**
 * Runs rigctl and its rivals in turn, and in the opposite order every other time, so that a machine that becomes
 * faster or slower does so for all of them. Before each run the files that it reads are in the page cache, and what
 * others wrote is on disk.
 */
export async function compare(
  bench: Bench,
  ours: Contender,
  rivals: readonly Contender[],
  runs = bench.scale.runs,
): Promise<Comparison> {
  const [our, ...their] = [ours, ...rivals].map((contender) => new Running(contender));
  assert(our !== undefined, 'the first is ours');
  for (let run = 0; run < runs; run += 1) {
    const all = [our, ...their].filter(({ taken }) => taken.missing.length === 0);
    for (const { contender, taken } of run % 2 === 0 ? all : all.reverse()) {
      const { figures, writtenBytes } = await runOnce(bench, contender, run);
      taken.samples.push(figures);
      taken.writtenBytes.push(writtenBytes);
    }
  }
  return { ours: our.taken, rivals: their.map(({ taken }) => taken) };
}

/** A contender and what its runs took so far. */
class Running {
  readonly contender: Contender;
  readonly taken: Taken & { readonly samples: Figures[]; readonly writtenBytes: number[] };

  constructor(contender: Contender) {
    const { name, about, needs } = contender;
    const missing = needs.filter((program) => !isInstalled(program));
    this.contender = contender;
    this.taken = { name, about, missing, samples: [], writtenBytes: [] };
  }
}

async function runOnce(bench: Bench, contender: Contender, run: number) {
  const id = `${contender.name}-${run}`.replaceAll(/[^a-z0-9-]+/g, '-');
  const round = { directory: join(bench.directory, 'round'), id, isFirst: run === 0 };
  await mkdir(round.directory);
  try {
    await contender.prepare?.(round);
    await settle();
    await intoPageCache(contender.reads ?? [], bench.signal);
    const sample = await measure(contender.command(round), { cwd: round.directory, signal: bench.signal });
    await contender.check?.(round, sample);
    const { stdout, stderr, ...figures } = sample;
    return { figures, writtenBytes: await sizeOf(round.directory) };
  } finally {
    await contender.clean?.(round);
    await rm(round.directory, { recursive: true });
  }
}

/** What was written before is not written during the measurement. */
async function settle(): Promise<void> {
  await promisify(execFile)('sync');
}

/** Nobody is made to wait for the disk; some kernels take what was not read for some seconds from the page cache. */
async function intoPageCache(paths: readonly string[], signal: AbortSignal): Promise<void> {
  const room = Buffer.allocUnsafe(MIB);
  for (const path of paths) {
    await using file = await open(path);
    while ((await file.read(room)).bytesRead > 0) {
      signal.throwIfAborted();
    }
  }
}

/** All files below a directory. */
export async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

async function sizeOf(directory: string): Promise<number> {
  const sizes = await Promise.all((await filesIn(directory)).map((path) => stat(path)));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

/** How long rigctl took for each time that a rival took, run by run. */
export function timeRatios({ ours, rivals }: Comparison, atMost: number): Figure[] {
  return rivals.map((rival) => {
    const name = `time against ${rival.name}`;
    const ratios = rival.samples.map(({ wallMs }, run) => (ours.samples[run]?.wallMs ?? Number.NaN) / wallMs);
    return ratios.length === 0
      ? { name, unit: 'ratio', value: undefined, why: `${rival.missing.join(', ')} not installed`, atMost }
      : { name, unit: 'ratio', value: spreadOf(ratios), atMost };
  });
}

/** The peak memory of rigctl, the greatest of all runs. */
export function memoryFigure({ name, samples }: Taken, atMost = MEMORY_LIMIT_BYTES): Figure {
  const peaks = samples.map(({ peakBytes }) => peakBytes);
  return {
    name: `peak memory of ${name}`,
    unit: 'bytes',
    value: peaks.length === 0 ? undefined : exactly(Math.max(...peaks)),
    atMost,
  };
}

export function spreadOfSamples({ samples }: Taken, field: 'wallMs' | 'cpuMs' | 'peakBytes'): Spread {
  return spreadOf(samples.map((sample) => sample[field]));
}
