import type { Argument, Command, Option } from 'commander';

/** What a word of the command line may be. */
export type Values =
  | { readonly kind: 'none' }
  | { readonly kind: 'free'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'choices'; readonly name: string; readonly choices: readonly string[] };

export interface CompletionOption {
  /** `--format`. */
  readonly flag: string;
  readonly description: string;
  readonly values: Values;
}

export interface CompletionCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletionOption[];
  readonly argument: Values;
}

export interface CompletionTree {
  readonly globalOptions: readonly CompletionOption[];
  readonly commands: readonly CompletionCommand[];
}

/** Names of arguments and option values that are paths. */
const FILE_NAMES = ['path', 'journal'];

/** Everything that can be completed, taken from the commands as they are declared. */
export function completionTree(program: Command): CompletionTree {
  const commands = program.commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    options: optionsOf(command),
    argument: argumentValues(command.registeredArguments[0]),
  }));
  const choices = commands.map(({ name }) => name);
  const help: CompletionCommand = {
    name: 'help',
    summary: 'print help for a command',
    options: [],
    argument: { kind: 'choices', name: 'command', choices },
  };
  const helpOption = { flag: '--help', description: 'print help', values: { kind: 'none' } } as const;
  return { globalOptions: [...optionsOf(program), helpOption], commands: [...commands, help] };
}

function optionsOf(command: Command): CompletionOption[] {
  return command.options.map((option) => ({
    flag: option.long ?? option.flags,
    description: option.description,
    values: optionValues(option),
  }));
}

function optionValues(option: Option): Values {
  const name = /<(.+)>/.exec(option.flags)?.[1];
  return name === undefined ? { kind: 'none' } : valuesOf(name, option.argChoices);
}

function argumentValues(argument: Argument | undefined): Values {
  return argument === undefined ? { kind: 'none' } : valuesOf(argument.name(), argument.argChoices);
}

function valuesOf(name: string, choices: readonly string[] | undefined): Values {
  if (choices !== undefined) {
    return { kind: 'choices', name, choices };
  }
  return { kind: FILE_NAMES.includes(name) ? 'file' : 'free', name };
}
