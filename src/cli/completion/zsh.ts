import type { CompletionCommand, CompletionOption, CompletionTree, Values } from './tree.ts';

export function zshScript({ globalOptions, commands }: CompletionTree): string {
  const described = commands.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`);
  return `#compdef rigctl
# zsh completion for rigctl
_rigctl() {
  local context state state_descr line
  local -A opt_args
  local -a commands global_options
  commands=(
${described.join('\n')}
  )
  global_options=(
${globalOptions.map((option) => `    ${optionSpec(option)}`).join('\n')}
  )
  _arguments -C $global_options '1:command:->command' '*::argument:->arguments'
  case $state in
    command) _describe command commands ;;
    arguments)
      case $words[1] in
${commands.map(commandCase).join('\n')}
      esac
      ;;
  esac
}

if [[ $funcstack[1] == _rigctl ]]; then
  _rigctl "$@"
else
  compdef _rigctl rigctl
fi
`;
}

function commandCase({ name, options, argument }: CompletionCommand): string {
  const positional = argument.kind === 'none' ? [] : [quote(`1${action(argument)}`)];
  const specs = ['$global_options', ...options.map(optionSpec), ...positional];
  return `        ${name}) _arguments ${specs.join(' ')} ;;`;
}

function optionSpec({ flag, description, values }: CompletionOption): string {
  const text = description.replace(/[[\]:\\]/g, '\\$&');
  return quote(values.kind === 'none' ? `${flag}[${text}]` : `${flag}=[${text}]${action(values)}`);
}

function action(values: Values): string {
  switch (values.kind) {
    case 'none':
      return '';
    case 'free':
      return `:${name(values)}: `;
    case 'file':
      return `:${name(values)}:_files`;
    case 'choices':
      return `:${name(values)}:(${values.choices.join(' ')})`;
  }
}

function name({ name: text }: Exclude<Values, { kind: 'none' }>): string {
  return text.replace(/[[\]:\\]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
