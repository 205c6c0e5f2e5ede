import type {
  CallOptions,
  Capabilities,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  PutResult,
  Store,
  StoredObject,
} from '../contract.ts';
import { surroundCalls } from './capabilities.ts';

export type StoreOperation = 'get' | 'head' | 'put' | 'list' | 'delete' | 'tagging' | 'lifecycle';

export interface OperationCounters {
  /** Calls made; one for a listing or a deletion of any length. */
  calls: number;
  /** Calls that ended in an error, whichever, "exists" and aborts among them. */
  errors: number;
  /** Bytes of object bodies taken from the caller. */
  sentBytes: number;
  /** Bytes of object bodies given to the caller. */
  receivedBytes: number;
}

export type StoreCounters = Readonly<Record<StoreOperation, OperationCounters>>;

export function createStoreCounters(): StoreCounters {
  const zero = (): OperationCounters => ({ calls: 0, errors: 0, sentBytes: 0, receivedBytes: 0 });
  return {
    get: zero(),
    head: zero(),
    put: zero(),
    list: zero(),
    delete: zero(),
    tagging: zero(),
    lifecycle: zero(),
  };
}

/** The counters as they stand now; later calls do not change the copy. */
export function snapshotCounters(counters: StoreCounters): StoreCounters {
  return structuredClone(counters);
}

/** Counts calls, errors and bytes of every operation into `counters`, and changes nothing else. */
export function observe(store: Store, counters: StoreCounters): Store {
  return new ObservedStore(store, counters);
}

class ObservedStore implements Store {
  readonly url: string;
  readonly capabilities: Capabilities;
  readonly #store: Store;
  readonly #counters: StoreCounters;

  constructor(store: Store, counters: StoreCounters) {
    this.url = store.url;
    this.#store = store;
    this.#counters = counters;
    this.capabilities = surroundCalls(store.capabilities, (capability, _what, _options, call) =>
      counted(counters[capability], call),
    );
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    const object = await counted(this.#counters.get, () => this.#store.get(key, options));
    return object && { ...object, body: countedBody(this.#counters.get, object.body) };
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return counted(this.#counters.head, () => this.#store.head(key, options));
  }

  put(key: string, body: PutBody, options: PutOptions): Promise<PutResult> {
    const counters = this.#counters.put;
    const { lengthBytes, atMostBytes } = body;
    const observed = { lengthBytes, atMostBytes, open: () => countedSource(counters, body) };
    return counted(counters, () => this.#store.put(key, observed, options));
  }

  async *list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject> {
    const counters = this.#counters.list;
    counters.calls += 1;
    try {
      yield* this.#store.list(prefix, options);
    } catch (error) {
      counters.errors += 1;
      throw error;
    }
  }

  delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    return counted(this.#counters.delete, () => this.#store.delete(keys, options));
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

async function counted<Result>(counters: OperationCounters, call: () => Promise<Result>): Promise<Result> {
  counters.calls += 1;
  try {
    return await call();
  } catch (error) {
    counters.errors += 1;
    throw error;
  }
}

async function* countedBody(
  counters: OperationCounters,
  body: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of body) {
      counters.receivedBytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    counters.errors += 1;
    throw error;
  }
}

async function* countedSource(counters: OperationCounters, body: PutBody): AsyncIterable<Uint8Array> {
  for await (const chunk of body.open()) {
    counters.sentBytes += chunk.length;
    yield chunk;
  }
}
