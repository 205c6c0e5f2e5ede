import type { Compression } from '../archive/compression.ts';
import { type SealedBatch, sealBatch } from '../archive/seal.ts';
import type { JournalFormat } from '../journal/contract.ts';
import { type Cut, findCut } from '../journal/cut.ts';
import type { Journal } from '../journal/tail.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Sha256 } from '../kernel/digest.ts';
import type { Offset } from '../kernel/offset.ts';
import { MIB } from '../kernel/size.ts';

/** Catching up, when nothing else is said, batches are so long: few objects, and little memory. */
const CATCH_UP_BYTES = 16 * MIB;
/** While following, when nothing else is said, so much is not made to wait for the interval. */
const FULL_BYTES = 8 * MIB;

/** Where the next batch begins and what it links to. */
export interface Position {
  readonly first: Offset;
  readonly prev: Sha256;
}

export interface BatchSourceOptions {
  readonly journal: Journal;
  readonly format: JournalFormat;
  readonly clock: Clock;
  readonly compression: Compression;
  /** Undefined: 16 MiB when that much is waiting, and 8 MiB are sealed before the interval is over. */
  readonly batchBytes: number | undefined;
  readonly intervalMs: number;
  /** For the header. */
  readonly archive: string;
  readonly epoch: number;
}

/** Where a full batch ends, found while the one before it was sealed. */
interface FoundCut extends Cut {
  readonly start: Offset;
}

/** Cuts a journal into sealed batches, now or when they are due. */
export class BatchSource {
  readonly #options: BatchSourceOptions;
  readonly #targetBytes: number;
  readonly #fullBytes: number;
  /** No observation may lie before what the archive already holds. */
  #notBeforeMs = 0;
  #foundAhead: FoundCut | undefined;

  constructor(options: BatchSourceOptions) {
    this.#options = options;
    this.#targetBytes = options.batchBytes ?? CATCH_UP_BYTES;
    this.#fullBytes = options.batchBytes ?? FULL_BYTES;
  }

  /** The archive holds observations up to this time. */
  observedUntil(atMs: number): void {
    this.#notBeforeMs = Math.max(this.#notBeforeMs, atMs);
  }

  /**
   * The next batch of what has been seen below `seenEnd`. Undefined: no whole record lies there. Another writer may
   * have stored more than that already.
   */
  async next({ first, prev }: Position, seenEnd: Offset): Promise<SealedBatch | undefined> {
    const { journal, archive, epoch, compression } = this.#options;
    if (first >= seenEnd) {
      return undefined;
    }
    await journal.checkRead();
    const { end, records } = await this.#findCut(first, seenEnd);
    if (end === first) {
      return undefined;
    }
    const observed = journal.observedWithin(first, end, this.#notBeforeMs);
    const content = { archive, first, end, records, prev, epoch, observed };
    const ahead = this.#findAhead(end, seenEnd);
    try {
      return await sealBatch(content, journal.read(first, end), compression);
    } finally {
      this.#foundAhead = await ahead;
    }
  }

  async #findCut(first: Offset, seenEnd: Offset): Promise<Cut> {
    const found = this.#foundAhead;
    if (found?.start === first && found.end <= seenEnd) {
      return found;
    }
    const { journal, format } = this.#options;
    return findCut(journal, format, first, seenEnd, { targetBytes: this.#targetBytes });
  }

  /** Reading and counting take a core while sealing waits for others. Trouble is met again when it is its turn. */
  async #findAhead(start: Offset, seenEnd: Offset): Promise<FoundCut | undefined> {
    if (start + this.#targetBytes > seenEnd) {
      return undefined; // more may come that belongs to it
    }
    const { journal, format } = this.#options;
    try {
      const cut = await findCut(journal, format, start, seenEnd, { targetBytes: this.#targetBytes });
      return cut.end > start ? { ...cut, start } : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * The next batch if it is full before `ended` is aborted. Anything shorter is not sealed before it is its turn: more
   * may come that shares its put. The journal is looked at all the while, so that the age of what comes is known.
   */
  async nextFull(position: Position, ended: AbortSignal): Promise<SealedBatch | undefined> {
    try {
      const fullEnd = position.first + this.#targetBytes;
      const seenEnd = await this.#options.journal.waitForGrowth(fullEnd - 1, undefined, ended);
      return await this.next(position, seenEnd);
    } catch (error) {
      if (!ended.aborted || error !== ended.reason) {
        throw error;
      }
      return undefined;
    }
  }

  /** Waits until a batch is due, that is full or its oldest byte `intervalMs` old. Rejects when `stop` is aborted. */
  async nextDue(position: Position, stop: AbortSignal): Promise<SealedBatch> {
    const { journal } = this.#options;
    const { first } = position;
    let beyond = first;
    for (;;) {
      let seenEnd = await journal.waitForGrowth(beyond, undefined, stop);
      const fullEnd = first + this.#fullBytes;
      const dueInMs = this.#dueInMs(first);
      if (seenEnd < fullEnd && dueInMs > 0) {
        seenEnd = await journal.waitForGrowth(fullEnd - 1, dueInMs, stop);
      }
      const batch = await this.next(position, seenEnd);
      if (batch !== undefined) {
        return batch;
      }
      beyond = seenEnd; // an unfinished record: there is nothing to do before it grows
    }
  }

  /** The wall clock may jump, so the age of a byte is not believed beyond the interval. */
  #dueInMs(first: Offset): number {
    const { journal, clock, intervalMs } = this.#options;
    const ageMs = clock.wallMs() - (journal.reachedAtMs(first + 1) ?? clock.wallMs());
    return Math.min(Math.max(intervalMs - ageMs, 0), intervalMs);
  }
}
