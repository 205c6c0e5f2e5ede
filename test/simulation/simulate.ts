import { countBranches } from './coverage.ts';
import { Director } from './director.ts';
import { Finale } from './finale.ts';
import { Universe } from './universe.ts';

/** Far beyond what any seed needs: a simulation that does not end by itself is stuck. */
const EVENTS_LIMIT = 400_000;

/** What one seed came to. */
export interface Simulated {
  readonly seed: number;
  /** The first promise that was broken, or undefined. */
  readonly violation: string | undefined;
  readonly trace: readonly string[];
  readonly traceHash: string;
  /** The seed's next random number: equal runs have used as many. */
  readonly nextRandom: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly simulatedMs: number;
}

/** Plays a seed. The same seed gives the same trace, on every machine. */
export async function simulate(seed: number): Promise<Simulated> {
  const universe = new Universe(seed);
  const { scheduler } = universe;
  let ended = false;
  play(universe).then(
    () => {
      ended = true;
    },
    (error: unknown) =>
      universe.violate(`the simulation fails: ${error instanceof Error ? error.stack : error}`),
  );
  const isOver = () => ended || universe.violation !== undefined || scheduler.fired > EVENTS_LIMIT;
  await scheduler.run(isOver);
  if (!ended) {
    universe.violate('it does not come to an end');
  }
  return {
    seed,
    violation: universe.violation,
    trace: universe.trace,
    traceHash: universe.traceHash(),
    nextRandom: universe.dice.random.next(),
    counts: universe.counts,
    simulatedMs: scheduler.nowMs,
  };
}

async function play(universe: Universe): Promise<void> {
  const director = new Director(universe);
  await director.trouble();
  await new Finale(universe, director).play();
  for (const pusher of director.pushers) {
    countBranches(director.scene, pusher);
  }
}
