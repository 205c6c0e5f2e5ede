import type { Compression } from '../archive/compression.ts';
import type { RetentionPolicy } from '../archive/retention-policy.ts';
import type { FormatName } from '../journal/contract.ts';
import type { LocalSnapshotsOptions } from './local-snapshots.ts';

export interface PushOptions {
  /** Path of the journal. Undefined: only snapshots are pushed. */
  readonly journal: string | undefined;
  /** Undefined: only the journal is pushed. */
  readonly snapshots: SnapshotOptions | undefined;
  /** At the end of a one-shot push, make a snapshot of the journal itself. */
  readonly journalSnapshot: boolean;
  /** A full snapshot is made when the increments since the last full exceed so much of it; 0: always. */
  readonly fullRatio: number;
  /** Go on until stopped; otherwise up to the journal's end as it was at the start. */
  readonly follow: boolean;
  /** Undefined: the archive's own, and for a new archive `bytes`, or `none` without a journal. */
  readonly format: FormatName | undefined;
  /** While following, the oldest byte waits no longer for others to share its put. */
  readonly intervalMs: number;
  /** Undefined: 8 MiB while following, 16 MiB to catch up. */
  readonly batchBytes: number | undefined;
  readonly compression: Compression;
  /** Of this machine and process, for the claim. */
  readonly host: string;
  readonly pid: number;
  /** How long a one-shot push tries to reach the store; while following it tries for ever. */
  readonly deadlineMs: number;
  readonly unsafeNoFencing: boolean;
}

export interface SnapshotOptions extends LocalSnapshotsOptions {
  /** After each new snapshot: what the policy does not need is removed, or marked for the rules to remove. */
  readonly expire: { readonly action: 'mark' | 'delete'; readonly policy: RetentionPolicy } | undefined;
}
