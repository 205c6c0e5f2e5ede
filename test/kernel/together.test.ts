import { describe, expect, it } from 'vitest';
import { together } from '../../src/kernel/concurrency.ts';

/** Ends when its signal is aborted, as what was asked of a store does, and notes it. */
function endless(signal: AbortSignal, ended: () => void): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      ended();
      reject(signal.reason);
    });
  });
}

describe('together', () => {
  it('runs all at once, and gives the results in the order of the items', async () => {
    const begun: number[] = [];
    const all = Promise.withResolvers<void>();
    const results = await together([3, 1, 2], undefined, async (item) => {
      if (begun.push(item) === 3) {
        all.resolve();
      }
      await all.promise;
      return item * 10;
    });
    expect(results).toEqual([30, 10, 20]);
    expect(await together([], undefined, () => Promise.reject(new Error('none')))).toEqual([]);
  });

  it('ends the others at the first error, and throws it once they have ended', async () => {
    const failure = new Error('no more');
    let ended = 0;
    const work = (item: string, signal: AbortSignal) =>
      item === 'fails' ? Promise.reject(failure) : endless(signal, () => (ended += 1));
    await expect(together(['a', 'fails', 'b'], new AbortController().signal, work)).rejects.toBe(failure);
    expect(ended).toBe(2);
  });

  it('is stopped from outside', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    let ended = 0;
    const running = together(['a', 'b'], stop.signal, (_, signal) => endless(signal, () => (ended += 1)));
    stop.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(ended).toBe(2);
  });
});
