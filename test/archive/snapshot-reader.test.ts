import { describe, expect, test } from 'vitest';
import { snapshotKey } from '../../src/archive/layout.ts';
import { resolveChain, type SnapshotChain } from '../../src/archive/snapshot-object.ts';
import { readContent } from '../../src/archive/snapshot-reader.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import { KIB, MIB } from '../../src/kernel/size.ts';
import type { Store } from '../../src/store/contract.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { refusal } from '../support/line-archive.ts';
import { noise } from '../support/noise.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { putSnapshot } from '../support/snapshot-builder.ts';

interface Get {
  readonly key: string;
  readonly lengthBytes: number;
}

/** A store that notes what is asked for, and how many bytes of it are under way at most. */
function watchedStore() {
  const store = openMemoryStore(createMemoryNamespace(), new SimulatedClock());
  const gets: Get[] = [];
  const underWay = { bytes: 0, mostBytes: 0 };
  const watched: Store = {
    ...store,
    url: store.url,
    capabilities: { ...store.capabilities, parallelCalls: 8 },
    put: (key, body, options) => store.put(key, body, options),
    async get(key, options) {
      const lengthBytes = (options?.range?.endByte ?? 0) - (options?.range?.startByte ?? 0);
      gets.push({ key, lengthBytes });
      underWay.bytes += lengthBytes;
      underWay.mostBytes = Math.max(underWay.mostBytes, underWay.bytes);
      await new Promise((resolve) => setImmediate(resolve));
      underWay.bytes -= lengthBytes;
      return store.get(key, options);
    },
  };
  return { store: watched, gets, underWay };
}

function noiseFile(seed: number, bytes: number): Buffer {
  return Buffer.concat([...noise(seed, bytes)]);
}

async function headsOf(store: Store, at: number): Promise<SnapshotChain> {
  return resolveChain(store, at, ARCHIVE_ID);
}

describe('reading a snapshot', () => {
  test('fetches ranges of a few MiB, several at a time and not too many', async () => {
    const { store, gets, underWay } = watchedStore();
    const content = noiseFile(1, 40 * MIB);
    await putSnapshot(store, { at: 1, content });
    const chain = await headsOf(store, 1);
    gets.length = 0;
    underWay.mostBytes = 0;
    const chunks = await collect(readContent(store, chain));
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(MIB);
    expect(Math.max(...gets.map(({ lengthBytes }) => lengthBytes))).toBeLessThanOrEqual(8 * MIB);
    expect(gets.length).toBeLessThanOrEqual(8);
    expect(underWay.mostBytes).toBeGreaterThan(8 * MIB);
    expect(underWay.mostBytes).toBeLessThanOrEqual(17 * MIB);
  });

  test('fetches nothing of a base that is not shared', async () => {
    const { store, gets } = watchedStore();
    const before = noiseFile(1, 6 * MIB);
    const after = noiseFile(2, 6 * MIB);
    before.copy(after, 4 * MIB, 4 * MIB, 4 * MIB + 64 * KIB);
    await putSnapshot(store, { at: 1, content: before });
    await putSnapshot(store, { at: 2, content: after, base: 1 });
    const chain = await headsOf(store, 2);
    gets.length = 0;
    expect(Buffer.concat(await collect(readContent(store, chain))).equals(after)).toBe(true);
    const ofBase = gets.filter(({ key }) => key === snapshotKey(1));
    const readBytes = ofBase.reduce((total, { lengthBytes }) => total + lengthBytes, 0);
    expect(readBytes).toBeGreaterThan(MIB);
    expect(readBytes).toBeLessThan(MIB + 64 * KIB);
  });

  test('gives no last chunk of a content that does not match its hash', async () => {
    const { store } = watchedStore();
    await putSnapshot(store, { at: 1, content: noiseFile(1, 2 * MIB) });
    const [head] = await headsOf(store, 1);
    const other = { ...head, footer: { ...head.footer, sha256: sha256('something else') } };
    const chunks = readContent(store, [other]);
    expect((await chunks.next()).value).toHaveLength(MIB);
    expect(await refusal(chunks.next())).toMatchObject({
      code: 'RIG_CHECKSUM_MISMATCH',
      details: { object: snapshotKey(1) },
    });
  });

  test('of a snapshot that goes away meanwhile says which', async () => {
    const { store } = watchedStore();
    await putSnapshot(store, { at: 1, content: noiseFile(1, MIB) });
    const chain = await headsOf(store, 1);
    const gone: Store = {
      ...store,
      url: store.url,
      capabilities: store.capabilities,
      get: async () => undefined,
    };
    expect(await refusal(collect(readContent(gone, chain)))).toMatchObject({
      code: 'RIG_OBJECT_NOT_FOUND',
      details: { object: snapshotKey(1) },
    });
  });

  test('reads nothing once it is aborted', async () => {
    const { store } = watchedStore();
    await putSnapshot(store, { at: 1, content: noiseFile(1, MIB) });
    const chain = await headsOf(store, 1);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(collect(readContent(store, chain, { signal }))).rejects.toThrow('enough');
  });
});
