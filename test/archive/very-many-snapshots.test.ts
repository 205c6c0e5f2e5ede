import { describe, expect, test } from 'vitest';
import { judgeSnapshots } from '../../src/archive/audit-bases.ts';
import { firstChain } from '../../src/archive/batch-header.ts';
import { damaged } from '../../src/archive/damage.ts';
import { snapshotKey } from '../../src/archive/layout.ts';
import { recoverableIn } from '../../src/archive/restore-refusal.ts';
import type { SnapshotHeader } from '../../src/archive/snapshot-header.ts';
import { CHAIN_LIMIT } from '../../src/archive/snapshot-policy.ts';
import { SnapshotShelf } from '../../src/archive/snapshot-shelf.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { judgeEnd, warnOfHoles } from '../../src/workflows/verify-log.ts';
import { VerifyReport } from '../../src/workflows/verify-report.ts';
import { ARCHIVE_ID, buildArchive, overwrite, withHeader } from '../support/archive-builder.ts';
import { refusal } from '../support/line-archive.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { putSnapshot, snapshotContent } from '../support/snapshot-builder.ts';
import { contentOf } from '../support/store-bytes.ts';
import { testContext } from '../support/workflow-context.ts';

/** More than a call can have arguments. */
const MANY = 200_000;

function headerAt(at: number): SnapshotHeader {
  const chain = firstChain(ARCHIVE_ID);
  const plain = {
    v: 1,
    kind: 'snapshot',
    of: 'state',
    content: 'file',
    createdAt: '2026-11-21T10:32:07Z',
  } as const;
  return { ...plain, archive: ARCHIVE_ID, at, cut: 0, chain, epoch: 1 };
}

describe('very many snapshots', () => {
  const offsets = Array.from({ length: MANY }, (_, index) => 2 * (index + 1));

  test('can be judged, damaged ones too', () => {
    const damage = damaged('SNAPSHOT/0', 'it is not whole');
    const audits = offsets.map((at) => {
      const listed = { key: snapshotKey(at), at, storedBytes: 1, modifiedAtMs: 0 };
      return {
        listed,
        header: headerAt(at),
        head: undefined,
        damage: at === 2 ? undefined : damage,
        gone: false,
      };
    });
    const { usable, broken, greatestCut } = judgeSnapshots(audits, ARCHIVE_ID);
    expect([usable.length, broken.length, greatestCut]).toEqual([1, MANY - 1, 0]);
  });

  test('can be verified, each a range of its own, in a time that grows as they do', async () => {
    const { descriptor, store } = await buildArchive({ journal: Buffer.alloc(0), cuts: [], format: 'none' });
    const snapshots = offsets.map(headerAt);
    const catalog = { batches: [], snapshots: [], writers: [], strays: [], strayCount: 0 };
    const task = {
      archive: ARCHIVE_ID,
      hasJournal: false,
      catalog,
      claim: undefined,
      snapshots,
      prunedUpTo: 0,
    };
    const reaches = snapshots.map(({ of, at, cut }) => ({ of, at, cut, end: at }));
    const log = { reached: 0, endIsKnown: true, newestEpoch: 0, reaches, batches: 0, bytes: 0 };
    const report = new VerifyReport();
    await judgeEnd(testContext(store), task, log, report);
    warnOfHoles(task, log, report);
    expect(report.findings.count).toBe(0);
    const extent = {
      descriptor,
      catalog,
      gaps: [],
      batchesEnd: 0,
      end: 0,
      tailDamage: undefined,
      lost: undefined,
    };
    const found = recoverableIn({ ...extent, promised: 0 }, { snapshots, badOffsets: [] });
    expect(found).toHaveLength(MANY);
  });
});

test('a snapshot that needs more others than can be restored does not count, and no more are read', async () => {
  const store = openMemoryStore(createMemoryNamespace(), new SimulatedClock());
  const { footer } = await putSnapshot(store, { at: 1, content: Buffer.from('state') });
  const full = (await contentOf(store, snapshotKey(1))) ?? expect.fail('it is there');
  const listed = Array.from({ length: 40 }, (_, index) => ({
    at: index + 1,
    key: snapshotKey(index + 1),
    storedBytes: full.length,
    modifiedAtMs: 0,
  }));
  for (const { at, key } of listed.slice(1)) {
    await overwrite(store, key, withHeader(full, { at, base: at - 1, baseSha256: footer.sha256 }));
  }
  const shelf = new SnapshotShelf(store, ARCHIVE_ID, listed, {});
  expect((await shelf.all()).map(({ at }) => at)).toEqual(listed.slice(0, CHAIN_LIMIT).map(({ at }) => at));
  expect((await shelf.newest())?.at).toBe(CHAIN_LIMIT);
  expect(await shelf.dependencies({ ...headerAt(40), base: 39 })).toHaveLength(CHAIN_LIMIT + 1);
  expect(await refusal(snapshotContent(store, CHAIN_LIMIT + 1))).toMatchObject({ kind: 'data' });
});
