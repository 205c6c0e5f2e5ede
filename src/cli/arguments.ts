/** How to speak to the user. It must be known before the arguments are understood: they may be wrong. */
export interface Style {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly noColor: boolean;
  /** `restore --to -`: stdout carries the journal, and everything else goes to stderr. */
  readonly dataOnStdout: boolean;
}

/** Finds the style in the raw arguments, without judging any of them. */
export function scanStyle(argv: readonly string[]): Style {
  const literal = argv.indexOf('--');
  const args = literal === -1 ? argv : argv.slice(0, literal);
  return {
    json: args.includes('--json'),
    quiet: args.includes('--quiet'),
    verbose: args.includes('--verbose'),
    noColor: args.includes('--no-color'),
    dataOnStdout:
      args.includes('--to=-') || args.some((arg, index) => arg === '--to' && args[index + 1] === '-'),
  };
}
