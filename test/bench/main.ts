import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assert } from '../../src/kernel/assert.ts';
import { formatTime, systemClock } from '../../src/kernel/clock.ts';
import { messageOf } from '../../src/kernel/errors.ts';
import { parseSize } from '../../src/kernel/size.ts';
import type { BenchCase } from './case.ts';
import { DIRECTORY_CASES } from './directory-cases.ts';
import { Journals } from './journals.ts';
import { machineLines, thisMachine } from './machine.ts';
import { MEMORY_CASES } from './memory-cases.ts';
import { caseLines, failedOutcome, type Outcome, summaryLines } from './report.ts';
import { s3PlaceOf } from './s3-place.ts';
import { type Bench, FULL_SCALE, QUICK_SCALE, type Scale } from './scene.ts';
import { START_CASES } from './start-cases.ts';

const USAGE = `usage: npm run bench -- [--quick] [--only NAME[,NAME]] [--runs N] [--size 1GiB] [--json FILE]
cases: `;

const CASES: readonly BenchCase[] = [...START_CASES, ...DIRECTORY_CASES, ...MEMORY_CASES];

interface Options {
  readonly cases: readonly BenchCase[];
  readonly scale: Scale;
  readonly jsonFile: string | undefined;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      runs: { type: 'string' },
      size: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const scale = values.quick ? QUICK_SCALE : FULL_SCALE;
  const runs = values.runs === undefined ? scale.runs : Number(values.runs);
  assert(Number.isSafeInteger(runs) && runs > 0, '--runs is a whole number above 0');
  const journalBytes = values.size === undefined ? scale.journalBytes : parseSize(values.size);
  assert(journalBytes !== undefined && journalBytes > 0, '--size is a size as in 64MiB');
  const wanted = values.only?.flatMap((names) => names.split(','));
  // `push` means all cases whose names start so.
  const cases = CASES.filter(
    ({ name }) => wanted?.some((word) => name === word || name.startsWith(`${word}-`)) ?? true,
  );
  assert(cases.length > 0, '--only names a case');
  return { cases, scale: { ...scale, runs, journalBytes }, jsonFile: values.json };
}

/** Runs a case; its failure is a result, that of the whole bench is not. */
async function runCase(benchCase: BenchCase, bench: Bench): Promise<Outcome> {
  const { name, title, needsS3 } = benchCase;
  if (needsS3 && bench.s3 === undefined) {
    return failedOutcome(benchCase, bench.scale, 'not run: no S3 server; npm run bench starts one');
  }
  try {
    return { name, title: title(bench.scale), ...(await benchCase.run(bench)) };
  } catch (error) {
    bench.signal.throwIfAborted();
    return failedOutcome(benchCase, bench.scale, `FAILED: ${messageOf(error)}`);
  }
}

function say(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function run({ cases, scale, jsonFile }: Options, signal: AbortSignal): Promise<boolean> {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-bench-'));
  const { path } = directory;
  const journals = new Journals(path, scale.journalBytes, signal);
  const bench: Bench = { directory: path, scale, journals, signal, s3: s3PlaceOf(process.env) };
  const machine = thisMachine(path);
  const startedAt = formatTime(systemClock.wallMs());
  say([`rigctl bench, ${startedAt}`, ...machineLines(machine)]);
  const outcomes: Outcome[] = [];
  for (const benchCase of cases) {
    const outcome = await runCase(benchCase, bench);
    outcomes.push(outcome);
    say(caseLines(outcome));
  }
  say(summaryLines(outcomes));
  if (jsonFile !== undefined) {
    await writeFile(jsonFile, `${JSON.stringify({ startedAt, machine, scale, cases: outcomes }, null, 2)}\n`);
  }
  return outcomes.every(({ failure }) => failure === undefined);
}

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interruption.abort(new Error(`stopped by ${signal}`)));
}
try {
  process.exitCode = (await run(readOptions(), interruption.signal)) ? 0 : 1;
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n${USAGE}${CASES.map(({ name }) => name).join(' ')}\n`);
  process.exitCode = interruption.signal.aborted ? 130 : 2;
}
