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
} from '../../src/store/contract.ts';
import { surroundCalls } from '../../src/store/layers/capabilities.ts';

/** What a test does to a call: `proceed` makes the real one. */
export interface Script {
  get?: (key: string, proceed: () => Promise<StoredObject | undefined>) => Promise<StoredObject | undefined>;
  put?: (key: string, proceed: () => Promise<PutResult>, options: PutOptions) => Promise<PutResult>;
  list?: (prefix: string) => void | Promise<void>;
  /** Of a listing: false of what it does not show yet. */
  isListed?: (key: string) => boolean;
  delete?: (keys: readonly string[], proceed: () => Promise<void>) => Promise<void>;
  /** Of tags and lifecycle rules; `what` is as in {@link ScriptedStore.calls}. */
  capability?: (what: string) => void | Promise<void>;
}

/** A store that notes its calls and lets a test bend them. */
export class ScriptedStore implements Store {
  readonly url: string;
  readonly capabilities: Capabilities;
  /** `put LOG/0000000000000000`, in the order of their start. */
  readonly calls: string[] = [];
  script: Script = {};
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    this.url = store.url;
    this.capabilities = surroundCalls(store.capabilities, async (_, what, _options, call) => {
      this.calls.push(what);
      await this.script.capability?.(what);
      return call();
    });
  }

  get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    this.calls.push(`get ${key}`);
    const proceed = () => this.#store.get(key, options);
    return this.script.get === undefined ? proceed() : this.script.get(key, proceed);
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    this.calls.push(`head ${key}`);
    return this.#store.head(key, options);
  }

  put(key: string, body: PutBody, options: PutOptions): Promise<PutResult> {
    this.calls.push(`put ${key}`);
    const proceed = () => this.#store.put(key, body, options);
    return this.script.put === undefined ? proceed() : this.script.put(key, proceed, options);
  }

  async *list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject> {
    this.calls.push(`list ${prefix}`);
    await this.script.list?.(prefix);
    for await (const object of this.#store.list(prefix, options)) {
      if (this.script.isListed?.(object.key) !== false) {
        yield object;
      }
    }
  }

  delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    this.calls.push(`delete ${keys.join(' ')}`);
    const proceed = () => this.#store.delete(keys, options);
    return this.script.delete === undefined ? proceed() : this.script.delete(keys, proceed);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
