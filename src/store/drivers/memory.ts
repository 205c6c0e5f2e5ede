import type { Clock } from '../../kernel/clock.ts';
import { RigError } from '../../kernel/errors.ts';
import { KIB } from '../../kernel/size.ts';
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
  Tagging,
  Tags,
} from '../contract.ts';
import { assertKey, assertPrefix, resolveRange } from '../key.ts';
import { type MemoryRules, memoryLifecycle } from './memory-lifecycle.ts';

/** Objects that live as long as this value; any number of stores can be opened on it, as clients of one place. */
export interface MemoryNamespace {
  readonly objects: Map<string, MemoryObject>;
  /** How many puts there were; it makes versions. */
  puts: number;
  readonly rules: MemoryRules;
}

interface MemoryObject extends ObjectInfo {
  readonly bytes: Uint8Array;
  readonly tags?: Tags;
}

const CHUNK_BYTES = 64 * KIB;

export function createMemoryNamespace(): MemoryNamespace {
  return {
    objects: new Map(),
    puts: 0,
    rules: { document: '', attributes: {}, keepsVersions: false },
  };
}

export function openMemoryStore(namespace: MemoryNamespace, clock: Clock): Store {
  return new MemoryStore(namespace, clock);
}

class MemoryStore implements Store {
  readonly url = 'memory:';
  readonly capabilities: Capabilities;
  readonly #namespace: MemoryNamespace;
  readonly #clock: Clock;

  constructor(namespace: MemoryNamespace, clock: Clock) {
    this.#namespace = namespace;
    this.#clock = clock;
    this.capabilities = {
      createOnly: true,
      multipartCreateOnly: true,
      replace: true,
      parallelCalls: 4,
      parallelListings: 4,
      tagging: memoryTagging(namespace),
      lifecycle: memoryLifecycle(namespace.rules),
    };
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    options.signal?.throwIfAborted();
    assertKey(key);
    const object = this.#namespace.objects.get(key);
    if (object === undefined) {
      return undefined;
    }
    const { startByte, endByte } = resolveRange(options.range, object.sizeBytes);
    return { ...infoOf(object), body: chunksOf(object.bytes.subarray(startByte, endByte), options.signal) };
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    options.signal?.throwIfAborted();
    assertKey(key);
    const object = this.#namespace.objects.get(key);
    return object === undefined ? undefined : infoOf(object);
  }

  async put(key: string, body: PutBody, options: PutOptions): Promise<PutResult> {
    options.signal?.throwIfAborted();
    assertKey(key);
    const bytes = await collect(body, options.signal);
    if (options.if === 'absent' && this.#namespace.objects.has(key)) {
      throw new RigError('RIG_OBJECT_EXISTS', `${key} exists already`, { details: { object: key } });
    }
    this.#namespace.puts += 1;
    this.#namespace.objects.set(key, {
      bytes,
      sizeBytes: bytes.length,
      modifiedAtMs: this.#clock.wallMs(),
      version: String(this.#namespace.puts),
    });
    return {};
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    options.signal?.throwIfAborted();
    assertPrefix(prefix);
    const { after = '', upTo } = options;
    const keys = [...this.#namespace.objects.keys()]
      .filter((key) => key.startsWith(prefix) && key > after && (upTo === undefined || key <= upTo))
      .sort();
    for (const key of keys) {
      options.signal?.throwIfAborted();
      const object = this.#namespace.objects.get(key);
      if (object !== undefined) {
        yield { key, sizeBytes: object.sizeBytes, modifiedAtMs: object.modifiedAtMs };
      }
    }
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    keys.forEach(assertKey);
    for (const key of keys) {
      this.#namespace.objects.delete(key);
    }
  }

  async close(): Promise<void> {}
}

function memoryTagging({ objects }: MemoryNamespace): Tagging {
  return {
    async setTags(key: string, tags: Tags, options: CallOptions = {}): Promise<boolean> {
      options.signal?.throwIfAborted();
      assertKey(key);
      const object = objects.get(key);
      if (object !== undefined) {
        objects.set(key, { ...object, tags: { ...tags } });
      }
      return object !== undefined;
    },
    async getTags(key: string, options: CallOptions = {}): Promise<Tags | undefined> {
      options.signal?.throwIfAborted();
      assertKey(key);
      const object = objects.get(key);
      return object && { ...object.tags };
    },
  };
}

function infoOf({ sizeBytes, modifiedAtMs, version }: MemoryObject): ObjectInfo {
  return { sizeBytes, modifiedAtMs, version };
}

async function collect(body: PutBody, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.open()) {
    signal?.throwIfAborted();
    chunks.push(chunk);
  }
  signal?.throwIfAborted();
  return Buffer.concat(chunks);
}

/** Copies, so that nobody can change what is stored. */
async function* chunksOf(bytes: Uint8Array, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    signal?.throwIfAborted();
    yield new Uint8Array(bytes.subarray(start, start + CHUNK_BYTES));
  }
}
