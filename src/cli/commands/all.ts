import { completionCommand } from './completion.ts';
import type { CommandDefinition } from './definition.ts';
import { lifecycleCommand } from './lifecycle.ts';
import { lsCommand } from './ls.ts';
import { pruneCommand } from './prune.ts';
import { pushCommand } from './push.ts';
import { restoreCommand } from './restore.ts';
import { snapshotCommand } from './snapshot.ts';
import { statusCommand } from './status.ts';
import { verifyCommand } from './verify.ts';

/** Every command, in the order that `--help` lists them. */
export const COMMANDS: readonly CommandDefinition[] = [
  pushCommand,
  snapshotCommand,
  restoreCommand,
  verifyCommand,
  pruneCommand,
  statusCommand,
  lsCommand,
  lifecycleCommand,
  completionCommand,
];
