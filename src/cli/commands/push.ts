import { type Command, Option } from 'commander';
import type { Compression } from '../../archive/seal.ts';
import type { FormatName } from '../../journal/contract.ts';
import { JOURNAL_FORMATS } from '../../journal/registry.ts';
import { showOffset } from '../../kernel/offset.ts';
import { showSize } from '../../kernel/size.ts';
import type { PushResult } from '../../workflows/push.ts';
import { ONE_SHOT_DEADLINE_MS } from '../open.ts';
import { compressionChoices, durationParser, parseCompression, sizeParser } from '../options.ts';
import type { Outcome } from '../render/renderer.ts';
import { counted } from '../render/text.ts';
import type { Session } from '../session.ts';
import type { CommandDefinition } from './definition.ts';

interface PushFlags {
  readonly follow?: true;
  readonly format?: FormatName;
  readonly interval: number;
  readonly batchBytes?: number;
  readonly compression: Compression;
  readonly unsafeNoFencing?: true;
}

const DEFAULT_INTERVAL = '1s';
const parseInterval = durationParser('--interval', { minimum: '0', maximum: '1h' });

export const pushCommand: CommandDefinition = {
  name: 'push',
  summary: 'upload a journal to the archive, once or as it grows',
  description:
    'Uploads what the archive does not have yet of an append-only journal. What it reports durable can be restored. ' +
    'An unfinished last record is not pushed. It may be run again at any time, and on an archive that another ' +
    'push writes to: the newer writer wins, and the older one ends with status 11.',
  examples: [
    'rigctl push app.log --archive s3://backups/app',
    'rigctl push events.ndjson --follow --format lines --archive file:/backup/events',
  ],
  failures: ['not-found', 'conflict', 'denied', 'unavailable', 'data', 'local'],
  whenInterrupted: 'finishing the batch in flight',
  declare(command, start) {
    declareOptions(command.argument('<journal>', 'the append-only file to upload')).action(
      (journal: string, flags: PushFlags) => start((session) => runPush(session, journal, flags)),
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
        'upload when so much has come together, 4KiB to 64MiB (default: 8MiB, and 32MiB to catch up)',
      ).argParser(sizeParser('--batch-bytes', { minimum: '4KiB', maximum: '64MiB' })),
    )
    .addOption(
      new Option('--compression <name[:level]>', compressionChoices())
        .argParser(parseCompression)
        .default(parseCompression('zstd'), 'zstd'),
    )
    .option('--unsafe-no-fencing', 'write to a store that cannot keep two writers apart: you must');
}

async function runPush(session: Session, journal: string, flags: PushFlags): Promise<Outcome> {
  const { push } = await import('../../workflows/push.ts');
  const { follow = false, format, interval, batchBytes, compression, unsafeNoFencing = false } = flags;
  const context = await session.openContext(follow ? undefined : ONE_SHOT_DEADLINE_MS);
  const result = await push(context, {
    journal,
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
  return { fields: { ...result }, lines: linesOf(result), error: session.interruption };
}

function linesOf({ durable, batches, bytes, storedBytes, tornBytes }: PushResult): string[] {
  const amount = `${showSize(bytes)} in ${counted(batches, 'batch', 'batches')}`;
  const pushed = batches === 0 ? 'nothing new to push' : `pushed ${amount} (${showSize(storedBytes)} stored)`;
  const torn =
    tornBytes === 0
      ? []
      : [`not pushed: an unfinished record of ${showSize(tornBytes)} at the end of the journal`];
  return [`${pushed}, durable at ${showOffset(durable)}`, ...torn];
}
