import type { CompletionCommand, CompletionOption, CompletionTree, Values } from './tree.ts';

export function bashScript({ globalOptions, commands }: CompletionTree): string {
  const globalFlags = flagsOf(globalOptions);
  const allOptions = [...globalOptions, ...commands.flatMap(({ options }) => options)];
  const withValue = allOptions.filter(({ values }) => values.kind !== 'none').map(({ flag }) => flag);
  return `# bash completion for rigctl
_rigctl() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command= i
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${[...new Set(withValue)].join('|')}) ((i++)) ;;
      ${commands.map(({ name }) => name).join('|')})
        command=\${COMP_WORDS[i]}
        break
        ;;
    esac
  done
  COMPREPLY=()
  case $command:$previous in
${[
  ...globalOptions.flatMap((option) => valueCase('*', option)),
  ...commands.flatMap(({ name, options }) => options.flatMap((option) => valueCase(name, option))),
].join('\n')}
  esac
  case $command in
${commands.map((command) => wordCase(command, globalFlags)).join('\n')}
    *) _rigctl_words "${[...commands.map(({ name }) => name), globalFlags].join(' ')}" ;;
  esac
}

_rigctl_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}

_rigctl_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$current")
}

complete -F _rigctl rigctl
`;
}

/** What may follow an option that takes a value. */
function valueCase(command: string, { flag, values }: CompletionOption): string[] {
  return values.kind === 'none' ? [] : [`    ${command}:${flag}) ${wordsOf(values)}return ;;`];
}

/** What else may stand on a command's line. */
function wordCase({ name, options, argument }: CompletionCommand, globalFlags: string): string {
  const flags = `_rigctl_words "${[...options.map(({ flag }) => flag), globalFlags].join(' ')}"`;
  return `    ${name}) if [[ $current == -* ]]; then ${flags}; else ${wordsOf(argument)}:; fi ;;`;
}

function wordsOf(values: Values): string {
  switch (values.kind) {
    case 'choices':
      return `_rigctl_words "${values.choices.join(' ')}"; `;
    case 'file':
      return '_rigctl_files; ';
    default:
      return '';
  }
}

function flagsOf(options: readonly CompletionOption[]): string {
  return options.map(({ flag }) => flag).join(' ');
}
