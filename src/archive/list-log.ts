import { together } from '../kernel/concurrency.ts';
import type { Offset } from '../kernel/offset.ts';
import type { CallOptions, ListOptions, Store } from '../store/contract.ts';
import { CatalogBuilder } from './catalog.ts';
import { batchKey, LOG_PREFIX, meaningOf, SNAPSHOT_PREFIX } from './layout.ts';

/** A page of most stores. So many names are listed one after the other; few archives have more. */
const BEGINNING_NAMES = 1_000;

/** Where a listing stands. */
interface Beginning {
  /** The last name it gave. */
  readonly key: string;
  readonly first: Offset;
  readonly last: Offset;
}

/**
 * Lists `LOG/`, a long one in some ranges at a time where the store gains by that. It costs at most one page more for
 * each range, and a look at the snapshots. Only what is below the newest snapshot is divided: it was stored
 * before, so that what is stored meanwhile is listed by one range, in the order in which it comes.
 */
export async function listLog(store: Store, catalog: CatalogBuilder, options: CallOptions): Promise<void> {
  const { parallelListings } = store.capabilities;
  const beginning = await listBeginning(store, catalog, parallelListings > 1, options);
  if (beginning === undefined) {
    return;
  }
  const stored = await newestSnapshot(store, options);
  const splits = splitsOf(beginning, stored, parallelListings - 1)
    .map(batchKey)
    .filter((key) => key > beginning.key);
  const ranges = [beginning.key, ...splits].map((after, index) => ({ after, upTo: splits[index] }));
  const parts = await together(ranges, options.signal, (range, signal) =>
    listRange(store, { ...range, signal }),
  );
  for (const part of parts) {
    catalog.append(part);
  }
}

/** Undefined: that was all. */
async function listBeginning(
  store: Store,
  catalog: CatalogBuilder,
  mayDivide: boolean,
  options: CallOptions,
): Promise<Beginning | undefined> {
  let names = 0;
  for await (const object of store.list(LOG_PREFIX, options)) {
    catalog.add(object);
    names += 1;
    const [first, last] = [catalog.batches[0]?.first, catalog.batches.at(-1)?.first];
    if (mayDivide && names >= BEGINNING_NAMES && first !== undefined && last !== undefined) {
      return { key: object.key, first, last };
    }
  }
  return undefined;
}

async function listRange(store: Store, range: ListOptions): Promise<CatalogBuilder> {
  const part = new CatalogBuilder();
  for await (const object of store.list(LOG_PREFIX, range)) {
    part.add(object);
  }
  return part;
}

/** 0: there is none. */
async function newestSnapshot(store: Store, options: CallOptions): Promise<Offset> {
  let newest = 0;
  for await (const { key } of store.list(SNAPSHOT_PREFIX, options)) {
    const meaning = meaningOf(key);
    newest = meaning.kind === 'snapshot' ? meaning.at : newest;
  }
  return newest;
}

/** The ends of even ranges from the beginning to `stored`: at most `limit`, none shorter than the beginning. */
function splitsOf({ first, last }: Beginning, stored: Offset, limit: number): readonly Offset[] {
  const count = Math.max(0, Math.min(limit, Math.floor((stored - last) / Math.max(1, last - first))));
  return Array.from({ length: count }, (_, index) =>
    Math.floor(last + ((stored - last) / count) * (index + 1)),
  );
}
