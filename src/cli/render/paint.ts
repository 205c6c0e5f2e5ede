import type { Environment } from '../io.ts';

/** Colours the words that begin a message. */
export interface Paint {
  error(text: string): string;
  warning(text: string): string;
  hint(text: string): string;
}

const PLAIN: Paint = { error: (text) => text, warning: (text) => text, hint: (text) => text };

export interface ColorQuestion {
  readonly isTerminal: boolean;
  /** `--no-color` was given. */
  readonly noColor: boolean;
  readonly environment: Environment;
}

/** Decided here and not by chalk, which does not know NO_COLOR and reads the arguments itself. */
export function wantsColor({ isTerminal, noColor, environment }: ColorQuestion): boolean {
  return isTerminal && !noColor && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
}

/** Loads chalk only where there is something to colour. */
export async function loadPaint(color: boolean): Promise<Paint> {
  if (!color) {
    return PLAIN;
  }
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level: 1 });
  return {
    error: (text) => chalk.red.bold(text),
    warning: (text) => chalk.yellow(text),
    hint: (text) => chalk.cyan(text),
  };
}
