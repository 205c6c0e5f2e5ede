import type { Clock } from '../kernel/clock.ts';
import { RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Store } from '../store/contract.ts';
import { type Claim, readClaim, showClaim } from './claim.ts';
import { meaningOf, SNAPSHOT_PREFIX, snapshotKey, WRITER_PREFIX, writerKey } from './layout.ts';

/** While it appends, a writer looks for a successor this often. */
const LOOK_EVERY_MS = 10_000;
/** A writer that was away this long may have missed a takeover and a prune together. */
const AWAY_MS = 3_600_000;

/** A prune takes claims once a day: more than once or twice it does not get between a listing and a read. */
const LISTINGS_LIMIT = 3;

/** What a writer knows of the archive is out of date, because others went on or pruned: it must start again. */
export class ArchiveMoved extends Error {
  override readonly name = 'ArchiveMoved';
}

/** What the one who was overtaken is told. */
export function fencedBy(successor: Claim): RigError {
  const { epoch, owner, mode, host, pid, startedAt } = successor;
  return new RigError('RIG_FENCED', `overtaken by the writer of ${showClaim(successor)}`, {
    hint: 'let that writer go on; if this one shall push, stop that one first and then start this one again',
    details: { epoch, owner, mode, host, pid, startedAt },
  });
}

/** A moment by every clock there is: one may jump, one may stand still while a machine sleeps, one is not ours. */
interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
  readonly storeTimeMs: number | undefined;
}

/**
 * Watches for a successor on behalf of a writer. Without it a writer that slept through a takeover and a prune could
 * re-create a key that was removed, and report it as durable.
 */
export class Lookout {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #epoch: number;
  #successor: Claim | undefined;
  /** When the last look was sent. */
  #looked: Moment;
  /** When the last stored put or full look was sent. */
  #anchor: Moment;

  /** `lookedMs`, `anchor`: when the claim was sent, and when the listing after it was begun. */
  constructor(store: Store, clock: Clock, epoch: number, lookedMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#epoch = epoch;
    this.#anchor = this.#now();
    this.#looked = { ...this.#anchor, monotonicMs: lookedMs };
  }

