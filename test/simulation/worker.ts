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

export interface Played {
  readonly seeds: number;
  readonly simulatedMs: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly failures: readonly { readonly seed: number; readonly violation: string }[];
}

async function play({ first, step, count, limitMs, failuresLimit, canary }: Task): Promise<Played> {
  if (canary !== undefined) {
    plant(canary);
  }
  const { simulate } = await import('./simulate.ts');
  const counts = new Map<string, number>();
  const failures: { seed: number; violation: string }[] = [];
  const startedMs = performance.now();
  let simulatedMs = 0;
  let seeds = 0;
  while (seeds < count && failures.length < failuresLimit && performance.now() - startedMs < limitMs) {
    const seed = first + seeds * step;
    const simulated = await simulate(seed);
    seeds += 1;
    simulatedMs += simulated.simulatedMs;
    addCounts(counts, simulated.counts);
    if (simulated.violation !== undefined) {
      failures.push({ seed, violation: simulated.violation });
    }
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

parentPort?.postMessage(await play(workerData as Task));
