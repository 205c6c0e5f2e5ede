import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { snapshotKey } from '../../src/archive/layout.ts';
import { resolvePieces } from '../../src/archive/snapshot-index.ts';
import { resolveChain } from '../../src/archive/snapshot-object.ts';
import { auditOwn } from '../../src/archive/snapshot-reader.ts';
import type { Store } from '../../src/store/contract.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { ARCHIVE_ID, overwrite } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { snapshotContent } from '../support/snapshot-builder.ts';

const FIXTURE = join(import.meta.dirname, '../fixtures/snapshot-v1');

/** A full snapshot and its increment that were written by the first version. */
async function openGolden(): Promise<Store> {
  const store = openMemoryStore(createMemoryNamespace(), new SimulatedClock());
  for (const key of [snapshotKey(0x100), snapshotKey(0x180)]) {
    await overwrite(store, key, readFileSync(join(FIXTURE, 'objects', key)));
  }
  return store;
}

describe('a snapshot of version 1', () => {
  test.each([
    [0x100, 1],
    [0x180, 2],
  ])('at %i is audited and restored', async (at, snapshots) => {
    const store = await openGolden();
    const chain = await resolveChain(store, at, ARCHIVE_ID);
    expect(chain).toHaveLength(snapshots);
    await Promise.all(chain.map((head) => auditOwn(store, head)));
    expect(await snapshotContent(store, at)).toEqual(
      readFileSync(join(FIXTURE, `content-${at.toString(16)}`)),
    );
  });

  test('has its keys in the order of a tree, and the bytes that rigctl-archive(5) shows', async () => {
    const store = await openGolden();
    const chain = await resolveChain(store, 0x180, ARCHIVE_ID);
    const pieces = (await collect(resolvePieces(store, chain))).flat();
    const starts = pieces.filter(({ startsKey }) => startsKey);
    expect(starts.map(({ key }) => key)).toEqual([
      '.',
      '!',
      'orders',
      'orders/1',
      'orders/2',
      'orders/3',
      'orders-2025',
      '\xe9t\xe9',
    ]);
    expect(pieces.filter(({ at }) => at === 0x180)).toEqual([
      {
        key: 'orders/2',
        startsKey: false,
        lengthBytes: 8,
        sha256: 'Dq-_GNVlSG66sFDcWETQgzHiWO52n3A3LolyCSYf5CM',
        at: 0x180,
        ownStart: 0,
      },
      {
        key: 'orders/3',
        startsKey: true,
        lengthBytes: 7,
        sha256: 'fsffRm8kLBfYwlGB0aoE6Y0JqAFdksqN-YQGOMueAXE',
        at: 0x180,
        ownStart: 8,
      },
    ]);
    expect(chain[0]).toMatchObject({
      header: { base: 0x100, baseSha256: 'cd5c798acc6a24bca5a5381b31612454908b2c94876dd56b787cd5b6386a1154' },
      footer: { bytes: 337, ownBytes: 15, pieces: 12, frames: [[15, 28, 830_691_064]] },
    });
  });
});
