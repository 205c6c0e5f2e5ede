import type { Batch, Chain, Offset, Put, Store } from './store.ts';

/** Where a process stands: what it does next, or how it ended. */
export type Step =
  | 'not running'
  | 'starting'
  | 'surveyed'
  | 'reading the claim'
  | 'claimed'
  | 'ready'
  | 'waiting for an answer'
  | 'resolving'
  | 'full look: writers'
  | 'full look: snapshots'
  | End;

/** `done`: all of the journal is durable. The others are the errors of these names. */
export type End = 'done' | 'FENCED' | 'DIVERGED' | 'LOCAL_BEHIND' | 'STORE_UNSUPPORTED' | 'CHAIN_GAP';

/** What a full look allows. */
export type Intent = 'put' | 'report' | 'adopt';

/**
 * What the store did with a put. Its caller cannot tell the first two apart: at a key that was pruned, below the
 * end of the chain, a put is stored as well.
 */
export type Answer = 'stored' | 'stored as a stray' | 'exists';

/** A process that pushes, and what its machine remembers of it. */
export interface Process {
  readonly step: Step;
  /** How often it was started. Each run has an owner id of its own. */
  readonly run: number;
  /** Claimed, or 0. */
  readonly epoch: number;
  readonly durable: Offset;
  readonly chain: Chain;
  /** Under way, or to be repeated. */
  readonly put: Put | null;
  readonly answer: Answer | null;
  /** What a get at the durable offset gave, to be adopted after a full look. */
  readonly found: Batch | null;
  readonly intent: Intent | null;
  /** The full look before this put found that the process had been away: another one is due after it. */
  readonly wasAway: boolean;
  /**
   * An hour or more has passed since the last stored put or full look was sent; since the put was; since the look was.
   */
  readonly anchorIsOld: boolean;
  readonly putIsOld: boolean;
  readonly lookIsOld: boolean;
  /** The greatest offset it ever reported as durable, in all its runs. */
  readonly reported: Offset;
  /** It reported a batch that is not part of the chain. */
  readonly reportedStray: boolean;
}

/** What may still happen. */
export interface Budget {
  readonly crashes: number;
  readonly losses: number;
  readonly snapshots: number;
}

export interface State {
  readonly store: Store;
  /** Puts whose callers do not wait any more: each may land at any time, or never. */
  readonly late: readonly Put[];
  readonly processes: readonly Process[];
  readonly left: Budget;
}

/** The decisions of the protocol that a mistake could get wrong. */
export interface Protocol {
  readonly existsMeans: 'resolve' | 'own success' | 'conflict';
  readonly reports: 'when answered' | 'when sent';
  readonly comparesBeforeAdopting: boolean;
  readonly looksFully: 'before and after' | 'before' | 'never';
  readonly probes: boolean;
  readonly listsAfterAcceptedProbe: boolean;
  readonly listsAgainAfterClaiming: boolean;
  readonly comparesStrays: boolean;
  /** How long, in days, a snapshot must have been there before prune removes what it supersedes. */
  readonly prunesAfter: number;
  readonly keepsNewestBatch: boolean;
}

/** What is explored: who takes part, with which journals, and how much may go wrong. */
export interface Scenario {
  readonly title: string;
  /** One for each process, a letter a record. */
  readonly journals: readonly string[];
  /** How often each process may be started. */
  readonly runs: number;
  readonly budget: Budget;
  /** Do days pass, so that there is something to prune? */
  readonly timePasses: boolean;
  /** Does prune remove old claims too? */
  readonly claimsArePruned: boolean;
  readonly storeIgnoresConditions: boolean;
  /** Otherwise the first process there makes the archive. */
  readonly archiveExists: boolean;
}

export interface Model {
  readonly scenario: Scenario;
  readonly protocol: Protocol;
}

/** One thing that happens. */
export interface Move {
  readonly what: string;
  readonly state: State;
}

const NOT_RUNNING: Process = {
  step: 'not running',
  run: 0,
  epoch: 0,
  durable: 0,
  chain: '',
  put: null,
  answer: null,
  found: null,
  intent: null,
  wasAway: false,
  anchorIsOld: false,
  putIsOld: false,
  lookIsOld: false,
  reported: 0,
  reportedStray: false,
};

export function initialState({ journals, budget, archiveExists }: Scenario): State {
  return {
    store: { descriptor: archiveExists ? 'id' : null, batches: [], snapshots: [], claims: [] },
    late: [],
    processes: journals.map(() => NOT_RUNNING),
    left: budget,
  };
}

/** A process as a start, a crash or an end leaves it: without what it had in memory. */
export function forgetful(process: Process, step: Step): Process {
  const { run, reported, reportedStray } = process;
  return { ...NOT_RUNNING, step, run, reported, reportedStray };
}

export function nameOf(index: number): string {
  return 'ABC'.charAt(index);
}

export function withProcess(state: State, index: number, process: Process): State {
  return { ...state, processes: state.processes.with(index, process) };
}

const ENDS: ReadonlySet<Step> = new Set<End>([
  'done',
  'FENCED',
  'DIVERGED',
  'LOCAL_BEHIND',
  'STORE_UNSUPPORTED',
  'CHAIN_GAP',
]);

export function hasEnded({ step }: Process): boolean {
  return ENDS.has(step);
}

export function isRunning(process: Process): boolean {
  return process.step !== 'not running' && !hasEnded(process);
}
