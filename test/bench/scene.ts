import { GIB, MIB } from '../../src/kernel/size.ts';
import type { Journals } from './journals.ts';
import type { S3Place } from './s3-place.ts';

/** What a case works with. */
export interface Bench {
  /** For temporary files; it goes when the bench ends. */
  readonly directory: string;
  readonly scale: Scale;
  readonly journals: Journals;
  /** Undefined: there is no S3 server. */
  readonly s3: S3Place | undefined;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** How much is measured. */
export interface Scale {
  readonly journalBytes: number;
  /** How often each contender runs. */
  readonly runs: number;
  /** Starts of the program cost little: they are measured more often. */
  readonly starts: number;
  readonly batches: number;
  /** Appends of one appender after another. */
  readonly appends: number;
  /** How long something is watched. */
  readonly watchMs: number;
  readonly idleMs: number;
}

export const FULL_SCALE: Scale = {
  journalBytes: GIB,
  runs: 5,
  starts: 20,
  batches: 100_000,
  appends: 200,
  watchMs: 20_000,
  idleMs: 60_000,
};

/** For a minute's look. */
export const QUICK_SCALE: Scale = {
  journalBytes: 64 * MIB,
  runs: 2,
  starts: 3,
  batches: 500,
  appends: 30,
  watchMs: 3_000,
  idleMs: 5_000,
};
