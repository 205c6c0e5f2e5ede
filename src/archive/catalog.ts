import type { Offset } from '../kernel/offset.ts';
import type { ListedObject } from '../store/contract.ts';
import { batchKey, meaningOf } from './layout.ts';

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

const STRAYS_LIMIT = 100;

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

/** A catalog that grows with a listing. */
export class CatalogBuilder implements Catalog {
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

  /** Adds what comes after all that is there. */
  append(other: Catalog): void {
    for (const batch of other.batches) {
      this.batches.push(batch);
    }
    this.snapshots.push(...other.snapshots);
    this.writers.push(...other.writers);
    this.strayCount += other.strayCount;
    this.strays.push(...other.strays.slice(0, STRAYS_LIMIT - this.strays.length));
  }
}
