import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatTime, systemClock } from '../../src/kernel/clock.ts';
import { messageOf } from '../../src/kernel/errors.ts';
import { showSize } from '../../src/kernel/size.ts';
import type { BenchCase } from './case.ts';
import { Journals } from './journals.ts';
import { machineLines, processorTime, stolenPercentSince, thisMachine } from './machine.ts';
import { type Options, readOptions } from './options.ts';
import { failedOutcome, type Outcome, outcomeLines, summaryLines } from './report.ts';
import { s3PlaceOf } from './s3-place.ts';
import type { Bench } from './scene.ts';

/** Runs a case; its failure is a result, that of the whole bench is not. */
async function runCase(benchCase: BenchCase, bench: Bench): Promise<Outcome> {
  const { name, title, needsS3 } = benchCase;
  if (needsS3 && bench.s3 === undefined) {
    return failedOutcome(benchCase, bench.scale, 'not run: no S3 server; npm run bench starts one');
  }
  const before = processorTime();
  try {
    const report = await benchCase.run(bench);
    return { name, title: title(bench.scale), ...report, stolenPercent: stolenPercentSince(before) };
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
  say([`rigctl bench, ${startedAt}: journals of ${showSize(scale.journalBytes)}, ${scale.runs} runs`]);
  say(machineLines(machine));
  const outcomes: Outcome[] = [];
  for (const benchCase of cases) {
    say(['', `## ${benchCase.name}: ${benchCase.title(scale)}`, '']);
    const outcome = await runCase(benchCase, bench);
    outcomes.push(outcome);
    say(outcomeLines(outcome));
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
  process.exitCode = (await run(readOptions(process.argv.slice(2)), interruption.signal)) ? 0 : 1;
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = interruption.signal.aborted ? 130 : 2;
}
