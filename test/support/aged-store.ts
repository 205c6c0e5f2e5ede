import type {
  CallOptions,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  Store,
  StoredObject,
} from '../../src/store/contract.ts';

/** A store in which every object, also one that is new, is so much older than it is. The store's clock stays right. */
export function agedStore(store: Store, ageMs: number): Store {
  const { url, capabilities } = store;
  const modifiedAt = ({ modifiedAtMs }: ListedObject | ObjectInfo) => ({
    modifiedAtMs: modifiedAtMs - ageMs,
  });
  return {
    url,
    capabilities,
    async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
      const object = await store.get(key, options);
      return object && { ...object, ...modifiedAt(object) };
    },
    async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
      const info = await store.head(key, options);
      return info && { ...info, ...modifiedAt(info) };
    },
    put: (key: string, body: PutBody, options: PutOptions) => store.put(key, body, options),
    async *list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject> {
      for await (const object of store.list(prefix, options)) {
        yield { ...object, ...modifiedAt(object) };
      }
    },
    delete: (keys: readonly string[], options?: CallOptions) => store.delete(keys, options),
    close: () => store.close(),
  };
}
