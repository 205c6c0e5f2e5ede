import { describe, expect, test } from 'vitest';
import { batchKey } from '../../src/archive/layout.ts';
import type { ListedObject, ListOptions, Store } from '../../src/store/contract.ts';
import type { Context } from '../../src/workflows/context.ts';
import { ls } from '../../src/workflows/ls.ts';
import { restore } from '../../src/workflows/restore.ts';
import { status } from '../../src/workflows/status.ts';
import { buildArchive } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { options } from '../support/line-archive.ts';
import { longerListing } from '../support/longer-listing.ts';
import { ScriptedStore } from '../support/scripted-store.ts';
import { addSnapshot } from '../support/snapshot-archive.ts';
import { testContext } from '../support/workflow-context.ts';

const BATCHES = 100_000;
const SNAPSHOTS = 200;
const PAGE_KEYS = 1_000;
/** Batches that are there; of the others there are only names, and nobody may read them. */
const [HEAD_END, TAIL_START] = [1, BATCHES - 20];

/** Counts what a store on S3 would be asked: a request for each page of a listing, and for every other call. */
class CountingStore extends ScriptedStore {
  requests = 0;

  constructor(store: Store) {
    super(store);
    this.script.get = (_key, proceed) => {
      this.requests += 1;
      return proceed();
    };
  }

  override async *list(prefix: string, listOptions?: ListOptions): AsyncIterable<ListedObject> {
    let keys = 0;
    const listed = super.list(prefix, listOptions);
    for await (const object of longerListing(listed, unwrittenBatches(), prefix, listOptions)) {
      this.requests += keys % PAGE_KEYS === 0 ? 1 : 0;
      keys += 1;
      yield object;
    }
    this.requests += keys === 0 ? 1 : 0;
  }
}

/** Batches that are listed and never read. */
function* unwrittenBatches(): Generator<ListedObject> {
  for (let first = HEAD_END + 1; first < TAIL_START; first += 1) {
    yield { key: batchKey(first), sizeBytes: 100, modifiedAtMs: 0 };
  }
}

/** 200 snapshots of the state, and a newer one of the journal. */
async function manySnapshots(): Promise<Store> {
  const journal = Buffer.alloc(BATCHES, 'x');
  const tail = Array.from({ length: BATCHES - TAIL_START }, (_, index) => TAIL_START + 1 + index);
  const archive = await buildArchive({ journal, cuts: [HEAD_END, TAIL_START, ...tail] });
  for (let index = 1; index <= SNAPSHOTS; index += 1) {
    const at = (index * BATCHES) / SNAPSHOTS - 6;
    await addSnapshot(archive, journal, { at });
  }
  await addSnapshot(archive, journal, { at: BATCHES - 5, of: 'journal' });
  return archive.store;
}

const built = manySnapshots();

describe('an archive of 200 snapshots and 100,000 batches', () => {
  const dryRun = (what: 'journal' | 'state') => (context: Context) =>
    restore(context, options({ what, dryRun: true }));
  const commands: readonly [string, number, (context: Context) => Promise<unknown>][] = [
    ['status', 320, status],
    ['ls', 101, async (context) => collect(ls(context))],
    ['restore of the journal', 125, dryRun('journal')],
    ['restore of a state', 140, dryRun('state')],
  ];

  test.each(commands)('costs %s at most %i requests', async (_name, most, command) => {
    const store = new CountingStore(await built);
    await command(testContext(store));
    expect(store.requests).toBeLessThanOrEqual(most);
    expect(store.requests).toBeGreaterThan(BATCHES / PAGE_KEYS);
  });
});
