import { describe, expect, it } from 'vitest';
import { oneAhead } from '../../src/kernel/concurrency.ts';

/** Counts up to `end`, then fails if it shall; notes what was asked for and that it was ended. */
function counting(end: number, failure?: Error) {
  const log: string[] = [];
  async function* count(): AsyncGenerator<number, void, undefined> {
    try {
      for (let number = 1; number <= end; number += 1) {
        log.push(`make ${number}`);
        yield number;
      }
      if (failure !== undefined) {
        throw failure;
      }
    } finally {
      log.push('end');
    }
  }
  return { items: oneAhead(count()), log };
}

describe('one ahead', () => {
  it('asks for the next item while one is worked on, and for no more', async () => {
    const { items, log } = counting(3);
    for await (const item of items) {
      await Promise.resolve();
      log.push(`use ${item}`);
    }
    expect(log).toEqual(['make 1', 'make 2', 'use 1', 'make 3', 'use 2', 'end', 'use 3']);
  });

  it('tells of a failure when its turn comes', async () => {
    const failure = new Error('no more');
    const { items, log } = counting(2, failure);
    const use = async () => {
      for await (const item of items) {
        log.push(`use ${item}`);
      }
    };
    await expect(use()).rejects.toBe(failure);
    expect(log.filter((entry) => entry.startsWith('use'))).toEqual(['use 1', 'use 2']);
  });

  it('leaves nothing going on when the loop is left', async () => {
    const { items, log } = counting(9);
    for await (const item of items) {
      expect(item).toBe(1);
      break;
    }
    expect(log).toEqual(['make 1', 'make 2', 'end']);
  });
});
