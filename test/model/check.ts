import { type Exploration, explore } from './explore.ts';
import { Progress } from './progress.ts';
import { PROMISES, type PromiseName } from './promises.ts';
import type { Model } from './state.ts';

export type Checked = PromiseName | 'progress';

export const ALL_CHECKED: readonly Checked[] = [
  'acknowledged means restorable',
  'one lineage',
  'one writer wins',
  'nothing needed is deleted',
  'no false success',
  'no failure without cause',
  'progress',
];

/** Explores a model and checks the given promises, or all, in every state it can reach. */
export function check(model: Model, promises: readonly Checked[] = ALL_CHECKED): Exploration {
  const progress = new Progress(model);
  return explore(model, (reached) => {
    for (const promise of promises) {
      if (promise === 'progress') {
        const finding = progress.check(reached);
        if (finding !== undefined) {
          return { ...finding, what: `progress: ${finding.what}` };
        }
      } else {
        const wrong = PROMISES[promise](model, reached.state);
        if (wrong !== undefined) {
          return { what: `${promise}: ${wrong}`, moves: [] };
        }
      }
    }
    return undefined;
  });
}
