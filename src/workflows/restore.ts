import { chainStart } from '../archive/chain.ts';
import { missing } from '../archive/damage.ts';
import { meaningOf } from '../archive/layout.ts';
import { planRestore, type RestorePlan, refused } from '../archive/plan-restore.ts';
import { needHead, readBatches, readHeads } from '../archive/reader.ts';
import { reachedAtMs } from '../archive/time-index.ts';
import type { JournalFormat } from '../journal/contract.ts';
import { formatTime } from '../kernel/clock.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { showSize } from '../kernel/size.ts';
import type { Context } from './context.ts';
import { formatOf } from './format.ts';
import { type Overview, readOverview } from './overview.ts';
import { type Nearest, type RecoveryPoint, resolvePoint } from './recovery-point.ts';
import { checkTarget, FileTarget, type TargetPlace } from './target.ts';

export type { RecoveryPoint } from './recovery-point.ts';

export interface RestoreOptions {
  readonly at: RecoveryPoint;
  /** Which neighbour to take where the point itself cannot be restored; undefined: refuse. */
  readonly nearest: Nearest;
  /** Do everything but reading the payload and writing. */
  readonly dryRun: boolean;
  /** Replace a file at the target. */
  readonly force: boolean;
  readonly target: RestoreTarget;
}

export type RestoreTarget =
  | { readonly kind: 'file'; readonly path: string }
  /** Gets the bytes in order, each checked; what it got is worth something only once the restore has succeeded. */
  | { readonly kind: 'stream'; write(bytes: Uint8Array): Promise<void> };

export interface RestoreResult {
  /** The point as resolved, for people. */
  readonly at: string;
  readonly offset: Offset;
  readonly bytes: number;
  /** 0 in a dry run, which reads none. */
  readonly records: number;
  readonly base: null;
  readonly batches: number;
  /** The path, or `-`. */
  readonly target: string;
  readonly dryRun: boolean;
}

/** What takes the bytes while they come in. */
interface Sink {
  write(bytes: Uint8Array): Promise<void>;
}

/** A recovery point that was resolved and planned. */
interface Resolved {
  readonly overview: Overview;
  readonly format: JournalFormat;
  readonly plan: RestorePlan;
  readonly at: string;
}

/**
 * Gives the journal as it was at a recovery point, exactly, or refuses and leaves the target as it was. Repeatable.
 * @throws RigError RIG_TARGET_EXISTS or RIG_LOCAL_IO for the target; those of {@link readOverview} and
 *   {@link resolvePoint}; RIG_CHAIN_GAP, RIG_CHECKSUM_MISMATCH or RIG_VERSION_UNKNOWN for an archive damaged below the
 *   point, with the object, the offset and what is recoverable in its details.
 */
export async function restore(context: Context, options: RestoreOptions): Promise<RestoreResult> {
  const { target, force } = options;
  const place =
    target.kind === 'file' ? await checkTarget(context.fileSystem, target.path, force) : undefined;
  let written = false;
  const stream: Sink = {
    async write(bytes) {
      written = true;
      await (target.kind === 'stream' ? target.write(bytes) : undefined);
    },
  };
  const attempt = async () => {
    try {
      return await restoreOnce(context, options, place ?? stream);
    } catch (error) {
      throw withRecoverable(error);
    }
  };
  try {
    return await attempt();
  } catch (error) {
    // A prune may run meanwhile; a new listing shows what it left. A stream cannot take back what it got.
    if (!isRigError(error, 'RIG_OBJECT_NOT_FOUND') || written) {
      throw error;
    }
    return attempt();
  }
}

async function restoreOnce(
  context: Context,
  options: RestoreOptions,
  destination: TargetPlace | Sink,
): Promise<RestoreResult> {
  const overview = await readOverview(context);
  const format = formatOf(overview.descriptor);
  const offset = await resolvePoint(context, overview, options.at, options.nearest);
  const plan = planRestore(overview, offset);
  const resolved: Resolved = { overview, format, plan, at: await describePoint(context, overview, plan) };
  reportPlan(context, resolved);
  let records = 0;
  if (options.dryRun) {
    await checkChain(context, resolved);
  } else if ('write' in destination) {
    records = await copy(context, resolved, destination);
  } else {
    records = await copyToFile(context, resolved, destination);
  }
  if (!options.dryRun && offset < overview.end) {
    reportNewLineage(context, resolved);
  }
  return {
    at: resolved.at,
    offset,
    bytes: offset,
    records,
    base: null,
    batches: plan.batches.length,
    target: options.target.kind === 'file' ? options.target.path : '-',
    dryRun: options.dryRun,
  };
}

