import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { batchKey, snapshotKey } from '../../src/archive/layout.ts';
import { readCatalog, readWholeCatalog } from '../../src/archive/read-catalog.ts';
import type { Offset } from '../../src/kernel/offset.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { ListedObject, ListOptions, Store } from '../../src/store/contract.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { ScriptedStore } from '../support/scripted-store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

function emptyStore(): ScriptedStore {
  return new ScriptedStore(openMemoryStore(createMemoryNamespace(), new SimulatedClock()));
}

async function putNames(store: Store, names: Iterable<string>): Promise<void> {
  for (const name of names) {
    await store.put(name, bodyOf('x'), { if: 'any' });
  }
}

/** The starts of batches of these lengths. */
function startsOf(lengths: readonly number[]): Offset[] {
  const starts: Offset[] = [];
  let end = 0;
  for (const length of lengths) {
    starts.push(end);
    end += length;
  }
  return starts;
}

/** Gives its names page by page, as servers do: each page shows what is there when it is asked for. */
class PagedStore extends ScriptedStore {
  /** Called before each page. */
  onPage: () => Promise<void> = () => Promise.resolve();

  override async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    this.calls.push(`list ${prefix}`);
    for (let { after } = options; ; ) {
      await this.onPage();
      const page: ListedObject[] = [];
      for await (const object of super.list(prefix, { ...options, after })) {
        page.push(object);
        if (page.length === 100) {
          break;
        }
      }
      yield* page;
      if (page.length < 100) {
        return;
      }
      after = page.at(-1)?.key;
    }
  }
}

describe('the listing of a long archive', () => {
  const archive = fc.record({
    lengths: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 900, maxLength: 6_000, size: 'max' }),
    snapshotsAt: fc.array(fc.nat({ max: 200_000 }), { maxLength: 3 }),
    strays: fc.array(fc.stringMatching(/^LOG\/0000000000[0-9a-f]{1,6}-?$/), { maxLength: 200, size: 'max' }),
  });

  test.prop([archive], { numRuns: 60 })('is the same as one name after the other', async (given) => {
    const store = emptyStore();
    await putNames(store, given.strays);
    await putNames(store, startsOf(given.lengths).map(batchKey));
    await putNames(store, given.snapshotsAt.map(snapshotKey));
    const [divided, whole] = [await readCatalog(store), await readWholeCatalog(store)];
    const starts = ({ batches }: typeof whole) => batches.map(({ first }) => first);
    expect(starts(divided)).toEqual(starts(whole));
    expect(divided.strays).toEqual(whole.strays);
    expect([divided.strayCount, divided.snapshots]).toEqual([whole.strayCount, whole.snapshots]);
  });

  it('counts nothing twice when strays lie where it may be divided', async () => {
    const store = emptyStore();
    const starts = startsOf(Array.from({ length: 999 }, () => 10));
    await putNames(store, [...starts, 2_000_000].map(batchKey));
    await putNames(store, [`${batchKey(1_100_000)}-`, `${batchKey(1_200_000)}-`, snapshotKey(3_000_000)]);
    expect(await readCatalog(store)).toMatchObject({ strayCount: 2, batches: { length: 1_000 } });
  });

  it.for([1, 2, 3, 4, 5, 6, 7, 8])('shows no batch without the one before it (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const store = new PagedStore(openMemoryStore(createMemoryNamespace(), new SimulatedClock()));
    const starts = startsOf(Array.from({ length: 5_000 }, () => 10));
    const stored = 2_000 + Math.floor(random.next() * 1_000);
    await putNames(store, starts.slice(0, stored).map(batchKey));
    await putNames(store, [snapshotKey(starts[stored] ?? 0)]);
    const later = starts.slice(stored);
    store.onPage = async () => {
      for (let turns = random.next() * 40; turns > 0; turns -= 1) {
        await Promise.resolve();
      }
      await putNames(store, later.splice(0, random.next() * 200).map(batchKey));
    };
    const { batches } = await readCatalog(store);
    expect(batches.length).toBeGreaterThan(stored);
    expect(batches.map(({ first }) => first)).toEqual(starts.slice(0, batches.length));
  });

  const lists = ({ calls }: ScriptedStore) => calls.filter((call) => call === 'list LOG/').length;

  it('is divided when it is long, and a snapshot shows that it goes on', async () => {
    const store = emptyStore();
    await putNames(store, startsOf(Array.from({ length: 4_000 }, () => 10)).map(batchKey));
    await readCatalog(store);
    expect(lists(store)).toBe(2);
    await putNames(store, [snapshotKey(40_000)]);
    await readCatalog(store);
    expect(lists(store)).toBe(2 + 1 + 4);
  });

  it('is one when it is short, or when the store gains nothing by more', async () => {
    const names = startsOf(Array.from({ length: 4_000 }, () => 10)).map(batchKey);
    const short = emptyStore();
    await putNames(short, [...names.slice(0, 999), snapshotKey(9_990)]);
    await readCatalog(short);
    expect(lists(short)).toBe(1);
    const memory = openMemoryStore(createMemoryNamespace(), new SimulatedClock());
    const atOnce = new ScriptedStore({
      ...memory,
      url: 'directory:',
      capabilities: { ...memory.capabilities, parallelListings: 1 },
      list: (prefix, options) => memory.list(prefix, options),
      put: (key, body, options) => memory.put(key, body, options),
    });
    await putNames(atOnce, [...names, snapshotKey(40_000)]);
    await readCatalog(atOnce);
    expect(lists(atOnce)).toBe(1);
  });
});
