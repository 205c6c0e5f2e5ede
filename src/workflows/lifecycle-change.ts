import { dirname, join } from 'node:path';
import { compareRules, type ReadBack } from '../archive/lifecycle-compare.ts';
import type { LifecyclePlan } from '../archive/plan-lifecycle.ts';
import { formatTime } from '../kernel/clock.ts';
import { errnoOf, messageOf, RigError } from '../kernel/errors.ts';
import { quoteForShell } from '../kernel/shell.ts';
import type { Lifecycle, LifecycleConfiguration } from '../store/contract.ts';
import type { Context } from './context.ts';

/** How rules are to be changed, and what they were when that was decided. */
export interface Change {
  readonly archive: string;
  readonly lifecycle: Lifecycle;
  readonly seen: LifecycleConfiguration;
  readonly plan: LifecyclePlan;
  /** Where the rules as they were are kept. */
  readonly backupDirectory: string;
}

export interface Changed {
  /** The path of the backup; undefined: there was nothing to keep. */
  readonly backup: string | undefined;
  readonly after: LifecycleConfiguration;
}

/** A server may show the rules from before for a while. */
const READ_BACK_MS = 15_000;
const READ_BACK_PAUSE_MS = 1_000;
const BACKUP_MODE = 0o600;

/**
 * Writes the rules and reads them back. When the server kept less of them than it must, the rules from before are put
 * back. Once something is written, only the second signal ends it.
 * @throws RigError RIG_UNSAFE when the rules changed since they were seen; RIG_LOCAL_IO when they cannot be kept in a
 *   file; RIG_STORE_UNSUPPORTED when the server did not keep what was written; trouble with the store.
 */
export async function changeRules(context: Context, change: Change): Promise<Changed> {
  const { lifecycle, seen, plan } = change;
  const backup = await keepPrevious(context, change);
  await mustBeUnchanged(context, change, backup);
  await lifecycle.write({ rules: plan.rules, attributes: seen.attributes }, { signal: context.abort });
  const { after, readBack } = await readBackRules(context, change, plan.rules);
  if (readBack.broken.length > 0) {
    throw await putBack(context, change, backup, readBack);
  }
  for (const part of readBack.dropped) {
    context.report({
      type: 'warning',
      code: 'lifecycle-part-dropped',
      message: `the store did not keep a part of ${part}`,
      details: { part },
    });
  }
  return { backup, after };
}

/** The document as it was, so that somebody can put it back whatever happens. */
async function keepPrevious(context: Context, change: Change): Promise<string | undefined> {
  const { fileSystem, clock } = context;
  const { document } = change.seen;
  if (document === '') {
    return undefined;
  }
  const time = formatTime(clock.wallMs()).replaceAll(':', '');
  const path = join(change.backupDirectory, `rigctl-lifecycle-${change.archive}-${time}.xml`);
  try {
    const handle = await fileSystem.createNew(path, BACKUP_MODE);
    try {
      await handle.write(Buffer.from(document), 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fileSystem.syncDirectory(dirname(path));
  } catch (error) {
    const errno = errnoOf(error);
    throw new RigError(
      'RIG_LOCAL_IO',
      `cannot keep the present rules in ${path}: ${errno ?? messageOf(error)}`,
      {
        hint: 'run the command in a directory that you may write to',
        cause: error,
        details: { path },
      },
    );
  }
  return path;
}

/** No store replaces rules on condition, so this is looked at as late as possible. */
async function mustBeUnchanged(
  { fileSystem, stop }: Context,
  { lifecycle, seen }: Change,
  backup: string | undefined,
): Promise<void> {
  const now = await lifecycle.read({ signal: stop });
  if (identityOf(now) === identityOf(seen)) {
    return;
  }
  if (backup !== undefined) {
    await fileSystem.remove(backup).catch(() => undefined);
  }
  throw new RigError(
    'RIG_UNSAFE',
    'somebody else changed the lifecycle rules meanwhile; nothing was changed',
    {
      hint: 'run the command again',
    },
  );
}

function identityOf({ document, attributes }: LifecycleConfiguration): string {
  return JSON.stringify([document, attributes]);
}

/** Reads until it is what was written, or as long as patience lasts. */
async function readBackRules(
  { clock, abort }: Context,
  { archive, lifecycle }: Change,
  written: LifecyclePlan['rules'],
): Promise<{ readonly after: LifecycleConfiguration; readonly readBack: ReadBack }> {
  const untilMs = clock.monotonicMs() + READ_BACK_MS;
  for (;;) {
    const after = await lifecycle.read({ signal: abort });
    const readBack = compareRules(archive, written, after.rules);
    const asWritten = readBack.broken.length + readBack.dropped.length === 0;
    if (asWritten || clock.monotonicMs() >= untilMs) {
      return { after, readBack };
    }
    await clock.sleep(READ_BACK_PAUSE_MS, abort);
  }
}

/** The error to end with, once the rules from before are there again, or are not. */
async function putBack(
  context: Context,
  change: Change,
  backup: string | undefined,
  { broken }: ReadBack,
): Promise<RigError> {
  const { lifecycle, seen } = change;
  const where = backup === undefined ? 'there were none' : `a copy is in ${backup}`;
  const isBack = await lifecycle
    .write({ rules: seen.rules, attributes: seen.attributes }, { signal: context.abort })
    .then(() => readBackRules(context, change, seen.rules))
    .then(({ readBack }) => readBack.broken.length === 0)
    .catch(() => false);
  const outcome = isBack ? 'the rules from before are back' : 'the rules from before could not be put back';
  const hint =
    isBack || backup === undefined
      ? 'use "rigctl prune" instead, and look at the rules with "rigctl lifecycle show"'
      : `put them back from the copy, for example with "s3cmd setlifecycle ${quoteForShell(backup)} s3://BUCKET"`;
  return new RigError(
    'RIG_STORE_UNSUPPORTED',
    `the store did not keep the rules as they were written: ${broken.join('; ')}; ${outcome} (${where})`,
    { hint, details: { broken, restored: isBack, backup: backup ?? null } },
  );
}
