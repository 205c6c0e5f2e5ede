import { type ErrorKind, EXIT_STATUS, type RigError } from '../kernel/errors.ts';

export type SignalName = 'SIGINT' | 'SIGTERM';

/** A program ended by a signal exits with 128 and the signal's number, as shells show it. */
export const SIGNAL_STATUS: Readonly<Record<SignalName, number>> = { SIGINT: 130, SIGTERM: 143 };

/** The reader of stdout or stderr went away: what a shell shows for a program that SIGPIPE ended. */
export const CLOSED_PIPE_STATUS = 141;

/** What each kind of failure means, in the words of `--help` and the man page. */
const KIND_MEANINGS: Readonly<Record<ErrorKind, string>> = {
  internal: 'a bug in rigctl',
  usage: 'the command line or the configuration is wrong',
  partial: 'part of the work was left out',
  'not-found': 'what was asked for is not there',
  conflict: 'another writer or another history is in the way',
  denied: 'the store refuses these credentials',
  unavailable: 'the store did not answer in time',
  data: 'bytes are damaged or missing',
  local: 'the journal, the target or the disk is in the way',
  interrupted: 'a signal ended it',
};

/** Failures that any command can end in. */
const SHARED_FAILURES: readonly ErrorKind[] = ['internal', 'usage', 'interrupted'];

/** The exit statuses of a command that can fail in these ways beside the shared ones, ascending. */
export function exitStatusesOf(failures: readonly ErrorKind[]): readonly [status: number, meaning: string][] {
  const statuses = [...SHARED_FAILURES, ...failures].map((kind): [number, string] => [
    EXIT_STATUS[kind],
    kind === 'interrupted' ? 'SIGINT (Ctrl-C) ended it' : KIND_MEANINGS[kind],
  ]);
  statuses.push(
    [0, 'done'],
    [CLOSED_PIPE_STATUS, 'the reader of its output went away'],
    [SIGNAL_STATUS.SIGTERM, 'SIGTERM ended it'],
  );
  return statuses.sort(([left], [right]) => left - right);
}

/** The exit status of a failure; `signal` is the one that came first, if any. */
export function exitStatusOf(error: RigError, signal: SignalName | undefined): number {
  return error.kind === 'interrupted' && signal !== undefined
    ? SIGNAL_STATUS[signal]
    : EXIT_STATUS[error.kind];
}
