import { fc, test as propertyTest } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import {
  OBSERVATIONS_PER_BATCH,
  type Observation,
  Observations,
  thin,
} from '../../src/journal/observations.ts';

/** What happens next to a journal and its observer, `afterMs` later. */
interface Step {
  readonly afterMs: number;
  readonly appendBytes: number;
  /** Undefined: not looked at. Else the observer looks, and a batch is cut at this part of what is not cut yet. */
  readonly cutAt: number | undefined;
}

const arbitraryStep: fc.Arbitrary<Step> = fc.record({
  afterMs: fc.nat({ max: 500 }),
  appendBytes: fc.oneof(fc.constant(0), fc.nat({ max: 100 })),
  cutAt: fc.option(fc.oneof(fc.constant(1), fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })), {
    nil: undefined,
  }),
});

/** Plays the steps; gives what the batches say, and what was really seen at each look. */
function play(steps: readonly Step[], { forgetting }: { forgetting: boolean }) {
  const observations = new Observations();
  const archived: Observation[] = [];
  const looks: { atMs: number; sizeBytes: number }[] = [];
  let nowMs = 1000;
  let sizeBytes = 0;
  let cut = 0;
  const cutUpTo = (end: number) => {
    if (end > cut) {
      archived.push(...observations.within(cut, end, 0));
      cut = end;
      if (forgetting) {
        observations.forget(cut);
      }
    }
  };
  for (const { afterMs, appendBytes, cutAt } of [...steps, { afterMs: 1, appendBytes: 0, cutAt: 1 }]) {
    nowMs += afterMs;
    sizeBytes += appendBytes;
    if (cutAt !== undefined) {
      observations.record(sizeBytes, nowMs);
      looks.push({ atMs: nowMs, sizeBytes });
      cutUpTo(cut + Math.floor(cutAt * (sizeBytes - cut)));
    }
  }
  return { archived, looks, endMs: nowMs };
}

function resolve(observed: readonly Observation[], unixMs: number): number | undefined {
  return observed.findLast(([, seenMs]) => seenMs <= unixMs)?.[0];
}

