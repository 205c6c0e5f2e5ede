import { Argument, type Command, Option } from 'commander';
import { DEFAULT_LOG_DAYS, DEFAULT_SNAPSHOT_DAYS } from '../../archive/lifecycle-rules.ts';
import type { RigError } from '../../kernel/errors.ts';
import type { ApplyOptions, AskedChange, ChangeOptions, LifecycleResult } from '../../workflows/lifecycle.ts';
import { numberParser, usage } from '../options.ts';
import { changeLines, ruleLines } from '../render/lifecycle-text.ts';
import type { Outcome } from '../render/renderer.ts';
import type { Session } from '../session.ts';
import type { CommandDefinition } from './definition.ts';

const ACTIONS = ['show', 'plan', 'apply', 'remove'] as const;
type Action = (typeof ACTIONS)[number];

interface LifecycleFlags {
  readonly logDays: number;
  readonly snapshotDays: number;
  readonly byAge?: true;
  readonly yes?: true;
  readonly acceptLoss?: true;
}

/** What has to be typed to accept a loss, on a terminal. */
const LOSS_WORDS = 'accept loss';

/** Options that mean something to some of the actions only. */
const OPTION_ACTIONS: readonly (readonly [
  name: keyof LifecycleFlags,
  flag: string,
  actions: readonly Action[],
])[] = [
  ['logDays', '--log-days', ['plan', 'apply']],
  ['snapshotDays', '--snapshot-days', ['plan', 'apply']],
  ['byAge', '--by-age', ['plan', 'apply']],
  ['acceptLoss', '--accept-loss', ['apply']],
  ['yes', '--yes', ['apply', 'remove']],
];

export const lifecycleCommand: CommandDefinition = {
  name: 'lifecycle',
  summary: "set up or look at the bucket's rules that remove what is marked as expendable",
  description:
    'Lifecycle rules make an S3 bucket remove objects by itself. show lists the rules and says which threaten the ' +
    'archive; plan says what apply would change; apply sets up rules for LOG/ and SNAPSHOT/ of this archive, which ' +
    'remove only what "rigctl prune --mark" or "rigctl push --expire mark" has marked; remove takes exactly these ' +
    'out again. Rules of others stay as they are. The rules as they were are kept in a file in the current directory.',
  examples: [
    'rigctl lifecycle show --archive s3://backups/app',
    'rigctl lifecycle apply --log-days 7 --snapshot-days 90',
    'rigctl lifecycle remove --yes',
  ],
  failures: ['not-found', 'denied', 'unavailable', 'data', 'local'],
  whenInterrupted: 'finishing what was begun',
  declare(command, start) {
    declareOptions(command).action((action: Action, flags: LifecycleFlags) => {
      mustSuit(command, action);
      start((session) => runLifecycle(session, action, flags));
    });
  },
};

function declareOptions(command: Command): Command {
  return command
    .addArgument(new Argument('<action>', 'what to do').choices(ACTIONS))
    .addOption(
      daysOption(
        '--log-days',
        'the age in days at which what is marked under LOG/ is removed',
        DEFAULT_LOG_DAYS,
      ),
    )
    .addOption(daysOption('--snapshot-days', 'the same for SNAPSHOT/', DEFAULT_SNAPSHOT_DAYS))
    .option('--by-age', 'remove whatever is old enough, marked or not')
    .option('--accept-loss', 'agree to what rules by age may destroy, where nobody can be asked')
    .option('--yes', 'change the rules without asking');
}

/** S3 counts in a 32-bit integer. */
const DAYS = { minimum: 1, maximum: 2 ** 31 - 1, whole: true };

function daysOption(flag: string, description: string, defaultDays: number): Option {
  return new Option(`${flag} <days>`, description)
    .argParser(numberParser(flag, DAYS))
    .default(defaultDays, String(defaultDays));
}

function mustSuit(command: Command, action: Action): void {
  for (const [name, flag, actions] of OPTION_ACTIONS) {
    if (command.getOptionValueSource(name) === 'cli' && !actions.includes(action)) {
      throw usage(
        `${flag} means nothing to "lifecycle ${action}"`,
        `leave it out, or use it with ${actions.join(' or ')}`,
      );
    }
  }
}

async function runLifecycle(session: Session, action: Action, flags: LifecycleFlags): Promise<Outcome> {
  const lifecycle = await import('../../workflows/lifecycle.ts');
  const context = await session.openContext();
  const policy = { logDays: flags.logDays, snapshotDays: flags.snapshotDays, byAge: flags.byAge === true };
  switch (action) {
    case 'show':
      return outcomeOf(action, await lifecycle.showLifecycle(context), (result) => ruleLines(result.after));
    case 'plan':
      return outcomeOf(action, await lifecycle.previewLifecycle(context, policy), planLines);
    case 'apply': {
      const options = { ...changeOptions(session, action, flags), ...lossOptions(session, flags), policy };
      return outcomeOf(action, await lifecycle.applyLifecycle(context, options), changedLines);
    }
    case 'remove':
      return outcomeOf(
        action,
        await lifecycle.removeLifecycle(context, changeOptions(session, action, flags)),
        changedLines,
      );
  }
}

function outcomeOf(
  action: Action,
  result: LifecycleResult,
  linesOf: (result: LifecycleResult) => string[],
): Outcome {
  return { fields: { action, ...result }, lines: linesOf(result) };
}

function planLines({ before, after }: LifecycleResult): string[] {
  const lines = changeLines(before, after);
  return lines.some((line) => !line.startsWith(' ')) ? lines : [...lines, 'nothing to change'];
}

function changedLines(result: LifecycleResult): string[] {
  const { before, after, changed, backup } = result;
  return [
    ...changeLines(before, after),
    changed ? 'the lifecycle rules are changed' : 'nothing to change',
    ...(backup === null ? [] : [`the rules as they were are in ${backup}`]),
  ];
}

function changeOptions(session: Session, action: Action, { yes }: LifecycleFlags): ChangeOptions {
  return {
    backupDirectory: '.',
    async confirm({ before, after }: AskedChange) {
      if (yes === true) {
        return;
      }
      const question = [...changeLines(before, after), 'Change the lifecycle rules like this? [y/N] '].join(
        '\n',
      );
      const answer = await session.io.ask(question, session.stop);
      if (answer === undefined) {
        throw usage(
          `lifecycle ${action} needs --yes where nobody can be asked; nothing was changed`,
          action === 'apply' ? 'look at "rigctl lifecycle plan", then add --yes' : 'add --yes',
        );
      }
      if (!/^y(es)?$/i.test(answer.trim())) {
        throw notConfirmed();
      }
    },
  };
}

function lossOptions(session: Session, { acceptLoss }: LifecycleFlags): Pick<ApplyOptions, 'acceptLoss'> {
  return {
    async acceptLoss(sentences) {
      for (const message of sentences) {
        session.renderer.report({ type: 'warning', code: 'lifecycle-loss', message });
      }
      if (acceptLoss === true) {
        return;
      }
      const answer = await session.io.ask(`Type "${LOSS_WORDS}" if that is what you want: `, session.stop);
      if (answer === undefined) {
        throw usage(
          'rules by age need --accept-loss where nobody can be asked; nothing was changed',
          'read what they may destroy, then leave --by-age out or add --accept-loss',
        );
      }
      if (answer.trim() !== LOSS_WORDS) {
        throw notConfirmed();
      }
    },
  };
}

function notConfirmed(): RigError {
  return usage('not confirmed; nothing was changed', 'run it again and confirm it, or leave it');
}
