import { showOffset } from '../../kernel/offset.ts';
import { showSize } from '../../kernel/size.ts';
import type { LsEntry } from '../../workflows/ls.ts';
import type { Outcome } from '../render/renderer.ts';
import type { Session } from '../session.ts';
import type { CommandDefinition } from './definition.ts';

export const lsCommand: CommandDefinition = {
  name: 'ls',
  summary: 'list the objects of the archive',
  description:
    'Lists every object in the order of their keys: when it was written, its stored size, its key and what it is. ' +
    'It reads the listing only.',
  examples: [
    'rigctl ls --archive s3://backups/app',
    'rigctl ls --json | jq -r "select(.kind == \\"stray\\").key"',
  ],
  failures: ['not-found', 'denied', 'unavailable', 'local'],
  whenInterrupted: 'ending',
  declare(command, start) {
    command.action(() => start(runLs));
  },
};

async function runLs(session: Session): Promise<Outcome> {
  const { ls } = await import('../../workflows/ls.ts');
  let entries = 0;
  for await (const entry of ls(await session.openContext())) {
    await session.renderer.entry(entry, lineOf(entry));
    entries += 1;
  }
  return { fields: { entries }, lines: [] };
}

function lineOf(entry: LsEntry): string {
  const { key, modifiedAt, storedBytes } = entry;
  return `${modifiedAt.padEnd(24)}  ${showSize(storedBytes).padStart(9)}  ${key}  ${meaningOf(entry)}`;
}

function meaningOf(entry: LsEntry): string {
  switch (entry.kind) {
    case 'batch':
      return `batch from ${showOffset(entry.first)}`;
    case 'snapshot':
      return `snapshot at ${showOffset(entry.at)}`;
    case 'writer':
      return `writer of epoch ${entry.epoch}`;
    default:
      return entry.kind;
  }
}
