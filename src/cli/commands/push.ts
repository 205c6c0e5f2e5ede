import { type Command, Option } from 'commander';
import type { Compression } from '../../archive/compression.ts';
import { DEFAULT_FULL_RATIO } from '../../archive/snapshot-policy.ts';
import type { FormatName } from '../../journal/contract.ts';
import { JOURNAL_FORMATS } from '../../journal/registry.ts';
import { RigError } from '../../kernel/errors.ts';
import { showOffset } from '../../kernel/offset.ts';
import { showSize } from '../../kernel/size.ts';
import type { PushResult, SnapshotOptions } from '../../workflows/push.ts';
import { ONE_SHOT_DEADLINE_MS } from '../open.ts';
import { durationParser, numberParser, sizeParser, textParser, usage } from '../options.ts';
import type { Outcome } from '../render/renderer.ts';
import { counted } from '../render/text.ts';
import { policyOf, type RetentionFlags, retentionOptions } from '../retention-options.ts';
import type { Session } from '../session.ts';
import type { CommandDefinition } from './definition.ts';
import { compressionOption, fullRatioOption } from './sealing-options.ts';

interface PushFlags extends RetentionFlags {
  readonly expire?: 'mark' | 'delete';
  readonly follow?: true;
  readonly snapshots?: string;
  readonly snapshotNames?: 'hex' | 'dec';
  readonly fullRatio?: number;
  readonly pruneLocal?: number;
  readonly format?: FormatName;
  readonly interval: number;
  readonly batchBytes?: number;
  readonly compression: Compression;
  readonly unsafeNoFencing?: true;
}

/** What makes no sense without a directory. */
const SNAPSHOT_FLAGS = {
  snapshotNames: '--snapshot-names',
  pruneLocal: '--prune-local',
  expire: '--expire',
  fullRatio: '--full-ratio',
} as const;

const DEFAULT_INTERVAL = '1s';
const parseInterval = durationParser('--interval', { minimum: '0', maximum: '1h' });

export const pushCommand: CommandDefinition = {
  name: 'push',
  summary: 'upload a journal and snapshots to the archive, once or as they come',
  description:
    'Uploads what the archive does not have yet of an append-only journal, and of the snapshots that the application ' +
    'puts into a directory. What it reports durable can be restored. An unfinished last record is not pushed. It may ' +
    'be run again at any time, and on an archive that another push writes to: the newer writer wins, and the older ' +
    'one ends with status 11.',
  examples: [
    'rigctl push app.log --archive s3://backups/app',
    'rigctl push events.ndjson --follow --format lines --archive file:/backup/events',
    'rigctl push app.log --follow --snapshots /var/lib/app/snapshots --prune-local 2',
    'rigctl push --snapshots /var/lib/app/snapshots --archive s3://backups/app-state',
  ],
  failures: ['partial', 'not-found', 'conflict', 'denied', 'unavailable', 'data', 'local'],
  whenInterrupted: 'finishing the batch in flight',
  declare(command, start) {
    const argument = 'the append-only file to upload; left out: only snapshots';
    declareSnapshotOptions(declareOptions(command.argument('[journal]', argument)));
    for (const option of retentionOptions()) {
      command.addOption(option);
    }
    command.action((journal: string | undefined, flags: PushFlags) =>
      start((session) => runPush(session, journal, flags)),
    );
  },
};

function declareOptions(command: Command): Command {
  const formats = JOURNAL_FORMATS.map(({ name }) => name);
  return command
    .option('--follow', 'go on as the journal grows, until a signal comes')
    .addOption(
      new Option(
        '--format <format>',
        `where records end (default: the archive's own, and ${formats[0]} for a new archive)`,
      ).choices(formats),
    )
    .addOption(
      new Option(
        '--interval <duration>',
        'with --follow: how long a byte may wait for others to share its upload, up to 1h',
      )
        .argParser(parseInterval)
        .default(parseInterval(DEFAULT_INTERVAL), DEFAULT_INTERVAL),
    )
    .addOption(
      new Option(
        '--batch-bytes <size>',
        'upload when so much has come together, 4KiB to 64MiB (default: 8MiB, and 16MiB to catch up)',
      ).argParser(sizeParser('--batch-bytes', { minimum: '4KiB', maximum: '64MiB' })),
    )
    .addOption(compressionOption())
    .option('--unsafe-no-fencing', 'write to a store that cannot keep two writers apart: you must');
}

function declareSnapshotOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--snapshots <directory>',
        'upload the snapshots in it too: files and directories named by their offset',
      ).argParser(
        textParser('--snapshots', 'give the directory that the application puts its snapshots into'),
      ),
    )
    .addOption(
      new Option(
        '--snapshot-names <base>',
        'how to read names of 16 decimal digits, which are refused without it',
      ).choices(['hex', 'dec']),
    )
    .addOption(fullRatioOption())
    .addOption(
      new Option(
        '--prune-local <count>',
        'remove snapshots from the directory once they are archived, but this many of the newest',
      ).argParser(numberParser('--prune-local', { minimum: 1, maximum: 1_000_000, whole: true })),
    )
    .addOption(
      new Option(
        '--expire <action>',
        'after each new snapshot, do as prune does; the next options say what to keep (default: --keep-last 1)',
      ).choices(['mark', 'delete']),
    );
}

function snapshotOptions(journal: string | undefined, flags: PushFlags): SnapshotOptions | undefined {
  const { snapshots: directory, snapshotNames: names, pruneLocal } = flags;
  if (directory !== undefined) {
    return { directory, names, pruneLocal, expire: expiryOf(flags) };
  }
  const alone = (['snapshotNames', 'pruneLocal', 'fullRatio', 'expire'] as const).find(
    (name) => flags[name] !== undefined,
  );
  if (alone !== undefined) {
    throw usage(`${SNAPSHOT_FLAGS[alone]} is given without --snapshots`, 'add --snapshots DIRECTORY');
  }
  expiryOf(flags);
  if (journal === undefined) {
    throw usage('there is nothing to push', 'name a journal, a directory with --snapshots, or both');
  }
  return undefined;
}

/** Without a word on what to keep: what the newest snapshot supersedes goes. */
function expiryOf(flags: PushFlags): SnapshotOptions['expire'] {
  const { expire: action } = flags;
  const policy = policyOf(flags);
  const saysWhat = Object.values(policy).some((value) => value !== undefined);
  if (action === undefined) {
    if (saysWhat) {
      throw usage(
        'what to keep is said without --expire, so that nothing would be removed',
        'add --expire mark or --expire delete',
      );
    }
    return undefined;
  }
  return { action, policy: saysWhat ? policy : { keepLast: 1 } };
}

async function runPush(session: Session, journal: string | undefined, flags: PushFlags): Promise<Outcome> {
  const { push } = await import('../../workflows/push.ts');
  const { follow = false, format, interval, batchBytes, compression, unsafeNoFencing = false } = flags;
  const snapshots = snapshotOptions(journal, flags);
  const context = await session.openContext(follow ? undefined : ONE_SHOT_DEADLINE_MS);
  const result = await push(context, {
    journal,
    snapshots,
    journalSnapshot: false,
    fullRatio: flags.fullRatio ?? DEFAULT_FULL_RATIO,
    follow,
    format,
    intervalMs: interval,
    batchBytes,
    compression,
    host: session.io.host,
    pid: session.io.pid,
    deadlineMs: ONE_SHOT_DEADLINE_MS,
    unsafeNoFencing,
  });
  return {
    fields: { ...result },
    lines: pushLines(result),
    error: session.interruption ?? incomplete(result, follow),
  };
}

/** While following, what was left out may still come; a push that ends has to say so. */
function incomplete({ skippedSnapshots }: PushResult, follow: boolean): RigError | undefined {
  return skippedSnapshots === 0 || follow
    ? undefined
    : new RigError('RIG_INCOMPLETE', `${counted(skippedSnapshots, 'snapshot')} left out`, {
        hint: 'see the warnings for the reasons; all else is stored',
        details: { skippedSnapshots },
      });
}

/** What a push has done, for people. */
export function pushLines({
  durable,
  batches,
  bytes,
  snapshots,
  storedBytes,
  tornBytes,
}: PushResult): string[] {
  const amounts = [
    ...(batches === 0 ? [] : [`${showSize(bytes)} in ${counted(batches, 'batch', 'batches')}`]),
    ...(snapshots === 0 ? [] : [counted(snapshots, 'snapshot')]),
  ];
  const pushed =
    amounts.length === 0
      ? 'nothing new to push'
      : `pushed ${amounts.join(' and ')} (${showSize(storedBytes)} stored)`;
  const torn =
    tornBytes === 0
      ? []
      : [`not pushed: an unfinished record of ${showSize(tornBytes)} at the end of the journal`];
  return [`${pushed}, durable at ${showOffset(durable)}`, ...torn];
}
