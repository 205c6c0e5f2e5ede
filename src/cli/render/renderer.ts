import type { RigError } from '../../kernel/errors.ts';
import type { Report } from '../../kernel/report.ts';

/** What a command came to. A command can have a result and have failed: verify found damage, push was interrupted. */
export interface Outcome {
  /** The result for programs: the fields of the JSON line. */
  readonly fields: object;
  /** The result for people: whole lines, without their ends. */
  readonly lines: readonly string[];
  readonly error?: RigError | undefined;
}

/** The end of a command, as it is shown. */
export interface Ending {
  /** The command's name; null when the arguments did not name one. */
  readonly command: string | null;
  readonly outcome: Outcome;
  readonly exitCode: number;
}

/**
 * Shows one command: what happens meanwhile, the lines of a listing, and its end. Nothing is shown after the end, or
 * once it is silenced.
 */
export interface Renderer {
  /** Never waits: what the reader has no time for is dropped where that is harmless. */
  report(report: Report): void;
  /** One line of a result too long to be held; resolves when there is room for the next. */
  entry(fields: object, line: string): Promise<void>;
  /** Resolves when the result is written, though not yet read. */
  finish(ending: Ending): Promise<void>;
  silence(): void;
}
