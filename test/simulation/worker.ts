/** Plays seeds in a thread of its own, perhaps with a bug planted into the source text as it is loaded. */
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { Canary } from './canaries.ts';
import { addCounts } from './coverage.ts';

/** What a worker shall play. */
export interface Task {
  readonly first: number;
  readonly step: number;
  readonly count: number;
  /** It plays no new seed after so long. */
  readonly limitMs: number;
  /** It plays no new seed after so many broke a promise. */
  readonly failuresLimit: number;
  readonly canary: Canary | undefined;
}

/** A seed that broke a promise. */
export interface Failure {
  readonly seed: number;
  readonly violation: string;
}

export interface Played {
  readonly seeds: number;
  readonly simulatedMs: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
}

/** What a worker says: after each seed whether that failed, and at its end what it has played. */
export interface News {
  readonly failure?: Failure | undefined;
  readonly played?: Played;
}

async function play({ first, step, count, limitMs, failuresLimit, canary }: Task): Promise<Played> {
  if (canary !== undefined) {
    plant(canary);
  }
  // Errors are made by the thousand here; who repeats a seed sees where they come from.
  Error.stackTraceLimit = 0;
  const { simulate } = await import('./simulate.ts');
  const counts = new Map<string, number>();
  const failures: Failure[] = [];
  const startedMs = performance.now();
  let simulatedMs = 0;
  let seeds = 0;
  while (seeds < count && failures.length < failuresLimit && performance.now() - startedMs < limitMs) {
    const seed = first + seeds * step;
    const { violation, ...simulated } = await simulate(seed);
    const failure = violation === undefined ? undefined : { seed, violation };
    seeds += 1;
    simulatedMs += simulated.simulatedMs;
    addCounts(counts, simulated.counts);
    failures.push(...(failure === undefined ? [] : [failure]));
    say({ failure });
  }
  return { seeds, simulatedMs, counts, failures };
}

function plant({ name, module, original, planted }: Canary): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith(`/src/${module}`)) {
        return loaded;
      }
      const text = Buffer.from((loaded.source ?? '') as Uint8Array | string).toString();
      if (text.split(original).length !== 2) {
        throw new Error(`canary "${name}": its text does not stand exactly once in ${module}`);
      }
      return { ...loaded, source: text.replace(original, () => planted) };
    },
  });
}

function say(news: News): void {
  parentPort?.postMessage(news);
}

say({ played: await play(workerData as Task) });
