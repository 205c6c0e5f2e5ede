import { type Command, Option } from 'commander';
import { showOffset } from '../../kernel/offset.ts';
import { showSize } from '../../kernel/size.ts';
import type { RecoveryPoint, RestoreOptions, RestoreResult } from '../../workflows/restore.ts';
import { type AskedPoint, parseAskedPoint, textParser } from '../options.ts';
import type { Outcome } from '../render/renderer.ts';
import { counted, printable } from '../render/text.ts';
import type { Session } from '../session.ts';
import type { CommandDefinition } from './definition.ts';

interface RestoreFlags {
  readonly to: string;
  readonly at: AskedPoint;
  readonly nearest?: 'before' | 'after';
  readonly state?: true;
  readonly journal?: true;
  readonly dryRun?: true;
  readonly force?: true;
}

const STDOUT = '-';

export const restoreCommand: CommandDefinition = {
  name: 'restore',
  summary: 'put the journal or the state back as it was at an offset or a time',
  description:
    'Gives exactly the journal as it was at the asked point, or refuses and names the nearest points it can give. ' +
    'With "--state" it gives the newest snapshot of the state before that point, a file or a directory, and the ' +
    'journal after it to the same path with ".journal" behind it. ' +
    'The target appears whole or not at all. With "--to -" the journal goes to stdout and everything else to ' +
    'stderr; whoever reads it must check the exit status, because an error may come after the first bytes.',
  examples: [
    'rigctl restore --to app.log --archive s3://backups/app',
    'rigctl restore --to app.log --at 2026-11-21T10:32:07Z',
    'rigctl restore --to - --at "10m ago" --nearest before | tail -n 3',
    'rigctl restore --to data --state --at 0x48e',
  ],
  failures: ['not-found', 'denied', 'unavailable', 'data', 'local'],
  whenInterrupted: 'cleaning up',
  declare(command, start) {
    declareOptions(command).action((flags: RestoreFlags) => start((session) => runRestore(session, flags)));
  },
};

function declareOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--to <path>', 'the file or directory to write, or - for stdout')
        .argParser(textParser('--to', 'give the file to write, or - for stdout'))
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--at <point>',
        '"latest", an offset (12345, 0x48e), a time (RFC 3339 with zone), or "10m ago"',
      )
        .argParser(parseAskedPoint)
        .default({ kind: 'latest' }, 'latest'),
    )
    .addOption(
      new Option(
        '--nearest <side>',
        'when the point itself cannot be given: take the nearest one on this side',
      ).choices(['before', 'after']),
    )
    .addOption(
      new Option('--state', 'restore a snapshot of the state, and the journal after it').conflicts('journal'),
    )
    .addOption(new Option('--journal', 'restore the journal, which is the default where there is one'))
    .option('--dry-run', 'say what would be restored and write nothing')
    .option('--force', 'replace the target if it exists');
}

async function runRestore(session: Session, flags: RestoreFlags): Promise<Outcome> {
  const { restore } = await import('../../workflows/restore.ts');
  const { to, at, nearest, dryRun = false, force = false } = flags;
  const context = await session.openContext();
  const result = await restore(context, {
    what: flags.state ? 'state' : flags.journal ? 'journal' : undefined,
    at: resolvePoint(at, context.clock.wallMs()),
    nearest,
    dryRun,
    force,
    target: targetOf(to, session),
  });
  if (to === STDOUT) {
    await session.stdout.flush(); // what has not left the program may still fail
  }
  return { fields: { ...result }, lines: linesOf(result) };
}

function resolvePoint(asked: AskedPoint, nowMs: number): RecoveryPoint {
  return asked.kind === 'ago' ? { kind: 'time', atMs: nowMs - asked.agoMs } : asked;
}

function targetOf(to: string, { stdout }: Session): RestoreOptions['target'] {
  return to === STDOUT
    ? { kind: 'stream', givesBack: true, write: (bytes) => stdout.deliver(bytes) }
    : { kind: 'file', path: to };
}

function linesOf(result: RestoreResult): string[] {
  const { at, bytes, records, base, batches, target, journal, dryRun } = result;
  const beside = journal === null ? '' : ` and ${printable(journal)}`;
  const where = target === STDOUT ? 'stdout' : `${printable(target)}${beside}`;
  const count = counted(batches, 'batch', 'batches');
  const from = base === null ? count : `the snapshot at ${showOffset(base)}, ${count}`;
  const what = dryRun
    ? `would restore ${showSize(bytes)} (${from})`
    : `restored ${showSize(bytes)} (${records === 0 ? '' : `${counted(records, 'record')}, `}${from})`;
  return [`${what} to ${where}`, `recovery point: ${at}`];
}
