import {
  listedHole,
  planAfterState,
  planFromBeginning,
  planFromJournalSnapshot,
  type RestorePlan,
} from '../archive/plan-restore.ts';
import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Overview } from './overview.ts';

/** What is put back: the journal's beginning, or a state with the journal after it. */
export type RestoredThing = 'journal' | 'state';

/** Looking for a snapshot that replaces no more batches than that is not worth its requests. */
const HANDFUL = 8;

/** The ways to a recovery point that names and snapshot headers allow, the best first; found as they are asked for. */
export function plansFor(
  overview: Overview,
  what: RestoredThing,
  offset: Offset,
): AsyncGenerator<RestorePlan, void, undefined> {
  return what === 'journal' ? journalPlans(overview, offset) : statePlans(overview, offset);
}

async function* journalPlans(overview: Overview, offset: Offset): AsyncGenerator<RestorePlan> {
  const plan = (journal: RestorePlan['journal']) => ({ offset, state: undefined, journal });
  const batchesAlone = planFromBeginning(overview, offset);
  const looks = overview.catalog.snapshots.filter(({ at }) => at <= offset).length;
  const fewBatches = batchesAlone.endIndex <= HANDFUL + looks;
  const isWhole = listedHole(overview, batchesAlone) === undefined;
  if (isWhole && fewBatches) {
    yield plan(batchesAlone);
  }
  for await (const base of overview.shelf.downFrom(offset)) {
    const journal = base.of === 'journal' ? planFromJournalSnapshot(overview, base, 0, offset) : undefined;
    if (journal !== undefined && listedHole(overview, journal) === undefined) {
      yield plan(journal);
    }
  }
  if (isWhole && !fewBatches) {
    yield plan(batchesAlone);
  }
  for (const base of await journalSnapshotsAbove(overview, offset)) {
    yield plan(planFromJournalSnapshot(overview, base, 0, offset));
  }
}

async function* statePlans(overview: Overview, offset: Offset): AsyncGenerator<RestorePlan> {
  const hasJournal = overview.descriptor.format !== 'none';
  for await (const state of overview.shelf.downFrom(offset)) {
    if (state.of !== 'state') {
      continue;
    }
    if (hasJournal) {
      yield* plansAfter(overview, state, offset);
    } else if (state.at === offset) {
      yield { offset, state, journal: undefined };
    }
  }
}

/** The journal after a state: out of batches, or, where those are gone, out of an image of the journal. */
async function* plansAfter(
  overview: Overview,
  state: SnapshotHeader,
  offset: Offset,
): AsyncGenerator<RestorePlan> {
  const journal = planAfterState(overview, state, offset);
  if (listedHole(overview, journal) === undefined) {
    yield { offset, state, journal };
  }
  for (const base of await journalSnapshotsAbove(overview, state.at)) {
    const around = planFromJournalSnapshot(overview, base, state.at, offset);
    if (listedHole(overview, around) === undefined) {
      yield { offset, state, journal: around };
    }
  }
}

/** Those beyond an offset, the nearest first. */
export async function journalSnapshotsAbove({ shelf }: Overview, offset: Offset): Promise<SnapshotHeader[]> {
  return (await shelf.all()).filter(({ of, at }) => of === 'journal' && at > offset);
}
