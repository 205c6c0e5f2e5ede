import { describe, expect, test } from 'vitest';
import { BATCH_LIMIT_BYTES } from '../../src/archive/batch-header.ts';
import { batchKey, snapshotKey } from '../../src/archive/layout.ts';
import type { Store } from '../../src/store/contract.ts';
import { status } from '../../src/workflows/status.ts';
import { ARCHIVE_ID, buildArchive, overwrite } from '../support/archive-builder.ts';
import { lineArchive, refusal } from '../support/line-archive.ts';
import { putSnapshot } from '../support/snapshot-builder.ts';
import { codesOf, testContext } from '../support/workflow-context.ts';

describe('status', () => {
  test('tells what there is', async () => {
    const { store, namespace } = await lineArchive();
    await putSnapshot(store, { at: 8, content: Buffer.from('a state') });
    await putSnapshot(store, { at: 19, base: 8, content: Buffer.from('a state') });
    const storedBytes = [...namespace.objects]
      .filter(([key]) => /^(LOG|SNAPSHOT)\//.test(key))
      .reduce((total, [, object]) => total + object.sizeBytes, 0);
    const context = testContext(store);
    expect(await status(context)).toEqual({
      archive: ARCHIVE_ID,
      format: 'lines',
      durable: 34,
      latest: 19,
      batches: 3,
      snapshots: 2,
      increments: 1,
      storedBytes,
      firstObserved: '2026-11-21T10:32:07.000Z',
      lastObserved: '2026-11-21T10:32:09.000Z',
      writer: { epoch: 2, mode: 'follow', host: 'db1', pid: 4711, startedAt: '2026-11-21T10:32:07.000Z' },
      recoverable: [{ from: 0, to: 34 }],
    });
    expect(context.reports).toEqual([]);
  });

  test('names only snapshots that can be read, and warns of the others', async () => {
    const { store } = await lineArchive();
    await putSnapshot(store, { at: 8, content: Buffer.from('a state') });
    await overwrite(store, snapshotKey(19), 'a snapshot');
    const context = testContext(store);
    expect(await status(context)).toMatchObject({ latest: 8, snapshots: 2 });
    expect(codesOf(context.reports, 'warning')).toEqual(['snapshot-damaged']);
  });

  test('of an archive without batches is all zeros', async () => {
    const { store } = await lineArchive({ cuts: [] });
    expect(await status(testContext(store))).toMatchObject({
      durable: 0,
      latest: null,
      batches: 0,
      firstObserved: null,
      lastObserved: null,
      recoverable: [{ from: 0, to: 0 }],
    });
  });

  test('makes a handful of requests, however many batches there are', async () => {
    const journal = Buffer.alloc(500, 'x');
    const { store } = await buildArchive({ journal, cuts: Array.from(journal, (_, index) => index + 1) });
    let gets = 0;
    const counting: Store = {
      ...store,
      capabilities: store.capabilities,
      list: store.list.bind(store),
      head: store.head.bind(store),
      get: (key, options) => {
        gets += 1;
        return store.get(key, options);
      },
    };
    expect(await status(testContext(counting))).toMatchObject({ durable: 500, batches: 500 });
    expect(gets).toBe(4);
  });

  test('of an archive whose first batch is damaged tells the rest, and warns with its name', async () => {
    const { store } = await lineArchive();
    await putSnapshot(store, { at: 19, header: { cut: 19 }, content: Buffer.from('a state') });
    await overwrite(store, batchKey(0), 'rubbish');
    const context = testContext(store);
    expect(await status(context)).toMatchObject({
      durable: 34,
      latest: 19,
      batches: 3,
      firstObserved: null,
      lastObserved: '2026-11-21T10:32:09.000Z',
      recoverable: [{ from: 19, to: 34 }],
    });
    expect(context.reports).toMatchObject([
      { type: 'warning', code: 'batch-damaged', message: expect.stringContaining(batchKey(0)) },
    ]);
  });

  test('of an archive shorter than its last claim, or with a damaged end, warns', async () => {
    const archive = await lineArchive();
    await overwrite(archive.store, batchKey(19), 'rubbish');
    const damaged = testContext(archive.store);
    expect(await status(damaged)).toMatchObject({ durable: 19, recoverable: [{ from: 0, to: 19 }] });
    expect(codesOf(damaged.reports, 'warning')).toEqual(['tail-damaged']);
    archive.namespace.objects.delete(batchKey(19));
    const short = testContext(archive.store);
    expect(await status(short)).toMatchObject({ durable: 19 });
    expect(codesOf(short.reports, 'warning')).toEqual(['archive-shortened']);
  });

  test('does not promise what a hole in the listing rules out', async () => {
    const archive = await lineArchive();
    archive.namespace.objects.delete(batchKey(0));
    expect(await status(testContext(archive.store))).toMatchObject({ recoverable: [{ from: 0, to: 0 }] });
  });

  test('does not promise what is farther away than a batch reaches', async () => {
    const archive = await lineArchive({ cuts: [8, 19], claimedBatches: undefined });
    await overwrite(archive.store, batchKey(8 + BATCH_LIMIT_BYTES + 1), 'rubbish');
    expect(await status(testContext(archive.store))).toMatchObject({ recoverable: [{ from: 0, to: 8 }] });
  });

  test('of nothing is refused', async () => {
    const { store, namespace } = await lineArchive();
    namespace.objects.clear();
    expect(await refusal(status(testContext(store)))).toMatchObject({ code: 'RIG_ARCHIVE_NOT_FOUND' });
  });
});
