import type { Protocol, Scenario } from './state.ts';

/** The protocol as it should be. */
export const DESIGN: Protocol = {
  existsMeans: 'resolve',
  reports: 'when answered',
  comparesBeforeAdopting: true,
  looksFully: 'before and after',
  probes: true,
  listsAfterAcceptedProbe: true,
  listsAgainAfterClaiming: true,
  comparesStrays: false,
  prunesAfter: 1,
  keepsNewestBatch: true,
};

const CALM: Omit<Scenario, 'title' | 'journals'> = {
  runs: 1,
  budget: { crashes: 0, losses: 0, snapshots: 0 },
  timePasses: false,
  claimsArePruned: false,
  storeIgnoresConditions: false,
  archiveExists: true,
};

const PRUNED = { ...CALM, timePasses: true, budget: { crashes: 0, losses: 0, snapshots: 1 } };

export const SCENARIOS = {
  firstPushes: {
    ...CALM,
    title: 'two first pushes, each started twice; a crash',
    journals: ['a', 'a'],
    runs: 2,
    budget: { crashes: 1, losses: 0, snapshots: 0 },
    archiveExists: false,
  },
  alone: {
    ...CALM,
    title: 'one writer, started three times; two crashes, two losses',
    journals: ['ab'],
    runs: 3,
    budget: { crashes: 2, losses: 2, snapshots: 0 },
  },
  replicas: {
    ...CALM,
    title: 'the same journal on two machines; a crash, a loss, a snapshot',
    journals: ['ab', 'ab'],
    budget: { crashes: 1, losses: 1, snapshots: 1 },
  },
  forked: {
    ...CALM,
    title: 'journals that part after a record, each pushed twice; a crash, a loss',
    journals: ['ab', 'ay'],
    runs: 2,
    budget: { crashes: 1, losses: 1, snapshots: 0 },
  },
  staleCopy: {
    ...CALM,
    title: 'a stale copy of the journal, each pushed twice; a crash',
    journals: ['ab', 'a'],
    runs: 2,
    budget: { crashes: 1, losses: 0, snapshots: 0 },
  },
  three: {
    ...CALM,
    title: 'three writers, one with another journal; a loss',
    journals: ['a', 'a', 'x'],
    budget: { crashes: 0, losses: 1, snapshots: 0 },
  },
  prunedReplicas: {
    ...PRUNED,
    title: 'days pass, a prune; the same journal on two machines',
    journals: ['ab', 'ab'],
  },
  prunedOthers: {
    ...PRUNED,
    title: 'days pass, a prune; two journals; a loss',
    journals: ['ab', 'xy'],
    budget: { crashes: 0, losses: 1, snapshots: 1 },
  },
  prunedClaims: {
    ...PRUNED,
    title: 'days pass, a prune that removes claims too; two journals',
    journals: ['ab', 'xy'],
    claimsArePruned: true,
  },
  noConditions: {
    ...CALM,
    title: 'a store that ignores create-only; a loss',
    journals: ['ab', 'ab'],
    budget: { crashes: 0, losses: 1, snapshots: 0 },
    storeIgnoresConditions: true,
  },
} as const satisfies Record<string, Scenario>;
