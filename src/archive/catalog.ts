import type { Offset } from '../kernel/offset.ts';
import type { CallOptions, ListedObject, Store } from '../store/contract.ts';
import { batchKey, LOG_PREFIX, meaningOf, SNAPSHOT_PREFIX, WRITER_PREFIX } from './layout.ts';

/** What a listing shows of an archive: names, sizes and ages, in ascending order. The basis of every plan. */
export interface Catalog {
  readonly batches: readonly ListedBatch[];
  readonly snapshots: readonly ListedSnapshot[];
  readonly writers: readonly ListedWriter[];
  /** What rigctl did not write: the first hundred, because they may be many and their keys long. */
  readonly strays: readonly ListedObject[];
  /** All of them. */
  readonly strayCount: number;
}

const STRAYS_LIMIT = 100;

export interface ListedBatch {
  readonly key: string;
  readonly first: Offset;
  readonly storedBytes: number;
}

export interface ListedSnapshot {
  readonly key: string;
  readonly at: Offset;
  readonly storedBytes: number;
  readonly modifiedAtMs: number;
}

export interface ListedWriter {
  readonly key: string;
  readonly epoch: number;
  readonly storedBytes: number;
  readonly modifiedAtMs: number;
}

/**
 * Lists an archive: `LOG/`, then `SNAPSHOT/`, then `WRITER/`, so that a prune running meanwhile, which makes a snapshot
 * before it removes batches, cannot hide the tail. May be repeated.
 */
export async function readCatalog(store: Store, options: CallOptions = {}): Promise<Catalog> {
  const builder = new CatalogBuilder();
  for (const prefix of [LOG_PREFIX, SNAPSHOT_PREFIX, WRITER_PREFIX]) {
    for await (const object of store.list(prefix, options)) {
      builder.add(object);
    }
  }
  return builder;
}

/**
 * Lists everything under the archive's URL, strays at the top level too. Key order is the order above. May be repeated.
 */
export async function readWholeCatalog(store: Store, options: CallOptions = {}): Promise<Catalog> {
  const builder = new CatalogBuilder();
  for await (const object of store.list('', options)) {
    builder.add(object);
  }
  return builder;
}

/** Is there anything at all under the archive's URL? One request. */
export async function isEmptyPlace(store: Store, options: CallOptions = {}): Promise<boolean> {
  for await (const _ of store.list('', options)) {
    return false;
  }
  return true;
}

/** There may be millions, and the name follows from the offset: it is made when it is asked for. */
class BatchEntry implements ListedBatch {
  readonly first: Offset;
  readonly storedBytes: number;

  constructor(first: Offset, storedBytes: number) {
    this.first = first;
    this.storedBytes = storedBytes;
  }

  get key(): string {
    return batchKey(this.first);
  }
}

class CatalogBuilder implements Catalog {
  readonly batches: ListedBatch[] = [];
  readonly snapshots: ListedSnapshot[] = [];
  readonly writers: ListedWriter[] = [];
  readonly strays: ListedObject[] = [];
  strayCount = 0;

  add(object: ListedObject): void {
    const { key, sizeBytes: storedBytes, modifiedAtMs } = object;
    const meaning = meaningOf(key);
    switch (meaning.kind) {
      case 'batch':
        this.batches.push(new BatchEntry(meaning.first, storedBytes));
        break;
      case 'snapshot':
        this.snapshots.push({ key, at: meaning.at, storedBytes, modifiedAtMs });
        break;
      case 'writer':
        this.writers.push({ key, epoch: meaning.epoch, storedBytes, modifiedAtMs });
        break;
      case 'stray':
        this.strayCount += 1;
        if (this.strays.length < STRAYS_LIMIT) {
          this.strays.push(object);
        }
        break;
    }
  }
}
