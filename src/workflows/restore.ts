import { batchesOf, type RestorePlan } from '../archive/plan-restore.ts';
import { isRigError, RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import { formatOf } from './format.ts';
import { type Overview, readOverview } from './overview.ts';
import { resolvePoint } from './recovery-point.ts';
import { Attempts } from './restore-attempts.ts';
import type { RestoreOptions } from './restore-options.ts';
import { besidePath, hasJournalBeside } from './restore-places.ts';
import type { RestoredThing } from './restore-plans.ts';
import { baseOf, describePoint, reportNewLineage, reportPlan } from './restore-report.ts';
import { type Destination, openDestination } from './restore-target.ts';

export type { RecoveryPoint } from './recovery-lookup.ts';
export type { RestoreOptions, RestoreTarget } from './restore-options.ts';

export interface RestoreResult {
  /** The point as resolved, for people. */
  readonly at: string;
  readonly offset: Offset;
  /** Of the journal, and of the state: of its file, or of its directory as a tar stream. */
  readonly bytes: number;
  /** Of the journal that was written; 0 in a dry run, which reads none. */
  readonly records: number;
  /** The snapshot it was restored from; null: batches alone. */
  readonly base: Offset | null;
  readonly batches: number;
  /** The path, or `-`. */
  readonly target: string;
  /** The path of the journal after a state; null: there is no such file. */
  readonly journal: string | null;
  readonly dryRun: boolean;
}

/**
 * Gives the journal as it was at a recovery point, or a state with the journal after it, exactly, or refuses and leaves
 * the target as it was. A damaged snapshot is done without where another way leads to the same point. Repeatable.
 * @throws RigError RIG_TARGET_EXISTS or RIG_LOCAL_IO for the target; RIG_USAGE for a thing that this archive or this
 *   target cannot have; those of {@link readOverview} and {@link resolvePoint}; RIG_CHAIN_GAP, RIG_CHECKSUM_MISMATCH or
 *   RIG_VERSION_UNKNOWN for an archive damaged below the point, with the object, the offset and what is recoverable in
 *   its details.
 */
export async function restore(context: Context, options: RestoreOptions): Promise<RestoreResult> {
  const destination = await openDestination(context, options);
  try {
    return await restoreOnce(context, options, destination);
  } catch (error) {
    // A prune may run meanwhile; a new listing shows what it left. A stream cannot take back what it got.
    if (!isRigError(error, 'RIG_OBJECT_NOT_FOUND') || !destination.isUntouched) {
      throw error;
    }
    return restoreOnce(context, options, destination);
  }
}

async function restoreOnce(
  context: Context,
  options: RestoreOptions,
  destination: Destination,
): Promise<RestoreResult> {
  const overview = await readOverview(context);
  const what = thingOf(overview, options);
  const attempts = new Attempts(context, overview, what);
  try {
    const lookup = { context, overview, attempts, what, nearest: options.nearest };
    const offset = await resolvePoint(lookup, options.at);
    const work = (plan: RestorePlan) => follow(context, overview, options, destination, plan);
    return await attempts.firstOf(offset, work, () => destination.isUntouched);
  } catch (error) {
    throw await attempts.explain(error);
  }
}

/** What to restore from this archive to this target. */
function thingOf({ descriptor }: Overview, { what, target }: RestoreOptions): RestoredThing {
  const hasJournal = formatOf(descriptor).name !== 'none';
  if (what === 'journal' && !hasJournal) {
    throw new RigError('RIG_USAGE', '--journal: this archive holds snapshots of a state and no journal', {
      hint: 'leave --journal out',
    });
  }
  if (what === 'state' && hasJournal && target.kind === 'stream') {
    throw new RigError(
      'RIG_USAGE',
      '--to -: a state and the journal after it are two things, and stdout is one',
      {
        hint: 'name a path: the state goes there, the journal after it to the same path with ".journal" behind it',
      },
    );
  }
  return what ?? (hasJournal ? 'journal' : 'state');
}

/** Restores by one plan. */
async function follow(
  context: Context,
  overview: Overview,
  options: RestoreOptions,
  destination: Destination,
  plan: RestorePlan,
): Promise<RestoreResult> {
  const at = await describePoint(context, overview, plan);
  await reportPlan(context, overview, plan, at);
  const copied = await (options.dryRun
    ? destination.check(overview, plan)
    : destination.write(overview, plan));
  if (!options.dryRun && plan.offset < overview.end) {
    reportNewLineage(context, overview, plan);
  }
  const path = options.target.kind === 'file' ? options.target.path : undefined;
  return {
    at,
    offset: plan.offset,
    ...copied,
    base: baseOf(plan) ?? null,
    batches: batchesOf(overview, plan.journal).length,
    target: path ?? '-',
    journal: path !== undefined && hasJournalBeside(plan) ? besidePath(path) : null,
    dryRun: options.dryRun,
  };
}
