import { latestOffset, listedRanges, notCovered, planRestore } from '../archive/plan-restore.ts';
import { needHead } from '../archive/reader.ts';
import { judgeTime, observedAround, showObservation } from '../archive/time-index.ts';
import { formatTime } from '../kernel/clock.ts';
import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import { formatOf } from './format.ts';
import type { Overview } from './overview.ts';
import { findRecordEnds } from './record-ends.ts';

/** What the user asks for. Times are Unix milliseconds. */
export type RecoveryPoint =
  | { readonly kind: 'latest' }
  | { readonly kind: 'offset'; readonly offset: Offset }
  | { readonly kind: 'time'; readonly atMs: number };

export type Nearest = 'before' | 'after' | undefined;

/**
 * The offset that a recovery point means: a record end within the archive.
 * @throws RigError RIG_OFFSET_NOT_COVERED, RIG_OFFSET_NOT_BOUNDARY, RIG_TIME_AMBIGUOUS; RIG_CHAIN_GAP and what reading
 *   a batch may throw.
 */
export async function resolvePoint(
  context: Context,
  overview: Overview,
  point: RecoveryPoint,
  nearest: Nearest,
): Promise<Offset> {
  switch (point.kind) {
    case 'latest':
      return latestOffset(overview);
    case 'offset':
      return resolveOffset(context, overview, point.offset, nearest);
    case 'time':
      return resolveTime(context, overview, point.atMs, nearest);
  }
}

async function resolveOffset(
  { store, stop: signal }: Context,
  overview: Overview,
  offset: Offset,
  nearest: Nearest,
): Promise<Offset> {
  planRestore(overview, offset);
  const { before, after } = await findRecordEnds(store, formatOf(overview.descriptor), overview, offset, {
    signal,
  });
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

async function resolveTime(
  context: Context,
  overview: Overview,
  atMs: number,
  nearest: Nearest,
): Promise<Offset> {
  const { store, report, stop: signal } = context;
  const { batches } = overview.catalog;
  const around = await observedAround(
    overview.tailDamage === undefined ? batches : batches.slice(0, -1),
    atMs,
    async (batch) => (await needHead(store, batch, { signal })).header,
  );
  const answer = judgeTime(around, atMs, nearest);
  if (answer === undefined) {
    const first =
      around.after === undefined
        ? 'nothing was ever archived'
        : `the first is ${showObservation(around.after)}`;
    throw notCovered(`${formatTime(atMs)} is before all observations: ${first}`, listedRanges(overview));
  }
  if (answer.afterLast) {
    report({
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
  return resolveOffset(context, overview, answer.observation[0], 'before');
}
