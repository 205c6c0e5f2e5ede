import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createOnce } from '../../src/archive/create-once.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { isRigError } from '../../src/kernel/errors.ts';
import { KIB, MIB } from '../../src/kernel/size.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { PutBody, Store } from '../../src/store/contract.ts';
import { openS3Store } from '../../src/store/drivers/s3.ts';
import { retry } from '../../src/store/layers/retry.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import {
  FAULT_NAMES,
  type FaultName,
  type Forecast,
  HONEST_FAULTS,
  isPossible,
  requestLabel,
  storm,
} from '../support/faults.ts';
import { freshS3Url, partsLeftBehind, realS3Options } from '../support/real-s3.ts';
import { bytesOf, contentOf, keysOf, someBytes, streamOf } from '../support/store-bytes.ts';
import { openRetried, openThrough, retryPolicy } from '../support/through-proxy.ts';

const KEY = 'LOG/0000000000000000';
const ABSENT = { if: 'absent' } as const;
const ANY = { if: 'any' } as const;
const [OURS, THEIRS] = [someBytes(100 * KIB, 1), someBytes(100 * KIB, 2)];

let proxy: FaultProxy;
let url: URL;
/** Past the proxy: what is really there. */
let direct: Store;

beforeAll(async () => {
  proxy = await FaultProxy.start(realS3Options().endpointUrl ?? '');
  proxy.slowMs = 50;
});

afterAll(() => proxy[Symbol.asyncDispose]());

beforeEach(async () => {
  url = freshS3Url();
  direct = await openS3Store(url, realS3Options());
  proxy.forecast = () => undefined;
});

afterEach(() => direct.close());

/** Strikes the first request that it can strike. */
function once(fault: FaultName, isMeant = (_label: string) => true): Forecast {
  let isSpent = false;
  return (request) => {
    const strikes = !isSpent && isPossible(fault, request) && isMeant(requestLabel(request));
    isSpent ||= strikes;
    return strikes ? fault : undefined;
  };
}

/** The code of the error that it ends with. */
function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'stored',
    (error: unknown) => (isRigError(error) ? error.code : String(error)),
  );
}

describe('a create-only put', () => {
  it.for(HONEST_FAULTS)(
    'under "%s" stores all or nothing, and says "stored" only of what is',
    async (fault) => {
      const store = await openThrough(proxy, url);
      proxy.forecast = once(fault);
      const outcome = await outcomeOf(store.put(KEY, bodyOf(OURS), ABSENT));
      const content = await contentOf(direct, KEY);
      const possible = ['stored', fault === 'spurious 412' ? 'RIG_OBJECT_EXISTS' : 'RIG_STORE_UNAVAILABLE'];
      expect(possible).toContain(outcome);
      expect(content === undefined ? outcome !== 'stored' : OURS.equals(content)).toBe(true);
      await proxy.land();
      const landed = await contentOf(direct, KEY);
      expect(landed === undefined ? content === undefined : OURS.equals(landed)).toBe(true);
      await store.close();
    },
  );

  it.for(HONEST_FAULTS)('of two under "%s" comes to one truth for both', async (fault) => {
    const stores = [await openRetried(proxy, url), await openRetried(proxy, url)] as const;
    proxy.forecast = once(fault);
    const create = async (store: Store, bytes: Buffer, seed: number) => {
      const creation = { key: KEY, body: bodyOf(bytes), read: () => contentOf(store, KEY) };
      const found = await createOnce(store, creation, retryPolicy(seed), new AbortController().signal);
      return found ?? bytes;
    };
    const truths = await Promise.all([create(stores[0], OURS, 1), create(stores[1], THEIRS, 2)]);
    await proxy.land();
    const content = await contentOf(direct, KEY);
    expect(truths.map((truth) => content?.equals(truth))).toEqual([true, true]);
    await Promise.all(stores.map((store) => store.close()));
  });
});

