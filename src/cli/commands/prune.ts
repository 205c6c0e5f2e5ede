import type { Verdict } from '../../archive/plan-retention.ts';
import type { PruneResult } from '../../workflows/prune.ts';
import { pruneLines, VerdictSummary, verdictLine } from '../render/prune-text.ts';
import type { Outcome } from '../render/renderer.ts';
import { policyOf, type RetentionFlags, retentionOptions } from '../retention-options.ts';
import type { Session } from '../session.ts';
import type { CommandDefinition } from './definition.ts';

interface PruneFlags extends RetentionFlags {
  readonly mark?: true;
  readonly yes?: true;
}

export const pruneCommand: CommandDefinition = {
  name: 'prune',
  summary: 'remove what no promised restore needs any more',
  description:
    'Removes batches, snapshots and old writers that are needed neither for what the options keep nor for what is ' +
    'always kept: the newest snapshot and all that follows it, what was superseded less than a day ago, and all of ' +
    'it while there is no snapshot. Says what would be removed, and why; removes it with --yes. It stops no push, ' +
    'and may be run again at any time.',
  examples: [
    'rigctl prune --keep-within 30d --archive s3://backups/app',
    'rigctl prune --keep-last 3 --keep-daily 7 --keep-monthly 12 --yes',
    'rigctl prune --keep-within 4w --json | jq -r "select(.type == \\"entry\\" and .keep == false).key"',
  ],
  failures: ['not-found', 'denied', 'unavailable', 'data', 'local'],
  whenInterrupted: 'ending; what is left goes at the next run',
  declare(command, start) {
    for (const option of retentionOptions()) {
      command.addOption(option);
    }
    command
      .option('--mark', 'mark it as expendable for the lifecycle rules instead of deleting it')
      .option('--yes', 'do it; without this option nothing is changed')
      .action((flags: PruneFlags) => start((session) => runPrune(session, flags)));
  },
};

async function runPrune(session: Session, flags: PruneFlags): Promise<Outcome> {
  const { prune } = await import('../../workflows/prune.ts');
  const { json, verbose } = session.flags;
  const action = flags.mark === true ? 'mark' : 'delete';
  const dryRun = flags.yes !== true;
  const summary = new VerdictSummary();
  const onVerdict = async (verdict: Verdict) => {
    if (json === true || verbose === true) {
      await session.renderer.entry(verdict, verdictLine(verdict));
    } else {
      summary.add(verdict);
    }
  };
  const result: PruneResult = await prune(await session.openContext(), {
    policy: policyOf(flags),
    action,
    dryRun,
    onVerdict,
  });
  return { fields: { ...result }, lines: [...summary.lines(), ...pruneLines(result)] };
}
