import { mapInOrder } from '../kernel/concurrency.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { ListedSnapshot } from './catalog.ts';
import { damaged } from './damage.ts';
import { snapshotKey } from './layout.ts';
import type { SnapshotHeader } from './snapshot-header.ts';
import { readSnapshotHeader } from './snapshot-object.ts';
import { CHAIN_LIMIT } from './snapshot-policy.ts';

/** The headers of the listed snapshots. Each is read at most once, and only when somebody asks for it: one get. */
export class SnapshotShelf {
  readonly #store: Store;
  /** The archive's id. */
  readonly #archive: string;
  readonly #listed: readonly ListedSnapshot[];
  readonly #options: CallOptions;
  /** Undefined: damaged or gone. */
  readonly #headers = new Map<Offset, Promise<SnapshotHeader | undefined>>();
  readonly #damage = new Map<Offset, RigError>();

  constructor(store: Store, archive: string, listed: readonly ListedSnapshot[], options: CallOptions) {
    this.#store = store;
    this.#archive = archive;
    this.#listed = listed;
    this.#options = options;
  }

  /** What is wrong with the snapshots that were found damaged so far. */
  get damage(): ReadonlyMap<Offset, RigError> {
    return this.#damage;
  }

  /** Remembers what a closer look at a snapshot has shown: it does not count any more. */
  condemn(at: Offset, damage: RigError): void {
    this.#headers.set(at, Promise.resolve(undefined));
    this.#damage.set(at, damage);
  }

  /** Those not beyond an offset that can be read, the newest first, each read when it is asked for. */
  async *downFrom(offset: Offset): AsyncGenerator<SnapshotHeader, void, undefined> {
    for (const { at } of this.#listed.toReversed()) {
      const header = at <= offset ? await this.#read(at) : undefined;
      if (header !== undefined) {
        yield header;
      }
    }
  }

  /** All that count: they can be read and their bases too. Ascending. Reads in parallel what was not read yet. */
  async all(): Promise<SnapshotHeader[]> {
    const headers: SnapshotHeader[] = [];
    const limit = this.#store.capabilities.parallelCalls;
    for await (const header of mapInOrder(this.#listed, limit, ({ at }) => this.#read(at))) {
      if (header !== undefined && (await this.dependencies(header)).every(({ present }) => present)) {
        headers.push(header);
      }
    }
    return headers;
  }

  /** The newest one that counts and is not beyond an offset. */
  async newest(offset: Offset = Number.MAX_SAFE_INTEGER): Promise<SnapshotHeader | undefined> {
    for await (const header of this.downFrom(offset)) {
      if ((await this.dependencies(header)).every(({ present }) => present)) {
        return header;
      }
    }
    return undefined;
  }

  /** A snapshot and those it needs. The full one is the last; `present` is false of one that does not count. */
  async dependencies(header: SnapshotHeader): Promise<{ at: Offset; present: boolean }[]> {
    const chain = [{ at: header.at, present: true }];
    let base = header.base;
    while (base !== undefined) {
      // More than so many nobody can restore, and nobody shall look through.
      const next = chain.length < CHAIN_LIMIT ? await this.#read(base) : undefined;
      chain.push({ at: base, present: next !== undefined });
      // Bases are older: a header that says otherwise must not lead round in a circle.
      base = next?.base !== undefined && next.base < base ? next.base : undefined;
    }
    return chain;
  }

  #read(at: Offset): Promise<SnapshotHeader | undefined> {
    const reading = this.#headers.get(at) ?? this.#readOnce(at);
    this.#headers.set(at, reading);
    return reading;
  }

  async #readOnce(at: Offset): Promise<SnapshotHeader | undefined> {
    const key = snapshotKey(at);
    try {
      const header = await readSnapshotHeader(this.#store, key, this.#options);
      if (header !== undefined && header.archive !== this.#archive) {
        throw damaged(key, `it belongs to another archive, ${header.archive}`, { details: { offset: at } });
      }
      return header;
    } catch (error) {
      if (!isRigError(error) || error.kind !== 'data') {
        throw error;
      }
      this.#damage.set(at, error);
      return undefined;
    }
  }
}