describe('reading', () => {
  it.for(FAULT_NAMES.filter((name) => name !== 'a wrong byte'))(
    'a range under "%s" gives the bytes, or says why not',
    async (fault) => {
      await direct.put(KEY, bodyOf(OURS), ABSENT);
      const store = await openThrough(proxy, url);
      const range = { startByte: 1_000, endByte: 90_000 };
      proxy.forecast = once(fault);
      const read = await store
        .get(KEY, { range })
        .then(bytesOf)
        .catch((error: unknown) => error);
      if (Buffer.isBuffer(read)) {
        expect(OURS.subarray(1_000, 90_000).equals(read)).toBe(true);
      } else {
        expect(read).toMatchObject({ code: expect.stringMatching(/^RIG_STORE_UN(AVAILABLE|SUPPORTED)$/) });
      }
      await store.close();
    },
  );

  it('with retries gives all bytes, however often the answer breaks off', async () => {
    await direct.put(KEY, bodyOf(OURS), ABSENT);
    for (let seed = 1; seed <= 5; seed += 1) {
      const store = await openRetried(proxy, url, seed);
      proxy.forecast = storm(seed, {
        rate: 0.7,
        faults: ['answer ends early', 'reset in the answer', '503 before'],
      });
      expect(OURS.equals((await contentOf(store, KEY)) ?? Buffer.alloc(0)), `seed ${seed}`).toBe(true);
      await store.close();
    }
  });
});

it('a listing in any storm is complete', async () => {
  const keys = Array.from({ length: 1_010 }, (_, at) => `LOG/${String(at).padStart(16, '0')}`);
  const left = keys.values();
  const putAll = async () => {
    for (const key of left) {
      await direct.put(key, bodyOf(''), ANY);
    }
  };
  await Promise.all(Array.from({ length: 16 }, putAll));
  for (let seed = 1; seed <= 3; seed += 1) {
    const store = await openRetried(proxy, url, seed);
    proxy.forecast = storm(seed, { rate: 0.6 });
    expect(await keysOf(store), `seed ${seed}`).toEqual(keys);
    await store.close();
  }
});

describe('an upload in parts', () => {
  const BYTES = someBytes(17 * MIB, 3);
  const body = (): PutBody => ({ ...streamOf(BYTES, MIB, undefined), atMostBytes: BYTES.length });
  const STEPS = {
    create: /^POST .* uploads=/,
    part: /^PUT .* partNumber=2/,
    complete: /^POST [^ ]+$/,
    abort: /^DELETE/,
  };

  it.for([
    ['reset before', 'create'],
    ['reset after', 'create'],
    ['reset in the request', 'part'],
    ['late after 500', 'part'],
    ['silence before', 'part'],
    ['500 before', 'complete'],
    ['reset after', 'complete'],
    ['200 with an error inside', 'complete'],
    ['late after 500', 'complete'],
  ] as const)('leaves no parts behind under "%s" at its %s', async ([fault, step]) => {
    const store = await openThrough(proxy, url);
    proxy.forecast = once(fault, (label) => STEPS[step].test(label));
    const outcome = await outcomeOf(store.put(KEY, body(), ANY));
    expect(outcome).toBe(step === 'part' ? 'stored' : 'RIG_STORE_UNAVAILABLE');
    await proxy.land();
    const content = await contentOf(direct, KEY);
    expect(content === undefined ? outcome !== 'stored' : BYTES.equals(content)).toBe(true);
    expect(await partsLeftBehind(url)).toBe(0);
    await store.close();
  });

  it('says so when it has to leave parts behind', async () => {
    const store = await openThrough(proxy, url);
    proxy.forecast = (request) =>
      STEPS.complete.test(requestLabel(request)) || STEPS.abort.test(requestLabel(request))
        ? '503 before'
        : undefined;
    const put = store.put(KEY, body(), ANY);
    await expect(put).rejects.toMatchObject({ details: { unfinishedUpload: true } });
    expect(await partsLeftBehind(url)).toBe(3);
    await store.close();
  });
});

it('the server says when it wants to be asked again, and is not asked for ever', async () => {
  const waits: number[] = [];
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => waits.reduce((total, waitMs) => total + waitMs, 0),
    sleep: async (durationMs) => void waits.push(durationMs),
  };
  const store = retry(await openThrough(proxy, url), { ...retryPolicy(1), clock, deadlineMs: 10_000 });
  proxy.forecast = () => '503 with Retry-After';
  await expect(store.get(KEY)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
  expect(waits.every((waitMs) => waitMs >= 1_000)).toBe(true);
  expect(clock.monotonicMs()).toBeGreaterThan(9_000);
  expect(clock.monotonicMs()).toBeLessThanOrEqual(10_000);
  await store.close();
});
