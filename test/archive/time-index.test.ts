import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { Observation } from '../../src/archive/batch-header.ts';
import type { ListedBatch } from '../../src/archive/catalog.ts';
import { judgeTime, observedAround } from '../../src/archive/time-index.ts';

/** Batches with observations in order, as many as the sizes say; steps of offset and time may be zero. */
const observedBatches = fc
  .array(
    fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), {
      minLength: 1,
      maxLength: 5,
    }),
    { maxLength: 40 },
  )
  .map((batches) => {
    let [offset, ms] = [0, 100];
    return batches.map((steps) =>
      steps.map(([more, laterMs]): Observation => {
        offset += more;
        ms += laterMs;
        return [offset, ms];
      }),
    );
  });

async function search(batches: readonly (readonly Observation[])[], atMs: number) {
  let reads = 0;
  const listed = batches.map((_, index): ListedBatch => ({ key: '', first: index, storedBytes: 0 }));
  const around = await observedAround(listed, atMs, async ({ first }) => {
    reads += 1;
    return { observed: batches[first] ?? [] };
  });
  return { around, reads };
}

describe('a search for a moment', () => {
  test.prop([observedBatches, fc.integer({ min: 90, max: 400 })])(
    'finds the observations around it with few reads',
    async (batches, atMs) => {
      const all = batches.flat();
      const { around, reads } = await search(batches, atMs);
      expect(around.before).toEqual(all.findLast(([, ms]) => ms <= atMs));
      expect(around.after).toEqual(all.find(([, ms]) => ms > atMs));
      expect(reads).toBeLessThanOrEqual(Math.ceil(Math.log2(batches.length + 1)));
    },
  );
});

describe('a search among strays', () => {
  test.prop([observedBatches, fc.integer({ min: 90, max: 400 }), fc.array(fc.nat({ max: 40 }))])(
    'finds what it would find without them',
    async (batches, atMs, strays) => {
      const listed = batches.map((_, index): ListedBatch => ({ key: '', first: index, storedBytes: 0 }));
      const around = await observedAround(listed, atMs, async ({ first }) =>
        strays.includes(first) ? undefined : { observed: batches[first] ?? [] },
      );
      const counting = batches.filter((_, index) => !strays.includes(index));
      expect(around).toEqual((await search(counting, atMs)).around);
    },
  );
});

describe('a moment between two observations', () => {
  const before: Observation = [10, 1_000];

  test.each([
    ['60 s apart', 1_001, [20, 61_000], 10],
    ['long apart at one offset', 30_000, [10, 999_000], 10],
    ['long apart, at the very moment of the first', 1_000, [20, 999_000], 10],
  ] as const)('%s is clear', (_, atMs, after, offset) => {
    expect(judgeTime({ before, after }, atMs, undefined)).toMatchObject({ observation: [offset, 1_000] });
  });

  test('more than 60 s apart at other offsets is refused', () => {
    expect(() => judgeTime({ before, after: [20, 61_001] }, 1_001, undefined)).toThrow('nobody watched');
  });

  test('there is no answer before the first', () => {
    expect(judgeTime({ before: undefined, after: before }, 999, 'after')).toBeUndefined();
  });
});
