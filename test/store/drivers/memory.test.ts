import { systemClock } from '../../../src/kernel/clock.ts';
import { createMemoryNamespace, openMemoryStore } from '../../../src/store/drivers/memory.ts';
import { describeStore } from '../../conformance/store.ts';

describeStore('memory', async () => {
  const namespace = createMemoryNamespace();
  return {
    store: openMemoryStore(namespace, systemClock),
    another: async () => openMemoryStore(namespace, systemClock),
    teardown: async () => {},
  };
});
