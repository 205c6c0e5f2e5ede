import { assert } from '../kernel/assert.ts';
import { Attempts, type RetryPolicy } from '../kernel/attempts.ts';
import { isRigError, RigError } from '../kernel/errors.ts';
import type { Reporter } from '../kernel/report.ts';
import type { PutBody, Store } from '../store/contract.ts';
import { goneAgain } from './create-once.ts';
import { publishLatest } from './latest.ts';
import { snapshotKey } from './layout.ts';
import type { SealedSnapshot, SnapshotSummary } from './seal-snapshot.ts';
import type { SnapshotHeader } from './snapshot-header.ts';
import { readSnapshotHead } from './snapshot-object.ts';

/** Looks for a successor now; throws RIG_FENCED when there is one. */
export type Look = (signal: AbortSignal) => Promise<void>;

/** What came of putting a snapshot. `present`: the same was there already; `different`: another is. */
export type SnapshotOutcome =
  | { readonly how: 'stored'; readonly summary: SnapshotSummary }
  | { readonly how: 'present' | 'different' };

/** Puts snapshots, and `LATEST` after them, on behalf of a writer. */
export class SnapshotWriter {
  readonly #store: Store;
  readonly #policy: RetryPolicy;
  readonly #report: Reporter;
  readonly #look: Look;

  constructor(store: Store, policy: RetryPolicy, report: Reporter, look: Look) {
    this.#store = store;
    this.#policy = policy;
    this.#report = report;
    this.#look = look;
  }

  /**
   * Stores a snapshot under its offset, unless one is there: then says whether it is the same. Looks last. Repeats the
   * put, byte for byte, until the outcome is certain or the policy's deadline has passed. Overwrites nothing.
   * @throws RigError RIG_FENCED; RIG_STORE_*; RIG_CHECKSUM_MISMATCH when what is there is damaged; whatever the
   *   snapshot's source throws
   */
  async put(sealed: SealedSnapshot, signal: AbortSignal): Promise<SnapshotOutcome> {
    const key = snapshotKey(sealed.header.at);
    const attempts = new Attempts(`put ${key}`, this.#policy, signal);
    for (;;) {
      // First: what is there need not be sent to be refused, and an outcome that is not known is resolved by it.
      const found = await this.#compare(key, sealed, signal);
      if (found !== undefined) {
        return found;
      }
      try {
        await this.#create(key, this.#lookingLast(sealed.body, signal), signal);
        return { how: 'stored', summary: await summaryOf(sealed) };
      } catch (error) {
        signal.throwIfAborted();
        await attempts.pauseAfter(isRigError(error, 'RIG_OBJECT_EXISTS') ? goneAgain(key, error) : error);
      }
    }
  }

  /** Undefined: nothing is there, which after an unknown outcome does not prove that nothing will be. */
  async #compare(
    key: string,
    sealed: SealedSnapshot,
    signal: AbortSignal,
  ): Promise<SnapshotOutcome | undefined> {
    const found = await readSnapshotHead(this.#store, key, { signal });
    if (found === undefined) {
      return undefined;
    }
    const { of, content } = sealed.header;
    const isAlike = found.header.of === of && found.header.content === content;
    const isSame =
      isAlike &&
      (isProven(found.header, sealed.header) || found.footer.sha256 === (await summaryOf(sealed)).sha256);
    return { how: isSame ? 'present' : 'different' };
  }

  /**
   * Looks, then makes `LATEST` name the newest snapshot that is listed. May be repeated.
   * @throws RigError RIG_FENCED; RIG_STORE_*
   */
  async publishLatest(signal: AbortSignal): Promise<void> {
    await this.#look(signal);
    await publishLatest(this.#store, { signal });
  }

  /** To read a body may take days where a machine sleeps: it ends only when nobody has come meanwhile. */
  #lookingLast(body: PutBody, signal: AbortSignal): PutBody {
    const look = () => this.#look(signal);
    return {
      ...body,
      async *open() {
        yield* body.open();
        await look();
      },
    };
  }

  async #create(key: string, body: PutBody, signal: AbortSignal): Promise<void> {
    try {
      await this.#store.put(key, body, { if: 'absent', signal });
    } catch (error) {
      if (!isRigError(error, 'RIG_STORE_UNSUPPORTED')) {
        throw error;
      }
      await this.#createUnguarded(key, body, signal);
    }
  }

  /**
   * Some servers honour create-only puts but not for multipart uploads. A snapshot of an offset is the same whoever
   * puts it, and only a writer that has looked does: so there it is enough to see that nothing is there.
   */
  async #createUnguarded(key: string, body: PutBody, signal: AbortSignal): Promise<void> {
    if ((await this.#store.head(key, { signal })) !== undefined) {
      throw new RigError('RIG_OBJECT_EXISTS', `${key} exists`);
    }
    this.#report({
      type: 'note',
      code: 'unguarded-snapshot',
      message: `${this.#store.url} cannot create large objects on condition: ${key} was looked for before it is put`,
    });
    await this.#store.put(key, body, { if: 'any', signal });
  }
}

/** Of two images of one journal the chain proves the bytes; they may be cut into other pieces, and hash otherwise. */
function isProven({ of, at, cut, chain }: SnapshotHeader, other: SnapshotHeader): boolean {
  return of === 'journal' && at === cut && cut === other.cut && chain === other.chain;
}

/** A put that was refused may not have read the body to its end. */
async function summaryOf(sealed: SealedSnapshot): Promise<SnapshotSummary> {
  if (sealed.summary() === undefined) {
    for await (const _ of sealed.body.open()) {
      // What counts is what is found at the end.
    }
  }
  const summary = sealed.summary();
  assert(summary !== undefined, 'a body that was read to its end');
  return summary;
}
