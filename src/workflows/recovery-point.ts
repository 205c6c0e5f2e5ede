import type { BatchHeader, Observation } from '../archive/batch-header.ts';
import type { ListedBatch } from '../archive/catalog.ts';
import { countBelow, latestOffset, lossAt } from '../archive/plan-restore.ts';
import { needHead } from '../archive/reader.ts';
import { judgeTime, observedAround, showObservation } from '../archive/time-index.ts';
import { formatTime } from '../kernel/clock.ts';
import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import { formatOf } from './format.ts';
import { nearestPoint } from './nearest-point.ts';
import type { Overview } from './overview.ts';
import { findRecordEnds } from './record-ends.ts';
import type { Lookup, RecoveryPoint } from './recovery-lookup.ts';
import { createdAtMs, resolveSnapshotPoint, showSnapshot, storedAround } from './snapshot-point.ts';
import { isStray } from './strays.ts';

/**
 * The offset that a recovery point means: a record end within the archive, or, where there is no journal, a snapshot's.
 * @throws RigError RIG_OFFSET_NOT_COVERED, RIG_OFFSET_NOT_BOUNDARY, RIG_TIME_AMBIGUOUS; RIG_CHAIN_GAP and what reading
 *   a batch may throw.
 */
export async function resolvePoint(lookup: Lookup, point: RecoveryPoint): Promise<Offset> {
  if (lookup.overview.descriptor.format === 'none') {
    return resolveSnapshotPoint(lookup, point);
  }
  switch (point.kind) {
    case 'latest':
      return latestOffset(lookup.overview);
    case 'offset':
      return resolveOffset(lookup, point.offset);
    case 'time':
      return resolveTime(lookup, point.atMs);
  }
}

async function resolveOffset(lookup: Lookup, offset: Offset): Promise<Offset> {
  const { context, overview, attempts, nearest } = lookup;
  if (await isSnapshotAsked(lookup, offset)) {
    return offset;
  }
  const loss = offset > overview.end ? lossAt(overview, offset) : undefined;
  if (loss !== undefined) {
    throw loss;
  }
  const near = nearest && (await nearestPoint(lookup, offset, nearest));
  if (near !== undefined) {
    return near;
  }
  if (offset > overview.end) {
    throw await attempts.notCovered(`offset ${showOffset(offset)} is beyond the archive's end`);
  }
  const { before, after } = await findRecordEnds(context, overview, formatOf(overview.descriptor), offset);
  if (before === after || nearest !== undefined) {
    return nearest === 'after' ? after : before; // if it cannot be restored, restoring it says why
  }
  throw new RigError(
    'RIG_OFFSET_NOT_BOUNDARY',
    `offset ${showOffset(offset)} lies inside a record, which begins at ${showOffset(before)} and ends at ` +
      showOffset(after),
    {
      hint: `restore --at ${before} or --at ${after}, or add --nearest before or --nearest after`,
      details: { offset, before, after },
    },
  );
}

/** The state at exactly a snapshot's offset needs no journal; what the application counted as whole is whole. */
async function isSnapshotAsked({ overview, what }: Lookup, offset: Offset): Promise<boolean> {
  const { catalog, shelf } = overview;
  if (what === 'journal' || !catalog.snapshots.some(({ at }) => at === offset)) {
    return false;
  }
  const { value } = await shelf.downFrom(offset).next();
  return value?.at === offset && value.of === 'state';
}

async function resolveTime(lookup: Lookup, atMs: number): Promise<Offset> {
  const { context, overview, nearest } = lookup;
  const { batches } = overview.catalog;
  const around = await observedAround(
    overview.tailDamage === undefined ? batches : batches.slice(0, -1),
    atMs,
    (batch) => readCounting(context, overview, batch),
  );
  const answer = judgeTime(around, atMs, nearest);
  if (answer === undefined) {
    return resolveUnobserved(lookup, atMs, around.after);
  }
  if (answer.afterLast) {
    context.report({
      type: 'warning',
      code: 'time-after-last',
      message:
        `${formatTime(atMs)} is after the last observation, ${showObservation(answer.observation)}: ` +
        'giving the latest',
      hint: 'check that a push is running if the journal should have grown since',
      details: { lastOffset: answer.observation[0], lastTime: formatTime(answer.observation[1]) },
    });
    return latestOffset(overview);
  }
  return resolveObserved(lookup, answer.observation[0]);
}

/** What was observed may end inside a record that was being written. */
async function resolveObserved(lookup: Lookup, observed: Offset): Promise<Offset> {
  const { context, overview, nearest } = lookup;
  if (await isSnapshotAsked(lookup, observed)) {
    return observed;
  }
  const { before } = await findRecordEnds(context, overview, formatOf(overview.descriptor), observed);
  return (nearest && (await nearestPoint(lookup, before, nearest))) ?? before;
}

/** A time before the first observation, of which the snapshots may still tell. */
async function resolveUnobserved(
  lookup: Lookup,
  atMs: number,
  first: Observation | undefined,
): Promise<Offset> {
  const { overview, attempts, what, nearest } = lookup;
  const snapshots = (await overview.shelf.all()).filter(({ of }) => of === what);
  const { before, after } = storedAround(snapshots, atMs);
  if (nearest === 'before' && before !== undefined) {
    return before.at;
  }
  if (nearest === 'after' && after !== undefined && createdAtMs(after) < (first?.[1] ?? Infinity)) {
    return after.at;
  }
  if (nearest === 'after' && first !== undefined) {
    return resolveObserved(lookup, first[0]);
  }
  const sides = [before && '--nearest before', (after ?? first) && '--nearest after'].filter(Boolean);
  const observed =
    first === undefined ? 'nothing was ever archived' : `the first is ${showObservation(first)}`;
  const stored = before === undefined ? '' : `, and there is a snapshot of ${showSnapshot(before)}`;
  throw await attempts.notCovered(
    `${formatTime(atMs)} is before all observations: ${observed}${stored}`,
    nearest === undefined && sides.length > 0
      ? `ask for a point within these offsets, or add ${sides.join(' or ')}`
      : undefined,
  );
}

/** Undefined: a stray, which tells nothing of this journal. */
async function readCounting(
  context: Context,
  overview: Overview,
  batch: ListedBatch,
): Promise<BatchHeader | undefined> {
  const head = await needHead(context.store, batch, { signal: context.stop });
  const index = countBelow(overview.catalog.batches, batch.first);
  return (await isStray(context, overview, index, head)) ? undefined : head.header;
}
