import { describe, expect, it } from 'vitest';
import { RigError, type RigErrorOptions } from '../../../src/kernel/errors.ts';
import type { RetryReport } from '../../../src/kernel/report.ts';
import { bodyOf } from '../../../src/store/body.ts';
import type { Store } from '../../../src/store/contract.ts';
import { createMemoryNamespace, openMemoryStore } from '../../../src/store/drivers/memory.ts';
import { retry } from '../../../src/store/layers/retry.ts';
import { describeStore } from '../../conformance/store.ts';
import { flakyStore } from '../../support/flaky-store.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { bytesOf, contentOf, keysOf, someBytes } from '../../support/store-bytes.ts';

describeStore('retry over memory', async () => {
  const clock = new SimulatedClock({ automatic: true });
  const namespace = createMemoryNamespace();
  const options = { clock, random: seededRandom(1), deadlineMs: undefined, onRetry: () => {} };
  const open = () => retry(openMemoryStore(namespace, clock), options);
  return { store: open(), another: async () => open(), teardown: async () => {} };
});

let seeds = 0;

describeStore('retry over a store that fails at random', async () => {
  seeds += 1;
  const random = seededRandom(seeds);
  const clock = new SimulatedClock({ automatic: true });
  const namespace = createMemoryNamespace();
  const options = { clock, random, deadlineMs: undefined, onRetry: () => {} };
  const open = () => retry(flakyStore(openMemoryStore(namespace, clock), random), options);
  return { store: open(), another: async () => open(), teardown: async () => {} };
});

function unavailable(options: RigErrorOptions = {}): RigError {
  return new RigError('RIG_STORE_UNAVAILABLE', 'no answer', { hint: 'check the network', ...options });
}

/** A memory store and a retry layer over it; `fail` is called before each call and may throw. */
function setUp(fail: (call: string, number: number) => void, deadlineMs?: number) {
  const clock = new SimulatedClock({ automatic: true });
  const memory = openMemoryStore(createMemoryNamespace(), clock);
  const calls: string[] = [];
  const called = (call: string) => {
    calls.push(call);
    fail(call, calls.length);
  };
  const failing: Store = {
    url: memory.url,
    capabilities: memory.capabilities,
    get: async (key, options) => {
      called(`get ${key} ${options?.range?.startByte ?? 0}-${options?.range?.endByte ?? ''}`);
      return memory.get(key, options);
    },
    head: async (key, options) => {
      called(`head ${key}`);
      return memory.head(key, options);
    },
    put: async (key, body, options) => {
      called(`put ${key}`);
      return memory.put(key, body, options);
    },
    async *list(prefix, options) {
      called(`list ${prefix} after ${options?.after ?? ''}`);
      yield* memory.list(prefix, options);
    },
    delete: async (keys, options) => {
      called('delete');
      return memory.delete(keys, options);
    },
    close: () => memory.close(),
  };
  const reports: RetryReport[] = [];
  const onRetry = (report: RetryReport) => reports.push(report);
  const store = retry(failing, { clock, random: seededRandom(7), deadlineMs, onRetry });
  return { clock, memory, failing, store, calls, reports };
}

function always(error: Error): () => never {
  return () => {
    throw error;
  };
}

