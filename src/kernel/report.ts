import type { Details } from './errors.ts';
import type { Offset } from './offset.ts';

/**
 * What a workflow says while it runs. Workflows never print: the command line turns these into a progress line,
 * messages, or lines of JSON.
 */
export type Report = ProgressReport | DurableReport | RetryReport | WarningReport | NoteReport;

/** How far a long piece of work is; sent often, shown rarely. */
export interface ProgressReport {
  readonly type: 'progress';
  /** What is being done, for people: `pushing`, `restoring`, `verifying`. */
  readonly phase: string;
  readonly doneBytes: number;
  /** Undefined where nobody can know it. */
  readonly totalBytes: number | undefined;
}

/** The durable offset moved: everything below it can be restored. */
export interface DurableReport {
  readonly type: 'durable';
  readonly durable: Offset;
  /** Journal end minus durable offset. */
  readonly lagBytes: number;
  /** Age of the oldest byte that is not durable; 0 when there is none. */
  readonly lagMs: number;
}

/** A call to the store failed and will be repeated. */
export interface RetryReport {
  readonly type: 'retry';
  readonly operation: string;
  readonly attempt: number;
  readonly delayMs: number;
  readonly code: string;
  readonly message: string;
}

/** Something the user should know although the command goes on; counted in the result. */
export interface WarningReport {
  readonly type: 'warning';
  /** Kebab-case and stable: `latest-stale`, `stray-object`. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Details;
}

/** A decision worth seeing: the plan, the format chosen, a restart after an overtaking. */
export interface NoteReport {
  readonly type: 'note';
  readonly code: string;
  readonly message: string;
  readonly details?: Details;
}

export type Reporter = (report: Report) => void;
