/** What must hold in every state, in the words of the design. */

import { type Model, nameOf, type Process, type State } from './state.ts';
import { baseOf, contentOf, DAY, isWholeFrom, latestOf, linkedFrom, newestEpoch } from './store.ts';

/** Undefined: it holds. Otherwise what is wrong, as a sentence. */
type Check = (model: Model, state: State) => string | undefined;

export const PROMISES = {
  'acknowledged means restorable': acknowledgedMeansRestorable,
  'one lineage': oneLineage,
  'one writer wins': oneWriterWins,
  'nothing needed is deleted': nothingNeededIsDeleted,
  'no false success': noFalseSuccess,
  'no failure without cause': noFailureWithoutCause,
} as const satisfies Record<string, Check>;

export type PromiseName = keyof typeof PROMISES;

/** Every offset that was reported durable can be restored, and gives the bytes of the journal it was reported for. */
function acknowledgedMeansRestorable(model: Model, { store, processes }: State): string | undefined {
  if (!isWholeFrom(store, 0)) {
    return 'the newest snapshot and the batches after it do not give the latest offset';
  }
  const content = contentOf(latestOf(store));
  const lost = processes.findIndex(
    ({ reported }, index) => !content.startsWith(journalOf(model, index, reported)),
  );
  return lost === -1
    ? undefined
    : `${nameOf(lost)} reported ${processes[lost]?.reported} of "${journalOf(model, lost)}" durable; ` +
        `the archive gives "${content}"`;
}

/** All that is archived is the beginning of one journal, and every snapshot a point of this one history. */
function oneLineage({ scenario }: Model, { store }: State): string | undefined {
  const chain = latestOf(store);
  if (!scenario.journals.some((journal) => journal.startsWith(contentOf(chain)))) {
    return `the archive holds "${contentOf(chain)}", which nobody wrote`;
  }
  const other = store.snapshots.find((snapshot) => !`${chain}|`.startsWith(`${snapshot.chain}|`));
  return other === undefined ? undefined : `SNAPSHOT/${other.at} is of another history`;
}

/** Along the chain epochs never fall: who was overtaken adds nothing, nor does it believe that it did. */
function oneWriterWins(_model: Model, { store, processes }: State): string | undefined {
  const epochs = linkedFrom(store, baseOf(store, 0)).map(({ epoch }) => epoch);
  if (epochs.some((epoch, index) => epoch < (epochs[index - 1] ?? 0))) {
    return `the chain was written by epochs ${epochs.join(', ')}`;
  }
  const unaware = processes.findIndex(({ reportedStray }) => reportedStray);
  return unaware === -1
    ? undefined
    : `${nameOf(unaware)} was overtaken, and took a key that was pruned for the next one`;
}

/** Whatever was the latest offset within the last day can be restored. */
function nothingNeededIsDeleted(_model: Model, { store }: State): string | undefined {
  return isWholeFrom(store, DAY)
    ? undefined
    : 'an offset that was the latest within the last day cannot be restored';
}

/** Who ends in success has all of its journal in the archive. */
function noFalseSuccess(model: Model, { store, processes }: State): string | undefined {
  const content = contentOf(latestOf(store));
  const wrong = processes.findIndex(
    ({ step }, index) => step === 'done' && !content.startsWith(journalOf(model, index)),
  );
  return wrong === -1 ? undefined : `${nameOf(wrong)} is done, and its journal is not in the archive`;
}

/** Who is told to stop is told the truth. */
function noFailureWithoutCause(model: Model, state: State): string | undefined {
  const wrong = state.processes.findIndex(
    (process, index) => !isJustified(model, state, process, journalOf(model, index)),
  );
  return wrong === -1 ? undefined : `${nameOf(wrong)} ends ${state.processes[wrong]?.step} without cause`;
}

function isJustified(
  { scenario }: Model,
  { store }: State,
  { step, epoch }: Process,
  journal: string,
): boolean {
  const content = contentOf(latestOf(store));
  switch (step) {
    case 'FENCED':
      return newestEpoch(store) > epoch;
    case 'DIVERGED':
      return !content.startsWith(journal) && !journal.startsWith(content);
    case 'LOCAL_BEHIND':
      return content.startsWith(journal) && content.length > journal.length;
    case 'STORE_UNSUPPORTED':
      return scenario.storeIgnoresConditions;
    case 'CHAIN_GAP':
      return false;
    default:
      return true;
  }
}

function journalOf({ scenario }: Model, index: number, end?: number): string {
  return scenario.journals[index]?.slice(0, end) ?? '';
}
