import type { Offset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import type { Overview } from './overview.ts';
import type { Attempts } from './restore-attempts.ts';
import type { RestoredThing } from './restore-plans.ts';

/** What the user asks for. Times are Unix milliseconds. */
export type RecoveryPoint =
  | { readonly kind: 'latest' }
  | { readonly kind: 'offset'; readonly offset: Offset }
  | { readonly kind: 'time'; readonly atMs: number };

export type Nearest = 'before' | 'after' | undefined;

/** Where a point is looked for. */
export interface Lookup {
  readonly context: Context;
  readonly overview: Overview;
  readonly attempts: Attempts;
  readonly what: RestoredThing;
  readonly nearest: Nearest;
}