  throwIfOvertaken(): void {
    if (this.#successor !== undefined) {
      throw fencedBy(this.#successor);
    }
  }

  /**
   * To be called before every put at `durable`. Looks when the last look is too old, fully after a long absence.
   * @throws RigError RIG_FENCED
   * @throws ArchiveMoved
   */
  async beforePut(durable: Offset, signal: AbortSignal): Promise<Guard> {
    const wasAway = isLong(this.#anchor, this.#now());
    if (wasAway) {
      await this.#fullLook(durable, signal);
    } else if (this.#clock.monotonicMs() - this.#looked.monotonicMs > LOOK_EVERY_MS) {
      await this.look(signal);
    }
    const anchor = this.#anchor;
    const sent = this.#now();
    const lookAgain = async (storeTimeMs: number | undefined) => {
      if (wasAway || isLong(anchor, { ...this.#now(), storeTimeMs })) {
        await this.#fullLook(durable, signal);
      }
    };
    return {
      beforeReporting: async (storeTimeMs) => {
        await lookAgain(storeTimeMs);
        this.#anchor = { ...sent, storeTimeMs };
      },
      beforeAdopting: () => lookAgain(undefined),
    };
  }

  /** Runs a put and, when one becomes due meanwhile, a look beside it. What the look finds is obeyed afterwards. */
  async beside<Result>(put: () => Promise<Result>): Promise<Result> {
    const answered = new AbortController();
    const looking = this.#lookWhenDue(answered.signal);
    try {
      return await put();
    } finally {
      answered.abort('answered');
      await looking;
    }
  }

  async #lookWhenDue(signal: AbortSignal): Promise<void> {
    try {
      const dueMs = this.#looked.monotonicMs + LOOK_EVERY_MS - this.#clock.monotonicMs();
      await this.#clock.sleep(Math.max(0, dueMs), signal);
      await this.#ask(signal);
    } catch {
      // The put was answered first, or the look failed: the one before the next put will be due then.
    }
  }

  /**
   * Looks now. To be called before anything but a batch is changed.
   * @throws RigError RIG_FENCED
   */
  async look(signal: AbortSignal): Promise<void> {
    for (;;) {
      const sent = this.#now();
      await this.#ask(signal);
      this.throwIfOvertaken();
      if (!isLong(sent, this.#now())) {
        return;
      }
    }
  }

  /**
   * Looks for any later writer, where a prune may have taken the claim of the next one.
   * @throws RigError RIG_FENCED
   */
  async lookForAny(signal: AbortSignal): Promise<void> {
    await this.#listWriters(signal);
    this.throwIfOvertaken();
  }

  /** Asks for the next writer alone, unless the last look is so old that its claim may have been pruned meanwhile. */
  async #ask(signal: AbortSignal): Promise<void> {
    // A look counts from when it was sent: its answer says nothing of what happened since.
    const sent = this.#now();
    if (isLong(this.#looked, sent)) {
      await this.#listWriters(signal);
    } else {
      this.#successor = (await readClaim(this.#store, this.#epoch + 1, { signal }))?.claim;
    }
    this.#looked = sent;
  }

  /** Lists what only a successor can have written. Repeated when it was itself slept through. */
  async #fullLook(durable: Offset, signal: AbortSignal): Promise<void> {
    for (;;) {
      const sent = this.#now();
      await this.lookForAny(signal);
      for await (const { key } of this.#store.list(SNAPSHOT_PREFIX, {
        after: snapshotKey(durable),
        signal,
      })) {
        throw new ArchiveMoved(`${key} appeared beyond the durable offset`);
      }
      this.#looked = sent;
      this.#anchor = sent;
      if (!isLong(sent, this.#now())) {
        return;
      }
    }
  }

  /**
   * Lists again when what it found was pruned before it could be read: there is a later one then.
   * @throws RigError RIG_STORE_UNAVAILABLE when that goes on
   */
  async #listWriters(signal: AbortSignal): Promise<void> {
    const options = { after: writerKey(this.#epoch), signal };
    for (let listings = 0; listings < LISTINGS_LIMIT; listings += 1) {
      let isAnyListed = false;
      for await (const { key } of this.#store.list(WRITER_PREFIX, options)) {
        const meaning = meaningOf(key);
        if (meaning.kind === 'writer') {
          isAnyListed = true;
          this.#successor ??= (await readClaim(this.#store, meaning.epoch, { signal }))?.claim;
        }
      }
      if (!isAnyListed || this.#successor !== undefined) {
        return;
      }
    }
    throw new RigError(
      'RIG_STORE_UNAVAILABLE',
      `the claims that are listed below ${WRITER_PREFIX} are gone`,
      {
        hint: 'try again; if it stays so, the store lists what it does not have: find out what is wrong with it',
      },
    );
  }

  #now(): Moment {
    return {
      wallMs: this.#clock.wallMs(),
      monotonicMs: this.#clock.monotonicMs(),
      storeTimeMs: undefined,
    };
  }
}

/** What is left to do once the put has been answered, judged at that time. */
export interface Guard {
  /** Before a stored batch is reported. `storeTimeMs`: the store's clock in its answer. */
  beforeReporting(storeTimeMs: number | undefined): Promise<void>;
  /** Before what was found at the key is adopted. */
  beforeAdopting(): Promise<void>;
}

/** Has it been long by any clock? */
function isLong(from: Moment, to: Moment): boolean {
  const storeMs =
    from.storeTimeMs === undefined || to.storeTimeMs === undefined ? 0 : to.storeTimeMs - from.storeTimeMs;
  return Math.max(to.wallMs - from.wallMs, to.monotonicMs - from.monotonicMs, storeMs) >= AWAY_MS;
}
