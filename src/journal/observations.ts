import { assert } from '../kernel/assert.ts';
import type { Offset } from '../kernel/offset.ts';

/** The journal was seen to be `offset` long at this moment (Unix milliseconds). */
export type Observation = readonly [offset: Offset, unixMs: number];

/** At most so many go into one batch. */
export const OBSERVATIONS_PER_BATCH = 64;

/** At most so many are held while nothing becomes durable; beyond it half of them go. */
const HELD_LIMIT = 4096;

/**
 * When the journal was seen how long: a pair before and a pair after each growth, which turns a wall-clock time
 * into an offset. Neither offsets nor times ever decrease, whatever the wall clock does.
 */
export class Observations {
  #pairs: Observation[] = [];
  /** When the journal was last seen to be as long as the last pair says. */
  #lastSeenMs = 0;

  /** The journal is `size` long now. A smaller size than recorded is an answer that came late; it says nothing. */
  record(size: Offset, wallMs: number): void {
    const last = this.#pairs.at(-1);
    if (last !== undefined && size < last[0]) {
      return;
    }
    const seenMs = Math.max(wallMs, this.#lastSeenMs);
    if (last === undefined || size > last[0]) {
      if (last !== undefined) {
        this.#append([last[0], this.#lastSeenMs]);
      }
      this.#append([size, seenMs]);
    }
    this.#lastSeenMs = seenMs;
  }

  /** The first moment the journal was seen to reach `offset`, in Unix milliseconds; undefined when not yet seen. */
  reachedAtMs(offset: Offset): number | undefined {
    return this.#pairs.find(([seen]) => seen >= offset)?.[1];
  }

  /**
   * What a batch [start, end) says about time: at most {@link OBSERVATIONS_PER_BATCH} pairs in order, the last one the
   * first moment `end` was reached. `end` must have been recorded. No time lies before `notBeforeMs`, the last one
   * the archive already holds. May be asked again.
   */
  within(start: Offset, end: Offset, notBeforeMs: number): Observation[] {
    const endMs = this.reachedAtMs(end);
    assert(endMs !== undefined, `the journal was seen to reach offset ${end}`);
    const pairs = this.#pairs.filter(([offset]) => start <= offset && offset < end);
    const clamped = [...pairs, [end, endMs] as const].map(
      ([offset, unixMs]): Observation => [offset, Math.max(unixMs, notBeforeMs)],
    );
    return thin(clamped, OBSERVATIONS_PER_BATCH);
  }

  /** Drops what no batch from `below` on can ask for. */
  forget(below: Offset): void {
    this.#pairs = this.#pairs.filter(([offset]) => offset >= below);
  }

  /** Of two pairs of one moment the later says all. */
  #append(pair: Observation): void {
    if (this.#pairs.at(-1)?.[1] === pair[1]) {
      this.#pairs.pop();
    }
    this.#pairs.push(pair);
    if (this.#pairs.length > HELD_LIMIT) {
      this.#pairs = thin(this.#pairs, HELD_LIMIT / 2);
    }
  }
}

/**
 * At most `limit` of the pairs, in order, the first and the last among them. What goes is, one by one, the pair
 * whose neighbours are closest in time, so that a long time of idling keeps both its ends.
 */
export function thin(pairs: readonly Observation[], limit: number): Observation[] {
  assert(limit >= 2, 'room for the first and the last pair');
  const kept = [...pairs];
  while (kept.length > limit) {
    kept.splice(leastMissed(kept), 1);
  }
  return kept;
}

function leastMissed(pairs: readonly Observation[]): number {
  let found = 1;
  let smallestGapMs = Number.POSITIVE_INFINITY;
  for (let index = 1; index < pairs.length - 1; index += 1) {
    const gapMs = timeAt(pairs, index + 1) - timeAt(pairs, index - 1);
    if (gapMs < smallestGapMs) {
      smallestGapMs = gapMs;
      found = index;
    }
  }
  return found;
}

function timeAt(pairs: readonly Observation[], index: number): number {
  return pairs[index]?.[1] ?? Number.NaN;
}
