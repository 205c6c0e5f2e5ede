import type { Compression } from '../archive/compression.ts';
import { type BatchInSeal, sealBatch } from '../archive/seal.ts';
import type { JournalFormat } from '../journal/contract.ts';
import { type Cut, findCut } from '../journal/cut.ts';
import { CutReader, type Reach } from '../journal/cut-reader.ts';
import type { Journal } from '../journal/tail.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Sha256 } from '../kernel/digest.ts';
import type { Offset } from '../kernel/offset.ts';
import { MIB } from '../kernel/size.ts';

/** Catching up, when nothing else is said, batches are so long: few objects, and little memory. */
const CATCH_UP_BYTES = 16 * MIB;
/** While following, when nothing else is said, so much is not made to wait for the interval. */
const FULL_BYTES = 8 * MIB;

/**
 * A batch is finished a little before its oldest byte is as old as it may get, so that it is on its way by then. Less
 * of a short interval: 5 % of it.
 */
const FINISH_MS = 50;

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

/** Cuts a journal into sealed batches, now or when they are due. */
export class BatchSource {
  readonly #options: BatchSourceOptions;
  readonly #targetBytes: number;
  readonly #fullBytes: number;
  /** No observation may lie before what the archive already holds. */
  #notBeforeMs = 0;

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
  async next(position: Position, seenEnd: Offset): Promise<BatchInSeal | undefined> {
    if (position.first >= seenEnd) {
      return undefined;
    }
    await this.#options.journal.checkRead();
    return this.#seal(position, async () => seenEnd);
  }

  /**
   * The next batch, once it is full or its oldest byte `intervalMs` old; not before `turn` is aborted, since more may
   * come that shares its put. What has come of it is compressed meanwhile, so that little is left to do when it is due,
   * and the journal is looked at all the while, so that the age of what comes is known. Rejects when `stop` is aborted.
   */
  async nextDue(position: Position, turn: AbortSignal, stop: AbortSignal): Promise<BatchInSeal> {
    const { journal } = this.#options;
    const waiting = AbortSignal.any([turn, stop]);
    for (let seenEnd = position.first; ; ) {
      const torn = seenEnd; // an unfinished record: there is nothing to do before it grows, or before its turn
      const batch = await this.#seal(position, async (wanted) => {
        const beyond = Math.max(wanted - 1, torn);
        const isTorn = torn > position.first;
        seenEnd =
          (await this.#grownBefore(waiting, isTorn ? Number.POSITIVE_INFINITY : beyond)) ??
          (await this.#grownWhenDue(position, torn, beyond, stop));
        await journal.checkRead();
        return seenEnd;
      });
      if (batch !== undefined) {
        return batch;
      }
    }
  }

  /** How far the journal reaches when that is above `beyond`; undefined: `ended` was aborted before. */
  async #grownBefore(ended: AbortSignal, beyond: Offset): Promise<Offset | undefined> {
    try {
      return await this.#options.journal.waitForGrowth(beyond, undefined, ended);
    } catch (error) {
      if (!ended.aborted || error !== ended.reason) {
        throw error;
      }
      return undefined;
    }
  }

  /** How far it reaches when that is above `torn`, and above `beyond` if it comes so far before the batch is due. */
  async #grownWhenDue({ first }: Position, torn: Offset, beyond: Offset, stop: AbortSignal): Promise<Offset> {
    const { journal } = this.#options;
    const seenEnd = await journal.waitForGrowth(torn, undefined, stop);
    const enough = Math.min(beyond, first + this.#fullBytes - 1);
    const dueInMs = this.#dueInMs(first);
    return seenEnd > enough || dueInMs === 0 ? seenEnd : journal.waitForGrowth(enough, dueInMs, stop);
  }

  /** Undefined: no whole record lies where `reach` leads. */
  async #seal(position: Position, reach: Reach): Promise<BatchInSeal | undefined> {
    const { journal, format } = this.#options;
    const { first } = position;
    const reader = new CutReader(journal, format, first, { targetBytes: this.#targetBytes });
    const chunks = reader.chunks(reach);
    const beginning = await chunks.next();
    if (beginning.done !== true) {
      return this.#sealCut(position, reader, startingWith(beginning.value, chunks));
    }
    if (!reader.isLong) {
      return undefined;
    }
    const seenEnd = await reach(first + this.#targetBytes);
    const cut = await findCut(journal, format, first, seenEnd, { targetBytes: this.#targetBytes });
    return cut.end === first ? undefined : this.#sealCut(position, cut, journal.read(first, cut.end));
  }

  /** `cut` is known once the payload has ended. */
  #sealCut(
    { first, prev }: Position,
    cut: Pick<Cut, 'end' | 'records'>,
    payload: AsyncIterable<Uint8Array>,
  ): Promise<BatchInSeal> {
    const { journal, archive, epoch, compression } = this.#options;
    return sealBatch({ archive, first, prev, epoch }, payload, compression, () => {
      const { end, records } = cut;
      return { end, records, observed: journal.observedWithin(first, end, this.#notBeforeMs) };
    });
  }

  /** The wall clock may jump, so the age of a byte is not believed beyond the interval. */
  #dueInMs(first: Offset): number {
    const { journal, clock, intervalMs } = this.#options;
    const ageMs = clock.wallMs() - (journal.reachedAtMs(first + 1) ?? clock.wallMs());
    const finishMs = Math.min(FINISH_MS, intervalMs / 20);
    return Math.min(Math.max(intervalMs - finishMs - ageMs, 0), intervalMs);
  }
}

async function* startingWith<Item>(
  first: Item,
  rest: AsyncGenerator<Item, void, undefined>,
): AsyncGenerator<Item, void, undefined> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return();
  }
}
