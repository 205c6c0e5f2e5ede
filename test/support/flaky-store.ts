import { RigError } from '../../src/kernel/errors.ts';
import type { Random } from '../../src/kernel/random.ts';
import type {
  CallOptions,
  GetOptions,
  ListedObject,
  ListOptions,
  PutBody,
  PutOptions,
  Store,
} from '../../src/store/contract.ts';
import { surroundCalls } from '../../src/store/layers/capabilities.ts';

/**
 * A store that fails as a bad network does, by the numbers of `random`: calls fail before or after they took
 * effect, bodies and
 * listings break midway. Create-only puts are left alone, because no layer may repeat them.
 */
export function flakyStore(store: Store, random: Random, failureRate = 0.3): Store {
  const mayFail = (what: string, options: CallOptions = {}) => {
    options.signal?.throwIfAborted();
    if (random.next() < failureRate) {
      throw new RigError('RIG_STORE_UNAVAILABLE', `${what}: planted failure`);
    }
  };
  async function* mayBreak<Item>(what: string, items: AsyncIterable<Item>): AsyncIterable<Item> {
    for await (const item of items) {
      mayFail(what);
      yield item;
    }
    mayFail(what);
  }
  return {
    url: store.url,
    capabilities: surroundCalls(store.capabilities, async (_, what, options, call) => {
      mayFail(`${what}, before`, options);
      const result = await call();
      mayFail(`${what}, after`);
      return result;
    }),
    async get(key: string, options: GetOptions = {}) {
      mayFail('get', options);
      const object = await store.get(key, options);
      return object && { ...object, body: mayBreak('body', object.body) };
    },
    async head(key: string, options: CallOptions = {}) {
      mayFail('head', options);
      return store.head(key, options);
    },
    async put(key: string, body: PutBody, options: PutOptions) {
      if (options.if === 'absent') {
        return store.put(key, body, options);
      }
      mayFail('put, before', options);
      const result = await store.put(key, body, options);
      mayFail('put, after');
      return result;
    },
    async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
      mayFail('list', options);
      yield* mayBreak('list', store.list(prefix, options));
    },
    async delete(keys: readonly string[], options: CallOptions = {}) {
      mayFail('delete, before', options);
      await store.delete(keys, options);
      mayFail('delete, after');
    },
    close: () => store.close(),
  };
}
