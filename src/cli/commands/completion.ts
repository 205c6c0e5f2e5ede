import { Argument, type Command } from 'commander';
import type { Outcome } from '../render/renderer.ts';
import type { CommandDefinition } from './definition.ts';

type Shell = 'bash' | 'zsh' | 'fish';

const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish'];

export const completionCommand: CommandDefinition = {
  name: 'completion',
  summary: 'print a script that makes a shell complete rigctl',
  description:
    'Prints a completion script made of the commands and options of this version. It never looks at an archive.',
  examples: [
    'rigctl completion bash >~/.local/share/bash-completion/completions/rigctl',
    'rigctl completion zsh >~/.zfunc/_rigctl',
    'rigctl completion fish >~/.config/fish/completions/rigctl.fish',
  ],
  failures: [],
  whenInterrupted: 'ending',
  declare(command, start) {
    command
      .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
      .action((shell: Shell) => start(() => runCompletion(shell, rootOf(command))));
  },
};

async function runCompletion(shell: Shell, program: Command): Promise<Outcome> {
  const { completionScript } = await import('../completion/script.ts');
  const text = completionScript(shell, program);
  return { fields: { shell, text }, lines: [text.trimEnd()] };
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}
