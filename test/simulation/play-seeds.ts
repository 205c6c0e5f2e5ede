import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { addCounts } from './coverage.ts';
import type { Failure, News, Played, Task } from './worker.ts';

/** After how many failures each thread stops. */
const FAILURES_LIMIT = 3;
const PROGRESS_EVERY_MS = 60_000;
/** The garbage of a simulation is gone after each of its moments; with more room it is collected less often. */
const YOUNG_GENERATION_MIB = 64;
/** What lives on. A program that was killed or ended must let go of everything, or some thousands do not fit. */
const OLD_GENERATION_MIB = 128;

/** Plays the seeds from `first` on, on all cores. Says what breaks as it comes, and every minute how far it is. */
export async function playSeeds(
  first: number,
  count: number,
  limitMs: number,
  say: (line: string) => void,
): Promise<Played> {
  const step = availableParallelism();
  const tasks = Array.from({ length: step }, (_, index) => ({
    first: first + index,
    step,
    count: Math.ceil((count - index) / step),
    limitMs,
    failuresLimit: FAILURES_LIMIT,
    canary: undefined,
  }));
  const onSeed = reporter(say);
  const played = await Promise.all(tasks.map((task) => playTask(task, onSeed)));
  const counts = new Map<string, number>();
  for (const part of played) {
    addCounts(counts, part.counts);
  }
  return {
    seeds: sum(played.map(({ seeds }) => seeds)),
    simulatedMs: sum(played.map(({ simulatedMs }) => simulatedMs)),
    counts,
    failures: played.flatMap(({ failures }) => failures),
  };
}

/** Plays one task in a thread, where the source can be loaded anew. `onSeed` is called after each seed. */
export function playTask(task: Task, onSeed: (failure: Failure | undefined) => void): Promise<Played> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: task,
    resourceLimits: {
      maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB,
      maxOldGenerationSizeMb: OLD_GENERATION_MIB,
    },
  });
  return new Promise((resolve, reject) => {
    worker.on('message', ({ failure, played }: News) => {
      if (played === undefined) {
        onSeed(failure);
      } else {
        resolve(played);
      }
    });
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the worker ended with ${code} and no result`)));
  });
}

/** A failure with the one command that repeats it. */
export function showFailure({ seed, violation }: Failure): string {
  return `${violation}\n  repeat it with: SIM_SEED=${seed} npm run test:sim`;
}

function reporter(say: (line: string) => void): (failure: Failure | undefined) => void {
  const startedMs = performance.now();
  let [seeds, broken, saidMs] = [0, 0, startedMs];
  return (failure) => {
    seeds += 1;
    if (failure !== undefined) {
      broken += 1;
      say(showFailure(failure));
    }
    const nowMs = performance.now();
    if (nowMs - saidMs >= PROGRESS_EVERY_MS) {
      saidMs = nowMs;
      say(`${seeds} seeds after ${Math.round((nowMs - startedMs) / 60_000)} min, ${broken} broken`);
    }
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
