import { batchesOf, type RestorePlan } from '../archive/plan-restore.ts';
import { needHead } from '../archive/reader.ts';
import { reachedAtMs } from '../archive/time-index.ts';
import { formatTime } from '../kernel/clock.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { showSize } from '../kernel/size.ts';
import type { Context } from './context.ts';
import type { Overview } from './overview.ts';

/** Where the restore starts from: a snapshot of the state, or one of the journal. */
export function baseOf({ state, journal }: RestorePlan): Offset | undefined {
  return (state ?? journal?.base)?.at;
}

/** For people: the offset, and when the journal was first seen to have reached it. */
export async function describePoint(
  { store, stop: signal }: Context,
  overview: Overview,
  plan: RestorePlan,
): Promise<string> {
  const offset = `offset ${showOffset(plan.offset)}`;
  const last = batchesOf(overview, plan.journal).at(-1);
  if (last !== undefined) {
    const { tail } = overview;
    const header = tail?.first === last.first ? tail : (await needHead(store, last, { signal })).header;
    const atMs = reachedAtMs(header, plan.offset);
    return atMs === undefined ? offset : `${offset}, reached by ${formatTime(atMs)}`;
  }
  const snapshot = plan.state ?? plan.journal?.base;
  return snapshot === undefined
    ? `${offset}, the journal's beginning`
    : `${offset}, in a snapshot stored at ${snapshot.createdAt}`;
}

/** Tells the plan before anything is read by it. */
export async function reportPlan(
  { report }: Context,
  overview: Overview,
  plan: RestorePlan,
  at: string,
): Promise<void> {
  const behindBytes = Math.max(0, overview.end - plan.offset);
  const behind = behindBytes === 0 ? 'the latest' : `${showSize(behindBytes)} before the latest`;
  const batches = batchesOf(overview, plan.journal);
  const increments = await chainsOf(overview, plan);
  const snapshots = overview.catalog.snapshots.filter((listed) => increments.includes(listed.at));
  const storedBytes = [...batches, ...snapshots].reduce((total, listed) => total + listed.storedBytes, 0);
  report({
    type: 'note',
    code: 'restore-plan',
    message:
      `restoring ${at}, ${behind}, from ${sourcesText(plan, increments.length, batches.length)} ` +
      `(${showSize(storedBytes)} stored)`,
    details: {
      offset: plan.offset,
      latest: overview.end,
      behindBytes,
      base: baseOf(plan) ?? null,
      snapshots: increments,
      batches: batches.length,
      storedBytes,
    },
  });
}

/** The snapshots that are read, each followed by those it is an increment of. */
async function chainsOf({ shelf }: Overview, { state, journal }: RestorePlan): Promise<Offset[]> {
  const chains: Offset[] = [];
  for (const snapshot of [state, journal?.base]) {
    const chain = snapshot === undefined ? [] : await shelf.dependencies(snapshot);
    chains.push(...chain.map(({ at }) => at));
  }
  return chains;
}

function sourcesText(plan: RestorePlan, snapshotCount: number, batchCount: number): string {
  const base = baseOf(plan);
  const batches = batchCount === 1 ? '1 batch' : `${batchCount} batches`;
  if (base === undefined) {
    return batches;
  }
  const more = snapshotCount > 1 ? `, ${snapshotCount} objects,` : '';
  return `the snapshot at ${showOffset(base)}${more} and ${batches}`;
}

export function reportNewLineage(
  { report }: Context,
  { end }: Overview,
  { offset, state }: RestorePlan,
): void {
  const what = state === undefined ? 'the journal' : 'the state';
  report({
    type: 'note',
    code: 'new-lineage',
    message:
      `this is ${what} at offset ${showOffset(offset)}, not the latest, ${showOffset(end)}: ` +
      'writing on makes another lineage, which must be pushed to another archive',
    details: { offset, latest: end },
  });
}
