import { describe, expect, test } from 'vitest';
import { chainAfter, chainStart } from '../../src/archive/chain.ts';
import { batchKey } from '../../src/archive/layout.ts';
import { readCatalog } from '../../src/archive/read-catalog.ts';
import { needHead, type PayloadChunk, readBatches, readHeads } from '../../src/archive/reader.ts';
import { MIB } from '../../src/kernel/size.ts';
import type { Store } from '../../src/store/contract.ts';
import { ARCHIVE_ID, buildArchive, objectBytes, overwrite, withHeader } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { LINES, lineArchive, refusal } from '../support/line-archive.ts';

async function readAll(store: Store): Promise<PayloadChunk[]> {
  const { batches } = await readCatalog(store);
  return collect(readBatches(store, batches, chainStart(ARCHIVE_ID)));
}

describe('reading batches', () => {
  test('gives chunk after chunk with its offset', async () => {
    const { store } = await lineArchive({ frameBytes: 6 });
    const chunks = await readAll(store);
    expect(chunks.map(({ offset }) => offset)).toEqual([0, 6, 8, 14, 19, 25, 31]);
    expect(Buffer.concat(chunks.map(({ bytes }) => bytes))).toEqual(LINES);
  });

  test('can begin at any cut whose chain is known', async () => {
    const { store } = await lineArchive();
    const { batches } = await readCatalog(store);
    const [first, ...others] = batches;
    const start = chainAfter(await needHead(store, first ?? { key: '', first: 0, storedBytes: 0 }));
    const chunks = await collect(readBatches(store, others, start));
    expect(Buffer.concat(chunks.map(({ bytes }) => bytes))).toEqual(LINES.subarray(8));
  });

  test('gives no last chunk of a payload that does not match its SHA-256', async () => {
    const archive = await lineArchive({ frameBytes: 5, cuts: [8], claimedBatches: undefined });
    const other = await lineArchive({ journal: Buffer.from('ONE\ntwo\n'), cuts: [8], frameBytes: 5 });
    const { sha256, chain } = archive.headers[0] ?? {};
    const bytes = withHeader(objectBytes(other, batchKey(0)), { sha256, chain });
    await overwrite(archive.store, batchKey(0), bytes);
    const { batches } = await readCatalog(archive.store);
    const chunks = readBatches(archive.store, batches, chainStart(ARCHIVE_ID));
    expect((await chunks.next()).value).toMatchObject({ offset: 0 });
    expect(await refusal(chunks.next())).toMatchObject({
      code: 'RIG_CHECKSUM_MISMATCH',
      details: { object: batchKey(0), offset: 0 },
    });
  });

  test('reads every body to its end, so that its connection can be used again', async () => {
    const { store } = await lineArchive();
    let [opened, ended] = [0, 0];
    async function* watch(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      yield* body;
      ended += 1;
    }
    const watched: Store = {
      ...store,
      capabilities: store.capabilities,
      async get(key, options) {
        const object = await store.get(key, options);
        opened += 1;
        return object && { ...object, body: watch(object.body) };
      },
    };
    const { batches } = await readCatalog(store);
    await collect(readHeads(watched, batches, chainStart(ARCHIVE_ID)));
    await collect(readBatches(watched, batches, chainStart(ARCHIVE_ID)));
    expect([opened, ended]).toEqual([6, 6]);
  });

  test('has no more under way than it may hold', async () => {
    const journal = Buffer.alloc(40);
    const { store } = await buildArchive({ journal, cuts: Array.from(journal, (_, index) => index + 1) });
    let underWay = 0;
    let most = 0;
    const watched: Store = {
      ...store,
      url: store.url,
      capabilities: { ...store.capabilities, parallelCalls: 6 },
      async get(key, options) {
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        return store.get(key, options);
      },
    };
    const listed = (await readCatalog(store)).batches ?? [];
    const drain = async (storedBytes: number) => {
      most = 0;
      const batches = listed.map(({ key, first }) => ({ key, first, storedBytes }));
      await collect(readBatches(watched, batches, chainStart(ARCHIVE_ID)));
      return most;
    };
    expect(await drain(100)).toBe(6);
    expect(await drain(7 * MIB)).toBe(2);
    expect(await drain(64 * MIB)).toBe(1);
  });
});
