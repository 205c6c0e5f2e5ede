import type { Command } from 'commander';
import type { ErrorKind } from '../../kernel/errors.ts';
import type { Outcome } from '../render/renderer.ts';
import type { Session } from '../session.ts';

/** Remembers what to run once all arguments are known to be good. */
export type Start = (run: (session: Session) => Promise<Outcome>) => void;

/** One command of the command line. Its file names it; `all.ts` lists it. */
export interface CommandDefinition {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What it does, for its own `--help`. */
  readonly description: string;
  /** Command lines that make sense as they stand. */
  readonly examples: readonly string[];
  /** How it can fail, beside the failures that all commands share. */
  readonly failures: readonly ErrorKind[];
  /** What it still does after the first signal: "finishing the batch in flight". */
  readonly whenInterrupted: string;
  /** Declares arguments and options, and the action: it calls `start` and does nothing else. */
  declare(command: Command, start: Start): void;
}
