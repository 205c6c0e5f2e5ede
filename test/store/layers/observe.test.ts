import { expect, it } from 'vitest';
import { systemClock } from '../../../src/kernel/clock.ts';
import { bodyOf } from '../../../src/store/body.ts';
import type { PutBody, Store } from '../../../src/store/contract.ts';
import { createMemoryNamespace, openMemoryStore } from '../../../src/store/drivers/memory.ts';
import { createStoreCounters, observe, snapshotCounters } from '../../../src/store/layers/observe.ts';
import { describeStore } from '../../conformance/store.ts';
import { flakyStore } from '../../support/flaky-store.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { allOf, contentOf, keysOf } from '../../support/store-bytes.ts';

describeStore('observe over memory', async () => {
  const namespace = createMemoryNamespace();
  const open = () => observe(openMemoryStore(namespace, systemClock), createStoreCounters());
  return { store: open(), another: async () => open(), teardown: async () => {} };
});

it('observe counts calls, errors and bytes of each operation, and a snapshot stays as it was', async () => {
  const counters = createStoreCounters();
  const store = observe(openMemoryStore(createMemoryNamespace(), systemClock), counters);
  const untouched = snapshotCounters(counters);

  await store.put('a', bodyOf('12345'), { if: 'absent' });
  await expect(store.put('a', bodyOf('678'), { if: 'absent' })).rejects.toThrow();
  await contentOf(store, 'a');
  await contentOf(store, 'absent');
  await store.head('a');
  await keysOf(store);
  await expect(allOf(store.list('', { signal: AbortSignal.abort() }))).rejects.toThrow();
  await store.delete(['a', 'b']);
  const { tagging, lifecycle } = store.capabilities;
  await tagging?.setTags('a', {});
  await expect(tagging?.getTags('a', { signal: AbortSignal.abort() })).rejects.toThrow();
  await lifecycle?.read();
  await lifecycle?.write({ rules: [], attributes: {} });
  await lifecycle?.keepsVersions();

  expect(counters).toEqual({
    put: { calls: 2, errors: 1, sentBytes: 8, receivedBytes: 0 },
    get: { calls: 2, errors: 0, sentBytes: 0, receivedBytes: 5 },
    head: { calls: 1, errors: 0, sentBytes: 0, receivedBytes: 0 },
    list: { calls: 2, errors: 1, sentBytes: 0, receivedBytes: 0 },
    delete: { calls: 1, errors: 0, sentBytes: 0, receivedBytes: 0 },
    tagging: { calls: 2, errors: 1, sentBytes: 0, receivedBytes: 0 },
    lifecycle: { calls: 3, errors: 0, sentBytes: 0, receivedBytes: 0 },
  });
  expect(untouched).toEqual(createStoreCounters());
});

it('observe counts only the bytes a reader took, and a body that breaks as an error', async () => {
  const counters = createStoreCounters();
  const broken = openMemoryStore(createMemoryNamespace(), systemClock);
  await broken.put('large', bodyOf(Buffer.alloc(1_000_000)), { if: 'any' });
  const store = observe(broken, counters);
  const controller = new AbortController();
  const reading = async () => {
    for await (const _ of (await store.get('large', { signal: controller.signal }))?.body ?? []) {
      controller.abort();
    }
  };
  await expect(reading()).rejects.toThrow();
  expect(counters.get).toMatchObject({ calls: 1, errors: 1 });
  expect(counters.get.receivedBytes).toBeGreaterThan(0);
  expect(counters.get.receivedBytes).toBeLessThan(1_000_000);
});

it('observe hands on what a body says of itself', async () => {
  const bodies: PutBody[] = [];
  const put: Store['put'] = async (_key, body) => {
    bodies.push(body);
    return {};
  };
  const memory = openMemoryStore(createMemoryNamespace(), systemClock);
  const store = observe({ ...flakyStore(memory, seededRandom(1), 0), put }, createStoreCounters());
  await store.put('a', { lengthBytes: undefined, atMostBytes: 7, open: () => [] }, { if: 'any' });
  await store.put('a', bodyOf('12345'), { if: 'any' });
  expect(bodies).toMatchObject([{ lengthBytes: undefined, atMostBytes: 7 }, { lengthBytes: 5 }]);
});
