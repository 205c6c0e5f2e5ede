import { hash } from 'node:crypto';
import { seededRandom } from '../support/seeded-random.ts';
import { Dice } from './dice.ts';
import { Scheduler } from './scheduler.ts';

/** 2026-11-21T10:32:07Z. */
const START_MS = 1_795_257_127_000;

/**
 * What everything in one simulation shares: its seed's numbers, its time, its trace, and the first promise broken.
 */
export class Universe {
  readonly scheduler = new Scheduler();
  readonly dice: Dice;
  /** What happened, a line each. */
  readonly trace: string[] = [];
  /** How often each branch of the protocol was seen to be taken. */
  readonly counts = new Map<string, number>();
  violation: string | undefined;
  #leaptMs = 0;
  readonly #leaps: (() => void)[] = [];

  constructor(seed: number) {
    this.dice = new Dice(seededRandom(seed));
  }

  /** A stream of numbers of its own, so that what one does does not change another's. */
  fork(): Dice {
    return new Dice(seededRandom(Math.floor(this.dice.random.next() * 2 ** 32)));
  }

  /** True time, which the store has and machines may have wrong. */
  get wallMs(): number {
    return START_MS + this.scheduler.nowMs + this.#leaptMs;
  }

  /** All machines stand still for so long: no timer of theirs comes nearer, but the calendar goes on. */
  leap(byMs: number): void {
    this.note(`leap ${Math.round(byMs)} ms`);
    this.#leaptMs += byMs;
    for (const onLeap of this.#leaps) {
      onLeap();
    }
  }

  onLeap(listener: () => void): void {
    this.#leaps.push(listener);
  }

  note(what: string): void {
    this.trace.push(`${this.scheduler.nowMs.toFixed(3)} ${what}`);
  }

  count(branch: string): void {
    this.counts.set(branch, (this.counts.get(branch) ?? 0) + 1);
  }

  /** A promise is broken: the first one counts, and ends the simulation. */
  violate(what: string): void {
    this.note(`VIOLATION ${what}`);
    this.violation ??= what;
  }

  /** Equal for equal runs. */
  traceHash(): string {
    return hash('sha256', this.trace.join('\n'), 'hex');
  }
}
