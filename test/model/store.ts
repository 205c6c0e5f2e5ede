/** What lies on the store, as plain data, and what a put does to it. */

export type Offset = number;

/**
 * The whole history up to a cut, in clear: the archive's id, then each batch's records after a bar, as in `id|a|bc`. It
 * stands for the chain's hash: equal exactly when all content and all cuts are.
 */
export type Chain = string;

export interface Batch {
  readonly first: Offset;
  readonly end: Offset;
  readonly prev: Chain;
  readonly chain: Chain;
  readonly epoch: number;
}

/** A snapshot at a cut. Its age is in days, as the listing tells it. */
export interface Snapshot {
  readonly at: Offset;
  readonly chain: Chain;
  readonly age: number;
}

export interface Claim {
  readonly epoch: number;
  readonly owner: string;
  readonly age: number;
}

export interface Store {
  /** The archive's id; null: the place is empty. */
  readonly descriptor: string | null;
  /** `LOG/`, `SNAPSHOT/` and `WRITER/`, ascending. */
  readonly batches: readonly Batch[];
  readonly snapshots: readonly Snapshot[];
  readonly claims: readonly Claim[];
}

/** A put that is on its way: create-only, as every put of the protocol is. */
export type Put =
  | { readonly of: 'descriptor'; readonly id: string }
  | { readonly of: 'claim'; readonly claim: Claim }
  | { readonly of: 'batch'; readonly batch: Batch }
  | { readonly of: 'snapshot'; readonly snapshot: Snapshot };

export const DAY = 1;

export function batchAt(store: Store, first: Offset): Batch | undefined {
  return store.batches.find((batch) => batch.first === first);
}

/** The end of the chain as a writer sees it: that of the last batch. */
export function tailOf(store: Store): {
  readonly end: Offset;
  readonly chain: Chain;
  readonly epoch: number;
} {
  return store.batches.at(-1) ?? { end: 0, chain: store.descriptor ?? '', epoch: 0 };
}

export function newestEpoch(store: Store): number {
  return store.claims.at(-1)?.epoch ?? 0;
}

/** The records of a chain, without id and cuts. */
export function contentOf(chain: Chain): string {
  return chain.slice(chain.indexOf('|') + 1 || chain.length).replaceAll('|', '');
}

export function payloadOf({ prev, chain }: Batch): string {
  return chain.slice(prev.length + 1);
}

export function isTaken(store: Store, put: Put): boolean {
  switch (put.of) {
    case 'descriptor':
      return store.descriptor !== null;
    case 'claim':
      return store.claims.some(({ epoch }) => epoch === put.claim.epoch);
    case 'batch':
      return batchAt(store, put.batch.first) !== undefined;
    case 'snapshot':
      return store.snapshots.some(({ at }) => at === put.snapshot.at);
  }
}

/** The store with the object of a put, whatever was at its key before. */
export function withObject(store: Store, put: Put): Store {
  switch (put.of) {
    case 'descriptor':
      return { ...store, descriptor: put.id };
    case 'claim':
      return { ...store, claims: placed(store.claims, put.claim, ({ epoch }) => epoch) };
    case 'batch':
      return { ...store, batches: placed(store.batches, put.batch, ({ first }) => first) };
    case 'snapshot':
      return { ...store, snapshots: placed(store.snapshots, put.snapshot, ({ at }) => at) };
  }
}

function placed<Item>(items: readonly Item[], item: Item, keyOf: (item: Item) => number): readonly Item[] {
  const others = items.filter((other) => keyOf(other) !== keyOf(item));
  return [...others, item].sort((a, b) => keyOf(a) - keyOf(b));
}

/** The batches of the chain from a place on, in order: each links to the one before. */
export function linkedFrom(
  store: Store,
  from: { readonly at: Offset; readonly chain: Chain },
): readonly Batch[] {
  const linked: Batch[] = [];
  let [at, chain] = [from.at, from.chain];
  for (const batch of store.batches) {
    if (batch.first === at && batch.prev === chain) {
      linked.push(batch);
      [at, chain] = [batch.end, batch.chain];
    }
  }
  return linked;
}

/** The newest snapshot that is that old, or the journal's beginning. */
export function baseOf(store: Store, age: number): { readonly at: Offset; readonly chain: Chain } {
  const base = store.snapshots.findLast((snapshot) => snapshot.age >= age);
  return base ?? { at: 0, chain: store.descriptor ?? '' };
}

/** The history up to the latest offset there is, whether or not all of it is still there. */
export function latestOf(store: Store): Chain {
  const [tail, base] = [tailOf(store), baseOf(store, 0)];
  return tail.end >= base.at ? tail.chain : base.chain;
}

/** Can the latest offset be restored, beginning at the newest snapshot that is that old? */
export function isWholeFrom(store: Store, age: number): boolean {
  const base = baseOf(store, age);
  return (linkedFrom(store, base).at(-1)?.chain ?? base.chain) === latestOf(store);
}

/**
 * The batches that count: below the newest snapshot one does only when its successor, a batch or a snapshot, links to
 * it. A key that a sleeper re-created after a prune does not.
 */
export function countingBatches(store: Store): readonly Batch[] {
  const base = baseOf(store, 0);
  return store.batches.filter(
    ({ first, chain }) =>
      first >= base.at ||
      chain === tailOf(store).chain ||
      store.batches.some(({ prev }) => prev === chain) ||
      store.snapshots.some((snapshot) => snapshot.chain === chain),
  );
}

export function showPut(put: Put): string {
  switch (put.of) {
    case 'descriptor':
      return 'ARCHIVE.json';
    case 'claim':
      return `WRITER/${put.claim.epoch}`;
    case 'batch':
      return `LOG/${put.batch.first} "${payloadOf(put.batch)}"`;
    case 'snapshot':
      return `SNAPSHOT/${put.snapshot.at}`;
  }
}
