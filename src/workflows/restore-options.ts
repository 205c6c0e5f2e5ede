import type { Nearest, RecoveryPoint } from './recovery-lookup.ts';
import type { RestoredThing } from './restore-plans.ts';
import type { Sink } from './target.ts';

export interface RestoreOptions {
  /** Undefined: what the archive's format restores: the journal, or, where there is none, the state. */
  readonly what?: RestoredThing | undefined;
  readonly at: RecoveryPoint;
  /** Which neighbour to take where the point itself cannot be restored; undefined: refuse. */
  readonly nearest: Nearest;
  /** Do everything but reading the payload and writing. */
  readonly dryRun: boolean;
  /** Replace what is at the target. */
  readonly force: boolean;
  readonly target: RestoreTarget;
}

export type RestoreTarget =
  /** A state goes to the path, and the journal after it to the same path with `.journal` behind it, also when empty. */
  | { readonly kind: 'file'; readonly path: string }
  /** Gets the bytes in order, each checked; what it got is worth something only once the restore has succeeded. */
  | ({ readonly kind: 'stream' } & Sink);
