import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { addCounts } from './coverage.ts';
import type { Played, Task } from './worker.ts';

/** Plays the seeds from `first` on, on all cores. */
export async function playSeeds(first: number, count: number, limitMs: number): Promise<Played> {
  const step = availableParallelism();
  const tasks = Array.from({ length: step }, (_, index) => ({
    first: first + index,
    step,
    count: Math.ceil((count - index) / step),
    limitMs,
    failuresLimit: 3,
    canary: undefined,
  }));
  const played = await Promise.all(tasks.map(playTask));
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

/** Plays one task in a thread, where the source can be loaded anew. */
export function playTask(task: Task): Promise<Played> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the worker ended with ${code} and no result`)));
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