describe('retry', () => {
  it('waits a random time below a ceiling that doubles from 100 ms to 20 s', async () => {
    const { store, reports } = setUp((_, number) => {
      if (number <= 40) {
        throw unavailable();
      }
    });
    await store.head('a');
    const ceilings = reports.map(({ attempt }) => Math.min(20_000, 100 * 2 ** (attempt - 1)));
    expect(reports.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
    for (const [at, { delayMs }] of reports.entries()) {
      expect(delayMs).toBeGreaterThanOrEqual(0);
      expect(delayMs).toBeLessThan(ceilings[at] ?? 0);
    }
    const shares = reports.map(({ delayMs }, at) => delayMs / (ceilings[at] ?? 1));
    expect(Math.min(...shares)).toBeLessThan(0.2);
    expect(Math.max(...shares)).toBeGreaterThan(0.8);
    expect(reports[0]).toMatchObject({
      type: 'retry',
      operation: 'head a',
      code: 'RIG_STORE_UNAVAILABLE',
      message: 'no answer',
    });
  });

  it('waits at least as long as the server asked for', async () => {
    const { store, clock } = setUp((_, number) => {
      if (number === 1) {
        throw unavailable({ retryAfterMs: 45_000 });
      }
    });
    await store.head('a');
    expect(clock.monotonicMs()).toBe(45_000);
  });

  it('repeats reads, deletes and replacing puts, and no create-only put', async () => {
    const body = bodyOf('x');
    const calls: [string, (store: Store) => Promise<unknown>, number][] = [
      ['get', (store) => store.get('a'), 3],
      ['head', (store) => store.head('a'), 3],
      ['list', (store) => keysOf(store), 3],
      ['delete', (store) => store.delete(['a']), 3],
      ['put any', (store) => store.put('a', body, { if: 'any' }), 3],
    ];
    for (const [name, call, expected] of calls) {
      const { store, calls: made } = setUp((_, number) => {
        if (number < 3) {
          throw unavailable();
        }
      });
      await call(store);
      expect(made, name).toHaveLength(expected);
    }
    const { store, calls: made, reports } = setUp(always(unavailable()));
    await expect(store.put('a', body, { if: 'absent' })).rejects.toMatchObject({ message: 'no answer' });
    expect([made, reports]).toEqual([['put a'], []]);
  });

  it('does not repeat what will not get better, and throws it as it is', async () => {
    const errors = [
      new RigError('RIG_STORE_DENIED', 'not with these credentials'),
      unavailable({ retryable: false }),
      new TypeError('a bug'),
    ];
    for (const error of errors) {
      const { store, calls, reports } = setUp(always(error));
      await expect(store.get('a')).rejects.toBe(error);
      await expect(keysOf(store)).rejects.toBe(error);
      expect([calls.length, reports]).toEqual([2, []]);
    }
  });

  it('gives up at the deadline, and says for how long it tried, and what went wrong last', async () => {
    const { store, clock, calls } = setUp(always(unavailable({ details: { status: 503 } })), 30_000);
    const failure = await store.head('a').catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'RIG_STORE_UNAVAILABLE',
      message: 'head a failed for 30.0s: no answer',
      hint: 'check the network',
      details: { status: 503, attempts: calls.length },
    });
    expect(clock.monotonicMs()).toBe(30_000);
  });

  it('gives up at once when the server wants more time than is left', async () => {
    const { store, clock, calls } = setUp(always(unavailable({ retryAfterMs: 60_000 })), 30_000);
    await expect(store.head('a')).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
    expect([clock.monotonicMs(), calls.length]).toEqual([0, 1]);
  });

  it('without a deadline goes on for days', async () => {
    const days = 3 * 86_400_000;
    const { store, clock } = setUp(() => {
      if (clock.monotonicMs() < days) {
        throw unavailable();
      }
    });
    expect(await store.head('a')).toBeUndefined();
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(days);
  });

  it('stops waiting when it is aborted, with the reason', async () => {
    const reason = new Error('the user has enough');
    const controller = new AbortController();
    const { store, calls } = setUp((_, number) => {
      if (number === 3) {
        queueMicrotask(() => queueMicrotask(() => controller.abort(reason)));
      }
      throw unavailable();
    });
    await expect(store.head('a', { signal: controller.signal })).rejects.toBe(reason);
    expect(calls).toHaveLength(3);
  });
});

