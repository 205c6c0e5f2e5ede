import { Option } from 'commander';
import type { Compression } from '../../archive/compression.ts';
import { DEFAULT_FULL_RATIO } from '../../archive/snapshot-policy.ts';
import { ONE_SHOT_DEADLINE_MS } from '../open.ts';
import type { Outcome } from '../render/renderer.ts';
import type { Session } from '../session.ts';
import type { CommandDefinition } from './definition.ts';
import { pushLines } from './push.ts';
import { compressionOption, fullRatioOption } from './sealing-options.ts';

interface SnapshotFlags {
  readonly now: true;
  readonly compression: Compression;
  readonly fullRatio?: number;
}

export const snapshotCommand: CommandDefinition = {
  name: 'snapshot',
  summary: 'make one object of the many batches of a journal',
  description:
    'Pushes what the archive does not have yet of the journal, then stores a snapshot of the journal itself: every ' +
    'offset below it can be restored from it, so that the batches below it are no longer needed and "rigctl prune" ' +
    'may remove them. A later one stores only what came after the one before.',
  examples: ['rigctl snapshot --now app.log --archive s3://backups/app'],
  failures: ['partial', 'not-found', 'conflict', 'denied', 'unavailable', 'data', 'local'],
  whenInterrupted: 'dropping the snapshot in flight',
  declare(command, start) {
    command
      .argument('<journal>', 'the append-only file that is pushed to the archive')
      .addOption(new Option('--now', 'make it now').makeOptionMandatory())
      .addOption(compressionOption())
      .addOption(fullRatioOption())
      .action((journal: string, flags: SnapshotFlags) =>
        start((session) => runSnapshot(session, journal, flags)),
      );
  },
};

async function runSnapshot(
  session: Session,
  journal: string,
  { compression, fullRatio = DEFAULT_FULL_RATIO }: SnapshotFlags,
): Promise<Outcome> {
  const { push } = await import('../../workflows/push.ts');
  const result = await push(await session.openContext(), {
    journal,
    snapshots: undefined,
    journalSnapshot: true,
    fullRatio,
    follow: false,
    format: undefined,
    intervalMs: 0,
    batchBytes: undefined,
    compression,
    host: session.io.host,
    pid: session.io.pid,
    deadlineMs: ONE_SHOT_DEADLINE_MS,
    unsafeNoFencing: false,
  });
  return { fields: { ...result }, lines: pushLines(result), error: session.interruption };
}
