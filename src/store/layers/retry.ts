import { Attempts, type RetryPolicy } from '../../kernel/attempts.ts';
import { RigError } from '../../kernel/errors.ts';
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
import { resolveRange } from '../key.ts';
import { surroundCalls } from './capabilities.ts';

/**
 * Repeats what may be repeated and failed with a retryable error: every get, head, list and delete, puts with
 * `if: 'any'`, and all calls about tags and rules. A body that breaks goes on where it broke, a listing goes on after
 * the last key it gave. A create-only put is never repeated: after an unknown outcome, "exists" may mean the caller's
 * own bytes, and only the caller can tell.
 *
 * Beside the store's own errors: RIG_STORE_UNAVAILABLE when the deadline has passed, or when an object was
 * replaced while its body was read; RIG_OBJECT_NOT_FOUND when it was removed meanwhile.
 */
export function retry(store: Store, policy: RetryPolicy): Store {
  return new RetryingStore(store, policy);
}

class RetryingStore implements Store {
  readonly url: string;
  readonly capabilities: Capabilities;
  readonly #store: Store;
  readonly #policy: RetryPolicy;

  constructor(store: Store, policy: RetryPolicy) {
    this.url = store.url;
    this.#store = store;
    this.#policy = policy;
    this.capabilities = surroundCalls(store.capabilities, (_, what, options = {}, call) =>
      this.#attempts(what, options).run(call),
    );
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const object = await this.#attempts(`get ${key}`, options).run(() => this.#store.get(key, options));
    return object === undefined ? undefined : { ...object, body: this.#resumingBody(key, options, object) };
  }

  head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#attempts(`head ${key}`, options).run(() => this.#store.head(key, options));
  }

  put(key: string, body: PutBody, options: PutOptions): Promise<PutResult> {
    if (options.if === 'absent') {
      return this.#store.put(key, body, options);
    }
    return this.#attempts(`put ${key}`, options).run(() => this.#store.put(key, body, options));
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    const attempts = this.#attempts(`list ${prefix}`, options);
    let { after } = options;
    for (;;) {
      try {
        for await (const listed of this.#store.list(prefix, { ...options, after })) {
          attempts.progressed();
          after = listed.key;
          yield listed;
        }
        return;
      } catch (error) {
        await attempts.pauseAfter(error);
      }
    }
  }

  delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    return this.#attempts('delete', options).run(() => this.#store.delete(keys, options));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async *#resumingBody(key: string, options: GetOptions, first: StoredObject): AsyncIterable<Uint8Array> {
    const attempts = this.#attempts(`get ${key}`, options);
    let { startByte, endByte } = resolveRange(options.range, first.sizeBytes);
    let body = first.body;
    for (;;) {
      try {
        for await (const chunk of body) {
          attempts.progressed();
          startByte += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        await attempts.pauseAfter(error);
      }
      const range = { startByte, endByte };
      const next = await attempts.run(() => this.#store.get(key, { ...options, range }));
      body = sameObject(key, first, next).body;
    }
  }

  #attempts(operation: string, { signal }: CallOptions): Attempts {
    return new Attempts(operation, this.#policy, signal);
  }
}

/** The rest of a body is only of use when it is of the object that the beginning came from. */
function sameObject(key: string, first: StoredObject, next: StoredObject | undefined): StoredObject {
  if (next === undefined) {
    throw new RigError('RIG_OBJECT_NOT_FOUND', `${key} was removed while it was read`, {
      hint: 'find out what removes objects (a prune, a lifecycle rule), then run the command again',
      details: { object: key },
    });
  }
  if (next.version !== first.version || next.sizeBytes !== first.sizeBytes) {
    throw new RigError('RIG_STORE_UNAVAILABLE', `${key} was replaced while it was read`, {
      hint: 'read it again from its beginning',
      details: { object: key },
    });
  }
  return next;
}
