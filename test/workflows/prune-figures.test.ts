import { expect, it } from 'vitest';
import { batchKey, LOG_PREFIX, snapshotKey } from '../../src/archive/layout.ts';
import { sealBatch } from '../../src/archive/seal.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import type { ListedObject, ListOptions, Store } from '../../src/store/contract.ts';
import { prune } from '../../src/workflows/prune.ts';
import { ARCHIVE_ID, type BuiltArchive, buildArchive } from '../support/archive-builder.ts';
import { longerListing } from '../support/longer-listing.ts';
import { bound, makeOld } from '../support/retention-archive.ts';
import { putSnapshot } from '../support/snapshot-builder.ts';
import { testContext } from '../support/workflow-context.ts';

const [SNAPSHOTS, BATCHES, BATCH_BYTES, PAGE_KEYS] = [200, 100_000, 10, 1_000];
const BATCHES_BETWEEN = BATCHES / SNAPSHOTS;

/** A snapshot a day for 200 days, every tenth a full one, and 500 batches between each two of them. */
async function largeArchive(): Promise<BuiltArchive> {
  const archive = await buildArchive({ journal: Buffer.alloc(0), cuts: [] });
  for (let index = 0; index < SNAPSHOTS; index += 1) {
    const cut = index * BATCHES_BETWEEN * BATCH_BYTES;
    const chain = sha256(`the chain at ${cut}`);
    const base = index % 10 === 0 ? undefined : cut - BATCHES_BETWEEN * BATCH_BYTES;
    await putSnapshot(archive.store, {
      at: cut,
      content: Buffer.from('state'),
      base,
      header: { cut, chain },
    });
    makeOld(archive, snapshotKey(cut), SNAPSHOTS - index);
    await putBatch(archive.store, cut, chain);
  }
  return archive;
}

/** Of the batches, only those that snapshots link to can be read; the others are names. */
async function putBatch(store: Store, first: number, prev: string): Promise<void> {
  const end = first + BATCH_BYTES;
  const content = {
    archive: ARCHIVE_ID,
    first,
    end,
    records: 1,
    prev,
    epoch: 1,
    observed: [[end, 1] as const],
  };
  const { sealed } = await sealBatch(content, chunks(), { name: 'zstd', level: 1 }, () => content);
  await store.put(batchKey(first), (await sealed).body, { if: 'absent' });
}

async function* chunks(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(BATCH_BYTES, 'x');
}

/** Counts requests; a listing takes one for each thousand keys. */
function counting(store: Store) {
  const requests = { get: 0, head: 0, list: 0 };
  async function* list(prefix: string, options?: ListOptions): AsyncGenerator<ListedObject> {
    let listed = 0;
    const real = prefix === LOG_PREFIX ? none() : store.list(prefix, options);
    for await (const object of longerListing(real, allBatches(), prefix, options)) {
      requests.list += listed % PAGE_KEYS === 0 ? 1 : 0;
      listed += 1;
      yield object;
    }
    requests.list += listed === 0 ? 1 : 0;
  }
  const counted: Store = {
    ...bound(store),
    get: (key, options) => {
      requests.get += 1;
      return store.get(key, options);
    },
    head: (key, options) => {
      requests.head += 1;
      return store.head(key, options);
    },
    list,
  };
  return { store: counted, requests };
}

async function* none(): AsyncGenerator<ListedObject> {}

function* allBatches(): Generator<ListedObject> {
  for (let index = 0; index < BATCHES; index += 1) {
    yield { key: batchKey(index * BATCH_BYTES), sizeBytes: 1_000, modifiedAtMs: 0 };
  }
}

it('plans for 200 snapshots and 100,000 batches with a few hundred requests', async () => {
  const { store, requests } = counting((await largeArchive()).store);
  const policy = { keepWithinMs: 30 * 86_400_000, keepDaily: 7, keepWeekly: 8, keepMonthly: 6 };
  const result = await prune(testContext(store), { policy, action: 'delete', dryRun: true });
  const all = requests.get + requests.head + requests.list;
  console.log(`prune of ${SNAPSHOTS} snapshots and ${BATCHES} batches: ${all} requests to plan`, requests);
  expect(result.removed.batches).toBe((SNAPSHOTS - 30) * BATCHES_BETWEEN);
  expect(result.kept.snapshots).toBeGreaterThan(35);
  // The writers, the snapshots twice; of the four ranges of the log, three end with a page, and the last one is empty.
  expect(requests.list).toBe(BATCHES / PAGE_KEYS + 1 + 2 + 1);
  expect(all).toBeLessThan(500);
});
