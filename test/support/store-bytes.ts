import type { PutBody, Store, StoredObject } from '../../src/store/contract.ts';
import { seededRandom } from './seeded-random.ts';

/** Bytes without a pattern, the same for the same seed. */
export function someBytes(lengthBytes: number, seed = 1): Buffer {
  const random = seededRandom(seed);
  const bytes = Buffer.alloc(Math.ceil(lengthBytes / 4) * 4);
  for (let position = 0; position < bytes.length; position += 4) {
    bytes.writeUInt32LE(Math.floor(random.next() * 2 ** 32), position);
  }
  return bytes.subarray(0, lengthBytes);
}

/** A body that comes in chunks, each in its own turn. */
export function streamOf(
  bytes: Uint8Array,
  chunkBytes: number,
  lengthBytes: number | undefined,
): PutBody & { opened: number } {
  const body = {
    lengthBytes,
    opened: 0,
    async *open() {
      body.opened += 1;
      for (let start = 0; start < bytes.length; start += chunkBytes) {
        await Promise.resolve();
        yield bytes.subarray(start, start + chunkBytes);
      }
    },
  };
  return body;
}

/** Everything that comes, in an array. */
export async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}

export async function bytesOf(object: StoredObject | undefined): Promise<Buffer | undefined> {
  return object && Buffer.concat(await allOf(object.body));
}

/** The whole object; undefined when there is none. */
export async function contentOf(store: Store, key: string): Promise<Buffer | undefined> {
  return bytesOf(await store.get(key));
}

export async function textOf(store: Store, key: string): Promise<string | undefined> {
  return (await contentOf(store, key))?.toString();
}

export async function keysOf(store: Store, prefix = '', after?: string, upTo?: string): Promise<string[]> {
  return (await allOf(store.list(prefix, { after, upTo }))).map(({ key }) => key);
}