describe('retry of a body that breaks', () => {
  const bytes = someBytes(300_000);

  /** Bodies end in an error after each `everyBytes`, until `times` of them did. */
  async function breaking(everyBytes: number, times: number, deadlineMs?: number) {
    const place = setUp(() => {}, deadlineMs);
    await place.memory.put('a', bodyOf(bytes), { if: 'any' });
    let broken = 0;
    const { get } = place.failing;
    const onBreak: (() => Promise<unknown>)[] = [];
    place.failing.get = async (key, options) => {
      const object = await get(key, options);
      async function* body() {
        let readBytes = 0;
        for await (const chunk of object?.body ?? []) {
          if (readBytes + chunk.length > everyBytes && broken < times) {
            broken += 1;
            yield chunk.subarray(0, everyBytes - readBytes);
            await onBreak.shift()?.();
            throw unavailable();
          }
          readBytes += chunk.length;
          yield chunk;
        }
      }
      return object && { ...object, body: body() };
    };
    return { ...place, onBreak };
  }

  it('goes on with the byte where it broke', async () => {
    const { store, calls } = await breaking(100_000, 2);
    expect(bytes.equals((await contentOf(store, 'a')) ?? Buffer.alloc(0))).toBe(true);
    expect(calls).toEqual(['get a 0-', 'get a 100000-300000', 'get a 200000-300000']);
  });

  it('stays within the range that was asked for', async () => {
    const { store, calls } = await breaking(10, 3);
    const object = await store.get('a', { range: { startByte: 1_000, endByte: 1_025 } });
    expect(bytes.subarray(1_000, 1_025).equals((await bytesOf(object)) ?? Buffer.alloc(0))).toBe(true);
    expect(calls).toEqual(['get a 1000-1025', 'get a 1010-1025', 'get a 1020-1025']);
  });

  it('gives up at the deadline counted from the last progress', async () => {
    const { store, clock, failing } = await breaking(100_000, 1, 10_000);
    const object = await store.get('a');
    failing.get = always(unavailable());
    await clock.sleep(60_000);
    await expect(bytesOf(object)).rejects.toMatchObject({ message: 'get a failed for 10.0s: no answer' });
    expect(clock.monotonicMs()).toBe(70_000);
  });

  it('goes on beyond the deadline as long as bytes come', async () => {
    const { store, clock, onBreak } = await breaking(15_000, 19, 1_000);
    onBreak.push(...Array.from({ length: 19 }, () => () => clock.sleep(600)));
    expect(bytes.equals((await contentOf(store, 'a')) ?? Buffer.alloc(0))).toBe(true);
    expect(clock.monotonicMs()).toBeGreaterThan(19 * 600);
  });

  it.for(['replaced', 'removed'] as const)('refuses to go on when the object was %s', async (what) => {
    const { store, memory, onBreak } = await breaking(100_000, 1);
    onBreak.push(() =>
      what === 'removed'
        ? memory.delete(['a'])
        : memory.put('a', bodyOf(someBytes(300_000, 2)), { if: 'any' }),
    );
    await expect(contentOf(store, 'a')).rejects.toMatchObject({
      code: what === 'removed' ? 'RIG_OBJECT_NOT_FOUND' : 'RIG_STORE_UNAVAILABLE',
      message: `a was ${what} while it was read`,
    });
  });
});

it('retry of a listing goes on after the last key it gave, beyond the deadline while it progresses', async () => {
  const { store, memory, failing, calls, clock } = setUp(() => {}, 1_000);
  const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  for (const key of keys) {
    await memory.put(key, bodyOf(key), { if: 'any' });
  }
  const { list } = failing;
  failing.list = async function* (prefix, options) {
    let given = 0;
    for await (const listed of list(prefix, options)) {
      if (given === 2) {
        await clock.sleep(600);
        throw unavailable();
      }
      given += 1;
      yield listed;
    }
  };
  expect(await keysOf(store)).toEqual(keys);
  expect(calls).toEqual(['list  after ', 'list  after b', 'list  after d', 'list  after f']);
});
