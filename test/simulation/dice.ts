import type { Random } from '../../src/kernel/random.ts';

/** Decisions from one stream of random numbers. */
export class Dice {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  /** From `low` on and below `high`. */
  between(low: number, high: number): number {
    return low + this.random.next() * (high - low);
  }

  /** The same, whole numbers, `high` included. */
  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  /** Small more often than large, over orders of magnitude: for sizes and waits. */
  scaled(low: number, high: number): number {
    return low * (high / low) ** this.random.next();
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.whole(0, items.length - 1)];
    if (item === undefined) {
      throw new Error('nothing to pick from');
    }
    return item;
  }

  /** One of the names, as often as their weights say. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const names = Object.keys(weights) as Name[];
    let left = this.random.next() * names.reduce((total, name) => total + weights[name], 0);
    for (const name of names) {
      left -= weights[name];
      if (left < 0) {
        return name;
      }
    }
    return this.pick(names);
  }
}
