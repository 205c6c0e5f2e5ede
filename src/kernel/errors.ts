/**
 * The one error type that leaves rigctl. A code says what happened, its kind says what the user must do and
 * decides the exit status. Messages are for people and may change; codes and kinds are API.
 */

/** What the user must do about an error, and the process's exit status. */
export const EXIT_STATUS = {
  /** A bug in rigctl: report it. */
  internal: 1,
  /** The call or the configuration is wrong: change it. */
  usage: 2,
  /** Part of the work was left out: look at the warnings. */
  partial: 3,
  /** What was asked for is not there: ask for something else. */
  'not-found': 10,
  /** Another writer or another history is in the way: decide which one goes on. */
  conflict: 11,
  /** The store refuses these credentials: change them or their rights. */
  denied: 12,
  /** The store did not answer in time: try again later. */
  unavailable: 13,
  /** Bytes are damaged or missing: run verify, restore elsewhere. */
  data: 14,
  /** The local machine (journal, target, disk) is in the way: mend it. */
  local: 15,
  /** A signal ended the command: 130 for SIGINT, 143 for SIGTERM. */
  interrupted: 130,
} as const;

export type ErrorKind = keyof typeof EXIT_STATUS;

/** Every error code and the kind it belongs to. */
export const ERROR_KINDS = {
  RIG_ASSERTION: 'internal',
  RIG_USAGE: 'usage',
  RIG_CONFIG_INVALID: 'usage',
  RIG_STORE_UNSUPPORTED: 'usage',
  RIG_UNSAFE: 'usage',
  RIG_INCOMPLETE: 'partial',
  RIG_ARCHIVE_NOT_FOUND: 'not-found',
  RIG_OBJECT_NOT_FOUND: 'not-found',
  RIG_OFFSET_NOT_COVERED: 'not-found',
  RIG_OFFSET_NOT_BOUNDARY: 'not-found',
  RIG_TIME_AMBIGUOUS: 'not-found',
  RIG_FENCED: 'conflict',
  RIG_DIVERGED: 'conflict',
  RIG_LOCAL_BEHIND: 'conflict',
  RIG_OBJECT_EXISTS: 'conflict',
  RIG_STORE_DENIED: 'denied',
  RIG_STORE_UNAVAILABLE: 'unavailable',
  RIG_TIMEOUT: 'unavailable',
  RIG_CHAIN_GAP: 'data',
  RIG_CHECKSUM_MISMATCH: 'data',
  RIG_RECORD_MALFORMED: 'data',
  RIG_RECORD_TORN: 'data',
  RIG_VERSION_UNKNOWN: 'data',
  RIG_DESCRIPTOR_LOST: 'data',
  RIG_TARGET_EXISTS: 'local',
  RIG_JOURNAL_TRUNCATED: 'local',
  RIG_LOCAL_IO: 'local',
  RIG_INTERRUPTED: 'interrupted',
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

/** Values that survive JSON: what an error or a report says beside its message. */
export type Details = { readonly [name: string]: DetailValue };
export type DetailValue =
  | string
  | number
  | boolean
  | null
  | readonly DetailValue[]
  | { readonly [name: string]: DetailValue };

export interface RigErrorOptions {
  /** One imperative sentence: what to do next. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** True when the same call may succeed later without anything being changed. Default: kind is `unavailable`. */
  readonly retryable?: boolean;
  /** Not before this many milliseconds should it be tried again (a server's `Retry-After`). */
  readonly retryAfterMs?: number;
  readonly details?: Details;
}

export class RigError extends Error {
  override readonly name = 'RigError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly details: Details;

  /** `message`: lower case, what failed, why, and the object or offset; no final stop. */
  constructor(code: ErrorCode, message: string, options: RigErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? this.kind === 'unavailable';
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details ?? {};
  }

  get kind(): ErrorKind {
    return ERROR_KINDS[this.code];
  }
}

/** Is it a RigError, and one of these codes when any are given? */
export function isRigError(error: unknown, ...codes: readonly ErrorCode[]): error is RigError {
  return error instanceof RigError && (codes.length === 0 || codes.includes(error.code));
}

/** The error number name (`ENOENT`) of a system call's error, or undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return error instanceof RigError ? undefined : error.code;
  }
  return undefined;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