describe('Observations', () => {
  propertyTest.prop([fc.array(arbitraryStep, { maxLength: 25 }), fc.boolean(), fc.nat()])(
    'give for any time the size at the last look not after it, whatever was appended, cut and forgotten when',
    (steps, forgetting, at) => {
      const { archived, looks, endMs } = play(steps, { forgetting });
      const firstMs = looks[0]?.atMs ?? endMs;
      const unixMs = firstMs + (at % (endMs - firstMs + 10));
      fc.pre(archived.length > 0);
      expectOrdered(archived);
      expect(resolve(archived, unixMs)).toBe(looks.findLast(({ atMs }) => atMs <= unixMs)?.sizeBytes);
    },
  );

  propertyTest.prop([fc.array(arbitraryStep, { minLength: 80, maxLength: 300 }), fc.nat(), fc.nat()])(
    'say only true things in order when a batch saw more than fits: the end is always there',
    (steps, cutA, cutB) => {
      const observations = new Observations();
      const sizes = new Map<number, number>();
      let nowMs = 1000;
      let sizeBytes = 1;
      for (const { afterMs, appendBytes } of steps) {
        nowMs += afterMs;
        sizeBytes += appendBytes;
        observations.record(sizeBytes, nowMs);
        sizes.set(nowMs, sizeBytes);
      }
      const [start, end] = [cutA % sizeBytes, 1 + (cutB % sizeBytes)].sort((a, b) => a - b) as [
        number,
        number,
      ];
      fc.pre(start < end);
      const pairs = observations.within(start, end, 0);
      expect(pairs.length).toBeLessThanOrEqual(OBSERVATIONS_PER_BATCH);
      expect(pairs.at(-1)).toEqual([end, observations.reachedAtMs(end)]);
      expectOrdered(pairs);
      for (const [offset, unixMs] of pairs) {
        expect(offset).toBe(Math.min(end, sizes.get(unixMs) ?? Number.NaN));
      }
    },
  );

  test('date the end of a batch when it was first seen to be reached, also inside one growth', () => {
    const observations = new Observations();
    observations.record(10, 1000);
    observations.record(10, 2000);
    observations.record(90, 3000);
    expect(observations.within(0, 50, 0)).toEqual([
      [10, 1000],
      [10, 2000],
      [50, 3000],
    ]);
    expect(observations.within(50, 90, 0)).toEqual([[90, 3000]]);
    expect(observations.reachedAtMs(91)).toBeUndefined();
  });

  test('never let times decrease when the wall clock is set back', () => {
    const observations = new Observations();
    observations.record(10, 5000);
    observations.record(20, 1000);
    observations.record(20, 2000);
    observations.record(30, 6000);
    expect(observations.within(0, 30, 0)).toEqual([
      [20, 5000],
      [30, 6000],
    ]);
  });

  test('never give a time before the last one the archive holds', () => {
    const observations = new Observations();
    observations.record(10, 1000);
    observations.record(20, 3000);
    expect(observations.within(0, 20, 2000)).toEqual([
      [10, 2000],
      [20, 3000],
    ]);
  });

  test('take no notice of a look whose answer came late', () => {
    const observations = new Observations();
    observations.record(20, 1000);
    observations.record(10, 2000);
    observations.record(30, 3000);
    expect(observations.within(0, 30, 0)).toEqual([
      [20, 1000],
      [30, 3000],
    ]);
  });

  test('refuse to date an end that was not seen', () => {
    const observations = new Observations();
    observations.record(20, 1000);
    expect(() => observations.within(0, 21, 0)).toThrow('offset 21');
  });

  test('hold a bounded number of pairs however long nothing becomes durable', () => {
    const observations = new Observations();
    const growths = 20_000;
    for (let size = 1; size <= growths; size += 1) {
      observations.record(size, 1000 * size);
    }
    const told = new Set<number | undefined>();
    for (let size = 1; size <= growths; size += 1) {
      told.add(observations.reachedAtMs(size));
    }
    expect(told.size).toBeLessThanOrEqual(4096);
    expect(observations.reachedAtMs(1)).toBe(1000);
    expect(observations.reachedAtMs(growths)).toBe(1000 * growths);
  });
});

describe('thin', () => {
  const arbitraryPairs = fc
    .array(fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: 5000 })), { maxLength: 150 })
    .map((steps) => {
      const pairs: Observation[] = [];
      for (const [bytes, ms] of steps) {
        const [offset, unixMs] = pairs.at(-1) ?? [0, 0];
        pairs.push([offset + bytes, unixMs + ms]);
      }
      return pairs;
    });

  propertyTest.prop([arbitraryPairs, fc.integer({ min: 2, max: 64 })])(
    'keeps as many pairs as fit, in order, the first and the last among them',
    (pairs, limit) => {
      const kept = thin(pairs, limit);
      expect(kept).toHaveLength(Math.min(limit, pairs.length));
      expect(kept).toEqual(pairs.filter((pair) => kept.includes(pair)));
      expect(kept[0]).toBe(pairs[0]);
      expect(kept.at(-1)).toBe(pairs.at(-1));
    },
  );

  test('drops what is closest in time, and keeps both ends of a long silence', () => {
    const hourMs = 3_600_000;
    const pairs: Observation[] = [
      [1, 0],
      [2, 1000],
      [3, 2000],
      [3, hourMs],
      [4, hourMs + 1000],
      [5, hourMs + 2000],
    ];
    expect(thin(pairs, 4)).toEqual([
      [1, 0],
      [3, 2000],
      [3, hourMs],
      [5, hourMs + 2000],
    ]);
  });
});

function expectOrdered(pairs: readonly Observation[]): void {
  pairs.forEach(([offset, unixMs], index) => {
    const [previousOffset, previousMs] = pairs[index - 1] ?? [0, 0];
    expect(offset).toBeGreaterThanOrEqual(previousOffset);
    expect(unixMs).toBeGreaterThanOrEqual(previousMs);
  });
}
