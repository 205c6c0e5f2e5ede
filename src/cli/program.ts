import { readFileSync } from 'node:fs';
import { Command, CommanderError, type HelpConfiguration, Option } from 'commander';
import { assert } from '../kernel/assert.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import { COMMANDS } from './commands/all.ts';
import type { CommandDefinition, Start } from './commands/definition.ts';
import { exitStatusesOf } from './exit-status.ts';

import { ARCHIVE_VARIABLE, type ArchiveFlags, DEFAULT_ARCHIVE } from './open.ts';
import { textParser } from './options.ts';
import type { Outcome } from './render/renderer.ts';
import { toUsageError } from './usage.ts';

/** What the arguments ask for. */
export type Invocation =
  | {
      readonly kind: 'run';
      readonly command: CommandDefinition;
      readonly flags: ArchiveFlags;
      readonly run: Parameters<Start>[0];
    }
  /** `--help` and `--version`: the answer is known without running anything. */
  | { readonly kind: 'text'; readonly command: string; readonly outcome: Outcome }
  /** `command` is null when the arguments did not get so far. */
  | { readonly kind: 'error'; readonly command: string | null; readonly error: RigError };

/** Understands the arguments (without node and the script). Never throws and runs nothing. */
export function parseArguments(argv: readonly string[]): Invocation {
  let command: CommandDefinition | undefined;
  let run: Parameters<Start>[0] | undefined;
  let text = '';
  const program = createProgram({
    onStart(definition, chosen) {
      command = definition;
      run = chosen;
    },
    write(written) {
      text += written;
    },
  });
  // Global options are looked at before the command is: when one is wrong, the first word that can be a command is it.
  let dispatched = argv.find((arg) => COMMANDS.some(({ name }) => name === arg)) ?? null;
  program.hook('preSubcommand', (_program, subcommand) => {
    dispatched = subcommand.name();
  });
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      const lines = [text.trimEnd()];
      const name = error.code === 'commander.version' ? 'version' : 'help';
      return { kind: 'text', command: name, outcome: { fields: { text }, lines } };
    }
    if (error instanceof CommanderError || isRigError(error)) {
      return { kind: 'error', command: dispatched, error: toUsageError(error, dispatched) };
    }
    throw error;
  }
  assert(command !== undefined && run !== undefined, 'arguments that are good name a command');
  return { kind: 'run', command, flags: program.opts<ArchiveFlags>(), run };
}

const HELP: HelpConfiguration = { helpWidth: 80, showGlobalOptions: true };

export interface ProgramHandlers {
  /** The arguments are good and ask for this. */
  onStart(definition: CommandDefinition, run: Parameters<Start>[0]): void;
  /** Gets help texts and the version. */
  write(text: string): void;
}

/** The whole command tree. */
export function createProgram({ onStart, write }: ProgramHandlers): Command {
  const program = new Command('rigctl')
    .description(
      'Backs up an append-only journal to an object store, and puts it back exactly as it was at any offset.',
    )
    .version(readVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .configureHelp(HELP)
    .configureOutput({ writeOut: write, writeErr: () => undefined })
    .exitOverride();
  for (const option of globalOptions()) {
    program.addOption(option);
  }
  program.addHelpText('after', GLOBAL_HELP);
  for (const definition of COMMANDS) {
    const { name, summary, description } = definition;
    const command = program.command(name).summary(summary).description(description);
    command.addHelpText('after', commandHelp(definition));
    definition.declare(command, (run) => onStart(definition, run));
  }
  return program;
}

function globalOptions(): Option[] {
  const urlForms = 'file:PATH, or s3://BUCKET/PREFIX';
  return [
    textOption(
      '--archive <url>',
      `the archive: ${urlForms} (default: $${ARCHIVE_VARIABLE}, or else ${DEFAULT_ARCHIVE})`,
      `give ${urlForms}`,
    ),
    new Option('--json', 'print lines of JSON, the last one the result'),
    new Option('--quiet', 'print no progress and no notes'),
    new Option('--verbose', 'print retries, the causes of errors, and calls to the store').conflicts('quiet'),
    new Option('--no-color', 'print without colours'),
    textOption('--endpoint-url <url>', 'an S3 endpoint other than that of AWS', 'give http://HOST:PORT'),
    textOption('--region <region>', 'the S3 region', 'give a region such as eu-central-1'),
    textOption(
      '--profile <name>',
      'the profile in the AWS configuration files',
      'give the name of a profile',
    ),
  ];
}

/** An option whose value must not be empty. */
function textOption(flags: string, description: string, hint: string): Option {
  const option = new Option(flags, description);
  return option.argParser(textParser(option.long ?? flags, hint));
}

const GLOBAL_HELP = `
Environment:
  ${ARCHIVE_VARIABLE}          the archive, where --archive is not given
  AWS_*                   credentials, region and endpoint, as for AWS's own tools
  NO_COLOR                print without colours when set and not empty
  TERM                    "dumb": no colours and no spinner

Run "rigctl <command> --help" for its options, an example and its exit statuses.`;

function commandHelp({ examples, failures }: CommandDefinition): string {
  const statuses = exitStatusesOf(failures).map(
    ([status, meaning]) => `  ${String(status).padEnd(4)} ${meaning}`,
  );
  return [
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
    '',
    'Exit status:',
    ...statuses,
  ].join('\n');
}

/** Both `src/cli` and `dist/cli` lie two directories below the package's root. */
function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return version;
}
