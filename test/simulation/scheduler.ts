import { nextTick } from 'node:process';

/** Something that happens at a simulated moment. */
export interface Timer {
  dueMs: number;
  readonly order: number;
  readonly fire: () => void;
  cancelled: boolean;
}

/**
 * Simulated time and all that waits for it. Timers fire one at a time, in the order they are due, and what each one
 * sets off runs to its end before the next: every wait in a simulation is one of these timers, so what is left to do
 * is a queue of promise callbacks. Nothing depends on real time.
 */
export class Scheduler {
  #nowMs = 0;
  #ordered = 0;
  #fired = 0;
  /** A binary heap by due time, then by the order of setting. */
  readonly #heap: Timer[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many timers have fired. */
  get fired(): number {
    return this.#fired;
  }

  after(delayMs: number, fire: () => void): Timer {
    const timer = {
      dueMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#ordered,
      fire,
      cancelled: false,
    };
    this.#ordered += 1;
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    return timer;
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve);
    });
  }

  /** Lets time pass until `done`; false when nothing is left to happen before. */
  async run(done: () => boolean): Promise<boolean> {
    await undefined; // from here on it is a promise callback itself, which drained() needs
    for (;;) {
      await drained();
      if (done()) {
        return true;
      }
      const timer = this.#next();
      if (timer === undefined) {
        return false;
      }
      this.#nowMs = timer.dueMs;
      this.#fired += 1;
      timer.fire();
    }
  }

  #next(): Timer | undefined {
    for (;;) {
      const first = this.#heap[0];
      const last = this.#heap.pop();
      if (first === undefined || last === undefined) {
        return undefined;
      }
      if (this.#heap.length > 0) {
        this.#heap[0] = last;
        this.#sink();
      }
      if (!first.cancelled) {
        return first;
      }
    }
  }

  #rise(start: number): void {
    for (let index = start; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfEarlier(index, parent)) {
        return;
      }
      index = parent;
    }
  }

  #sink(): void {
    for (let index = 0; ; ) {
      const left = 2 * index + 1;
      const child = this.#isEarlier(left + 1, left) ? left + 1 : left;
      if (!this.#swapIfEarlier(child, index)) {
        return;
      }
      index = child;
    }
  }

  #isEarlier(index: number, other: number): boolean {
    const [a, b] = [this.#heap[index], this.#heap[other]];
    return (
      a !== undefined && b !== undefined && (a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order))
    );
  }

  #swapIfEarlier(index: number, other: number): boolean {
    const [a, b] = [this.#heap[index], this.#heap[other]];
    if (a === undefined || b === undefined || !this.#isEarlier(index, other)) {
      return false;
    }
    this.#heap[index] = b;
    this.#heap[other] = a;
    return true;
  }
}

/**
 * All promise callbacks run first: called in one of them, Node empties their queue before it turns to that of ticks. To
 * wait for the next turn of the event loop would do too, and take much longer.
 */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    nextTick(resolve);
  });
}
