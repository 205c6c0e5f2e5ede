import type { Checked } from './check.ts';
import { SCENARIOS } from './scenarios.ts';
import type { Protocol, Scenario } from './state.ts';

/** A mistake in the protocol, and the promise that it breaks first in a scenario. */
export interface PlantedBug {
  readonly name: string;
  readonly change: Partial<Protocol>;
  readonly scenario: Scenario;
  readonly breaks: Checked;
}

const NO_FAULTS = { crashes: 0, losses: 0, snapshots: 1 };
const ZOMBIE: Scenario = { ...SCENARIOS.prunedOthers, budget: NO_FAULTS };

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'takes "exists" for its own success',
    change: { existsMeans: 'own success' },
    scenario: SCENARIOS.forked,
    breaks: 'acknowledged means restorable',
  },
  {
    name: 'takes "exists" for a conflict',
    change: { existsMeans: 'conflict' },
    scenario: SCENARIOS.alone,
    breaks: 'progress',
  },
  {
    name: 'reports a batch before its put has returned',
    change: { reports: 'when sent' },
    scenario: SCENARIOS.alone,
    breaks: 'acknowledged means restorable',
  },
  {
    name: 'adopts what is there without comparing it',
    change: { comparesBeforeAdopting: false },
    scenario: SCENARIOS.forked,
    breaks: 'acknowledged means restorable',
  },
  {
    name: 'takes no full look after a long absence',
    change: { looksFully: 'never' },
    scenario: ZOMBIE,
    breaks: 'acknowledged means restorable',
  },
  {
    name: 'takes a full look before a put, and none after it',
    change: { looksFully: 'before' },
    scenario: ZOMBIE,
    breaks: 'acknowledged means restorable',
  },
  {
    name: 'takes no full look, beside a machine with the same journal',
    change: { looksFully: 'never' },
    scenario: SCENARIOS.prunedReplicas,
    breaks: 'one writer wins',
  },
  {
    name: 'prunes what was superseded for less than a day',
    change: { prunesAfter: 0 },
    scenario: ZOMBIE,
    breaks: 'acknowledged means restorable',
  },
  {
    name: 'prunes at once what the last day may need',
    change: { prunesAfter: 0 },
    scenario: ZOMBIE,
    breaks: 'nothing needed is deleted',
  },
  {
    name: 'prunes the newest batch as well, below a snapshot at its end',
    change: { keepsNewestBatch: false },
    scenario: ZOMBIE,
    breaks: 'progress',
  },
  {
    name: 'does not probe whether the store refuses',
    change: { probes: false },
    scenario: SCENARIOS.noConditions,
    breaks: 'acknowledged means restorable',
  },
  {
    name: 'does not list again after its claim',
    change: { listsAgainAfterClaiming: false },
    scenario: ZOMBIE,
    breaks: 'acknowledged means restorable',
  },
  {
    name: 'compares its journal with strays too',
    change: { comparesStrays: true },
    scenario: ZOMBIE,
    breaks: 'progress',
  },
  {
    name: 'blames the store for a probe that it accepts because the claim was pruned',
    change: { listsAfterAcceptedProbe: false },
    scenario: SCENARIOS.prunedClaims,
    breaks: 'no failure without cause',
  },
];
