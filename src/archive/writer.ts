import { assert } from '../kernel/assert.ts';
import { Attempts, type RetryPolicy } from '../kernel/attempts.ts';
import type { Sha256 } from '../kernel/digest.ts';
import { isRigError, RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { PutResult, Store } from '../store/contract.ts';
import type { BatchHeader } from './batch-header.ts';
import { readStored, type StoredBatch } from './batch-object.ts';
import { readClaim } from './claim.ts';
import { checkPayload, diverged, findCommonEnd, localBehind } from './compare.ts';
import { goneAgain } from './create-once.ts';
import { damaged } from './damage.ts';
import { batchKey } from './layout.ts';
import { hashLocal, type LocalJournal } from './local-journal.ts';
import { fencedBy, type Lookout } from './lookout.ts';
import type { SealedBatch } from './seal.ts';
import type { Tail } from './survey.ts';

/** What a put of a batch came to. The durable offset is at the end of `header` now. */
export interface Appended {
  /** `adopted`: the journal's bytes were there already, from a lost response, an earlier run, or a twin. */
  readonly how: 'stored' | 'adopted';
  readonly header: BatchHeader;
  readonly storedBytes: number;
}

/** Appends batches to an archive, one put at a time, and finds out when it may not any more. Begun by `startWriter`. */
export class Writer {
  readonly archiveId: string;
  readonly epoch: number;
  readonly #store: Store;
  readonly #policy: RetryPolicy;
  readonly #lookout: Lookout;
  #durable: Offset;
  #chain: Sha256;

  /** For {@link startWriter}; `tail` was listed after the claim of `epoch` was stored. */
  constructor(
    archiveId: string,
    epoch: number,
    store: Store,
    policy: RetryPolicy,
    lookout: Lookout,
    tail: Tail,
  ) {
    this.archiveId = archiveId;
    this.epoch = epoch;
    this.#store = store;
    this.#policy = policy;
    this.#lookout = lookout;
    this.#durable = tail.durable;
    this.#chain = tail.chain;
  }

  /** The end of the contiguous chain known to be stored. */
  get durable(): Offset {
    return this.#durable;
  }

  /** The chain there: the next batch's `prev`. */
  get chain(): Sha256 {
    return this.#chain;
  }

  /** Looks for a successor now. @throws RigError RIG_FENCED */
  look(signal: AbortSignal): Promise<void> {
    return this.#lookout.look(signal);
  }

  /** @throws RigError RIG_FENCED when a look beside an earlier put found a successor. */
  throwIfOvertaken(): void {
    this.#lookout.throwIfOvertaken();
  }

  /**
   * Puts a batch that starts at the durable offset. When it returns, all below its header's end can be restored; with
   * an adopted batch that is another end than the given batch's. Repeats the put, byte for byte, until the store
   * gives a clear answer or the policy's deadline has passed.
   *
   * @throws RigError RIG_FENCED a newer writer has claimed the archive; RIG_DIVERGED or RIG_LOCAL_BEHIND the archive
   *   has other or more bytes than the journal; RIG_STORE_*; RIG_CHECKSUM_MISMATCH the object in the way is damaged
   * @throws ArchiveMoved a snapshot beyond the durable offset appeared: start again
   */
  async append(batch: SealedBatch, journal: LocalJournal, signal: AbortSignal): Promise<Appended> {
    const { first, prev, epoch } = batch.header;
    assert(
      first === this.#durable && prev === this.#chain && epoch === this.epoch,
      'a batch that comes next',
    );
    this.throwIfOvertaken();
    // What is archived must survive a power loss here too, or this machine could come back shorter than its archive.
    await journal.syncData();
    const attempts = new Attempts(`put ${batchKey(first)}`, this.#policy, signal);
    for (;;) {
      const guard = await this.#lookout.beforePut(this.#durable, signal);
      const outcome = await this.#put(batch, signal);
      if (outcome.stored) {
        await guard.beforeReporting(outcome.result.storeTimeMs);
        return this.#advance('stored', batch.header, batch.body.lengthBytes ?? 0);
      }
      const found = await this.#resolve(journal, signal);
      if (found !== undefined) {
        // It may reach beyond what was synced for the batch that was to be put.
        await journal.syncData();
        await guard.beforeAdopting();
        return this.#advance('adopted', found.head.header, found.head.storedBytes);
      }
      await attempts.pauseAfter(outcome.failure);
    }
  }

  /** One put, with a look at the successor beside it when one is due. Throws what no look at the key can resolve. */
  async #put(
    batch: SealedBatch,
    signal: AbortSignal,
  ): Promise<{ stored: true; result: PutResult } | { stored: false; failure: RigError }> {
    const key = batchKey(batch.header.first);
    try {
      const put = () => this.#store.put(key, batch.body, { if: 'absent', signal });
      const result = await this.#lookout.beside(put);
      return { stored: true, result };
    } catch (error) {
      signal.throwIfAborted();
      if (isRigError(error, 'RIG_OBJECT_EXISTS')) {
        // Only if it is gone when it is read does this go on to another attempt.
        return { stored: false, failure: goneAgain(key, error) };
      }
      if (isRigError(error) && error.retryable) {
        return { stored: false, failure: error };
      }
      throw error;
    }
  }

  /**
   * "Exists" and an unknown outcome alike are resolved by what is at the durable offset now. Undefined: nothing, which
   * does not prove that the put will never land, so that only the same put may be repeated.
   */
  async #resolve(journal: LocalJournal, signal: AbortSignal): Promise<StoredBatch | undefined> {
    const key = batchKey(this.#durable);
    const found = await readStored(this.#store, key, { signal });
    if (found === undefined) {
      return undefined;
    }
    const { header } = found.head;
    if (header.archive !== this.archiveId) {
      throw damaged(key, `it belongs to the archive ${header.archive}`, {
        details: { offset: header.first },
      });
    }
    if (header.epoch > this.epoch) {
      throw await this.#fencedByBatch(header, signal);
    }
    if (header.prev !== this.#chain) {
      throw damaged(key, 'it does not link to the batch before it', {
        code: 'RIG_CHAIN_GAP',
        details: { offset: header.first },
      });
    }
    await checkPayload(found);
    await this.#mustBeJournal(found, journal);
    return found;
  }

  async #mustBeJournal(found: StoredBatch, journal: LocalJournal): Promise<void> {
    const { first, end, sha256 } = found.head.header;
    const localEnd = await journal.observe();
    if (end <= localEnd && (await hashLocal(journal, first, end)) === sha256) {
      return;
    }
    const commonEnd = await findCommonEnd(found, journal, localEnd);
    const standing = { commonEnd, durable: this.#durable, localEnd };
    throw commonEnd === localEnd
      ? localBehind(journal.path, { ...standing, durable: end })
      : diverged(journal.path, standing);
  }

  async #fencedByBatch(header: BatchHeader, signal: AbortSignal): Promise<RigError> {
    const read = await readClaim(this.#store, header.epoch, { signal });
    if (read !== undefined) {
      return fencedBy(read.claim);
    }
    await this.#lookout.lookForAny(signal); // a prune took that claim, but never takes the newest
    return new RigError(
      'RIG_FENCED',
      `the writer of epoch ${header.epoch} has stored ${showOffset(header.first)} before this one`,
      {
        hint: 'let that writer go on, or stop it and start this one again',
        details: { epoch: header.epoch },
      },
    );
  }

  #advance(how: Appended['how'], header: BatchHeader, storedBytes: number): Appended {
    assert(
      header.first === this.#durable && header.prev === this.#chain,
      'the chain to go on where it ended',
    );
    this.#durable = header.end;
    this.#chain = header.chain;
    return { how, header, storedBytes };
  }
}
