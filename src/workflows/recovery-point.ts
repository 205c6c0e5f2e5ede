import type { BatchHeader } from '../archive/batch-header.ts';
import type { ListedBatch } from '../archive/catalog.ts';
import { countBelow, latestOffset, lossAt } from '../archive/plan-restore.ts';
import { needHead } from '../archive/reader.ts';
import { notCovered } from '../archive/restore-refusal.ts';
import { judgeTime, observedAround, showObservation } from '../archive/time-index.ts';
import { formatTime } from '../kernel/clock.ts';
import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import { formatOf } from './format.ts';
import type { Overview } from './overview.ts';
import { findRecordEnds } from './record-ends.ts';
import type { Lookup, RecoveryPoint } from './recovery-lookup.ts';
import { resolveSnapshotPoint } from './snapshot-point.ts';
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
  if (offset > overview.end) {
    throw (
      lossAt(overview, offset) ??
      notCovered(`offset ${showOffset(offset)} is beyond the archive's end`, await attempts.recoverable())
    );
  }
  const { before, after } = await findRecordEnds(context, overview, formatOf(overview.descriptor), offset);
  if (before === after || nearest === 'before') {
    return before;
  }
  if (nearest === 'after') {
    return after;
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
  const { context, overview, attempts, nearest } = lookup;
  const { batches } = overview.catalog;
  const around = await observedAround(
    overview.tailDamage === undefined ? batches : batches.slice(0, -1),
    atMs,
    (batch) => readCounting(context, overview, batch),
  );
  const answer = judgeTime(around, atMs, nearest);
  if (answer === undefined) {
    const first =
      around.after === undefined
        ? 'nothing was ever archived'
        : `the first is ${showObservation(around.after)}`;
    throw notCovered(
      `${formatTime(atMs)} is before all observations: ${first}`,
      await attempts.recoverable(),
    );
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
  // What was observed may end inside a record that was being written.
  return resolveOffset({ ...lookup, nearest: 'before' }, answer.observation[0]);
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
