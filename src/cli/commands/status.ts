import { showOffset } from '../../kernel/offset.ts';
import { showSize } from '../../kernel/size.ts';
import type { StatusResult } from '../../workflows/status.ts';
import type { Outcome } from '../render/renderer.ts';
import { alignedLines, counted, rangesText } from '../render/text.ts';
import type { Session } from '../session.ts';
import type { CommandDefinition } from './definition.ts';

export const statusCommand: CommandDefinition = {
  name: 'status',
  summary: 'show what the archive holds and what can be restored from it',
  description:
    'Shows the durable offset, how much is stored, when the journal was observed, who wrote last, and the offsets ' +
    'that a restore can give. It reads the listing and a few headers, and proves nothing: that is what verify is for.',
  examples: ['rigctl status --archive s3://backups/app', 'rigctl status --json | tail -n 1 | jq .durable'],
  failures: ['not-found', 'denied', 'unavailable', 'data', 'local'],
  whenInterrupted: 'ending',
  declare(command, start) {
    command.action(() => start(runStatus));
  },
};

async function runStatus(session: Session): Promise<Outcome> {
  const { status } = await import('../../workflows/status.ts');
  const result = await status(await session.openContext());
  return { fields: { ...result }, lines: linesOf(result) };
}

function linesOf(result: StatusResult): string[] {
  const { archive, format, durable, latest, batches, storedBytes, recoverable } = result;
  return alignedLines([
    ['archive', `${archive}, format ${format}`],
    ['durable', showOffset(durable)],
    ['stored', `${counted(batches, 'batch', 'batches')}, ${snapshotsText(result)}, ${showSize(storedBytes)}`],
    ['latest snapshot', latest === null ? 'none' : showOffset(latest)],
    ['observed', observedText(result)],
    ['writer', writerText(result.writer)],
    ['recoverable', rangesText(recoverable)],
  ]);
}

function snapshotsText({ snapshots, increments }: StatusResult): string {
  const text = counted(snapshots, 'snapshot');
  return increments === 0 ? text : `${text} (${counted(increments, 'increment')})`;
}

function observedText({ firstObserved, lastObserved }: StatusResult): string {
  if (firstObserved === null) {
    return lastObserved === null ? 'never' : `up to ${lastObserved}`;
  }
  return lastObserved === null ? `from ${firstObserved} on` : `${firstObserved} to ${lastObserved}`;
}

function writerText(writer: StatusResult['writer']): string {
  if (writer === null) {
    return 'none';
  }
  const { epoch, mode, host, pid, startedAt } = writer;
  return `epoch ${epoch}, ${mode}, host ${host}, pid ${pid}, since ${startedAt}`;
}