async function copyToFile(context: Context, resolved: Resolved, place: TargetPlace): Promise<number> {
  const target = await FileTarget.create(context.fileSystem, place, context.random);
  try {
    const records = await copy(context, resolved, target);
    context.stop.throwIfAborted();
    await target.commit();
    return records;
  } catch (error) {
    await target.discard();
    throw error;
  }
}

/** Writes the journal up to the plan's offset; returns how many records that were. */
async function copy(context: Context, { overview, format, plan }: Resolved, sink: Sink): Promise<number> {
  const { store, report, stop: signal } = context;
  const decoder = format.createDecoder(0);
  const start = chainStart(overview.descriptor.id);
  let doneBytes = 0;
  for await (const { bytes } of readBatches(store, plan.batches, start, { signal })) {
    signal.throwIfAborted();
    const needed = bytes.subarray(0, plan.offset - doneBytes);
    if (needed.length > 0) {
      decoder.push(needed);
      await sink.write(needed);
      doneBytes += needed.length;
      report({ type: 'progress', phase: 'restoring', doneBytes, totalBytes: plan.offset });
    }
  }
  checkReached(overview, plan, doneBytes);
  return decoder.records;
}

/** What a dry run checks of the batches: that they are there, in order, and lead to the offset. */
async function checkChain({ store, stop: signal }: Context, { overview, plan }: Resolved): Promise<void> {
  let reached = 0;
  for await (const { header } of readHeads(store, plan.batches, chainStart(overview.descriptor.id), {
    signal,
  })) {
    reached = header.end;
  }
  checkReached(overview, plan, reached);
}

/** The last batch needed may end before the offset: then the hole after it holds the offset. */
function checkReached({ catalog, end }: Overview, { batches, offset }: RestorePlan, reached: Offset): void {
  if (reached < offset) {
    throw missing(reached, catalog.batches[batches.length]?.first ?? end);
  }
}

/** Damage of a batch refuses a restore beyond it, and leaves what is before it. */
function withRecoverable(error: unknown): unknown {
  const first = isRigError(error) && error.kind === 'data' ? damagedFrom(error) : undefined;
  return first === undefined || !isRigError(error) ? error : refused(error, [{ from: 0, to: first }]);
}

function damagedFrom({ details }: RigError): Offset | undefined {
  const meaning = typeof details['object'] === 'string' ? meaningOf(details['object']) : undefined;
  return meaning?.kind === 'batch' && details['recoverable'] === undefined ? meaning.first : undefined;
}

/** For people: the offset, and when the journal was first seen to have reached it. */
async function describePoint(
  { store, stop: signal }: Context,
  { tail }: Overview,
  plan: RestorePlan,
): Promise<string> {
  const last = plan.batches.at(-1);
  if (last === undefined) {
    return `offset ${showOffset(plan.offset)}, the journal's beginning`;
  }
  const header = tail?.first === last.first ? tail : (await needHead(store, last, { signal })).header;
  const atMs = reachedAtMs(header, plan.offset);
  return `offset ${showOffset(plan.offset)}${atMs === undefined ? '' : `, reached by ${formatTime(atMs)}`}`;
}

function reportPlan({ report }: Context, { overview, plan, at }: Resolved): void {
  const behindBytes = overview.end - plan.offset;
  const behind = behindBytes === 0 ? 'the latest' : `${showSize(behindBytes)} before the latest`;
  const count = plan.batches.length === 1 ? '1 batch' : `${plan.batches.length} batches`;
  report({
    type: 'note',
    code: 'restore-plan',
    message: `restoring ${at}, ${behind}, from ${count} (${showSize(plan.storedBytes)} stored)`,
    details: {
      offset: plan.offset,
      latest: overview.end,
      behindBytes,
      batches: plan.batches.length,
      storedBytes: plan.storedBytes,
    },
  });
}

function reportNewLineage({ report }: Context, { overview, plan }: Resolved): void {
  report({
    type: 'note',
    code: 'new-lineage',
    message:
      `this is the journal at offset ${showOffset(plan.offset)}, not the latest, ${showOffset(overview.end)}: ` +
      'writing on makes another lineage, which must be pushed to another archive',
    details: { offset: plan.offset, latest: overview.end },
  });
}
