import type { CompletionCommand, CompletionOption, CompletionTree, Values } from './tree.ts';

export function fishScript({ globalOptions, commands }: CompletionTree): string {
  const names = commands.map(({ name }) => name).join(' ');
  const noCommand = `-n 'not __fish_seen_subcommand_from ${names}'`;
  const lines = [
    '# fish completion for rigctl',
    'complete -c rigctl -f',
    ...commands.map(({ name, summary }) => `complete -c rigctl ${noCommand} -a ${name} -d ${quote(summary)}`),
    ...globalOptions.map((option) => optionLine('', option)),
    ...commands.flatMap(commandLines),
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines({ name, options, argument }: CompletionCommand): string[] {
  const condition = ` -n '__fish_seen_subcommand_from ${name}'`;
  const positional =
    argument.kind === 'none' ? [] : [`complete -c rigctl${condition}${argumentsOf(argument)}`];
  return [...options.map((option) => optionLine(condition, option)), ...positional];
}

function optionLine(condition: string, { flag, description, values }: CompletionOption): string {
  const value = values.kind === 'none' ? '' : ` -r${argumentsOf(values)}`;
  return `complete -c rigctl${condition} -l ${flag.replace(/^--/, '')}${value} -d ${quote(description)}`;
}

function argumentsOf(values: Values): string {
  switch (values.kind) {
    case 'file':
      return ' -F';
    case 'choices':
      return ` -f -a ${quote(values.choices.join(' '))}`;
    default:
      return ' -f';
  }
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
