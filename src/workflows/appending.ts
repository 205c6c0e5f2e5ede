import type { SealedBatch } from '../archive/seal.ts';
import type { Appended, Writer } from '../archive/writer.ts';
import type { Journal } from '../journal/tail.ts';
import type { Offset } from '../kernel/offset.ts';
import type { BatchSource } from './batch-source.ts';
import type { Context } from './context.ts';
import { withGrace } from './grace.ts';

/** What one `push` has stored so far, over all the writers it had to be. */
export interface PushTotals {
  /** Undefined until the archive has been looked at. */
  durable: Offset | undefined;
  batches: number;
  bytes: number;
  storedBytes: number;
}

/** Carries a journal's batches to a writer, one put at a time, the next batch being made meanwhile. */
export class Appending {
  readonly #context: Context;
  readonly #journal: Journal;
  readonly #source: BatchSource;
  readonly #writer: Writer;
  readonly #totals: PushTotals;

  constructor(context: Context, journal: Journal, source: BatchSource, writer: Writer, totals: PushTotals) {
    this.#context = context;
    this.#journal = journal;
    this.#source = source;
    this.#writer = writer;
    this.#totals = totals;
  }

  /** Appends what lies below `goal`. Returns early, the batch in flight finished, when the user stops it. */
  async upTo(goal: Offset): Promise<void> {
    const start = this.#writer.durable;
    await this.#appendAll(
      () => this.#source.next(this.#position(), goal),
      (batch) => this.#source.next({ first: batch.header.end, prev: batch.header.chain }, goal),
      () =>
        this.#context.report({
          type: 'progress',
          phase: 'pushing',
          doneBytes: this.#writer.durable - start,
          totalBytes: goal - start,
        }),
    );
  }

  /** Appends what is there and what comes, until the user stops it; then what is there, if the store takes it soon. */
  async forEver(): Promise<void> {
    const { stop } = this.#context;
    this.#reportDurable();
    try {
      await this.#appendAll(
        () => this.#source.nextDue(this.#position(), stop),
        async (batch) => {
          const { end: first, chain: prev } = batch.header;
          await this.#journal.observe();
          // Anything shorter is not sealed before it is its turn: more may come that shares its put.
          return this.#source.hasFullBatch(first)
            ? this.#source.next({ first, prev }, this.#journal.seenEnd)
            : undefined;
        },
        () => undefined,
      );
    } catch (error) {
      if (!stop.aborted || error !== stop.reason) {
        throw error;
      }
    }
    await this.#appendRest();
  }

  /** A service that was stopped cleanly should not leave its last second behind. */
  async #appendRest(): Promise<void> {
    const grace = withGrace(this.#context);
    try {
      const goal = await this.#journal.observe();
      const batch = await this.#source.next(this.#position(), goal);
      if (batch !== undefined) {
        await this.#append(batch, grace.signal);
      }
    } catch (error) {
      if (error !== this.#context.stop.reason) {
        throw error;
      }
    } finally {
      grace.end();
    }
  }

  /**
   * `next` gives the batch at the durable offset, `ahead` the one after a batch that is being put, where that may be
   * made already. Ends when `next` gives none or the user stops it.
   */
  async #appendAll(
    next: () => Promise<SealedBatch | undefined>,
    ahead: (batch: SealedBatch) => Promise<SealedBatch | undefined>,
    progressed: () => void,
  ): Promise<void> {
    const grace = withGrace(this.#context);
    let prepared: Promise<SealedBatch | undefined> = Promise.resolve(undefined);
    try {
      while (!this.#context.stop.aborted) {
        const batch = (await prepared) ?? (await next());
        if (batch === undefined) {
          return;
        }
        prepared = ahead(batch);
        prepared.catch(() => undefined); // judged when its turn comes
        const appended = await this.#append(batch, grace.signal);
        progressed();
        this.#writer.throwIfOvertaken();
        if (appended.how === 'adopted') {
          // What was made ahead need not link to what was found, nor be observed after it.
          await Promise.allSettled([prepared]);
          prepared = Promise.resolve(undefined);
        }
      }
    } finally {
      grace.end();
      await Promise.allSettled([prepared]);
    }
  }

  async #append(batch: SealedBatch, signal: AbortSignal): Promise<Appended> {
    const appended = await this.#writer.append(batch, this.#journal, signal);
    const { header, storedBytes, how } = appended;
    this.#totals.durable = header.end;
    if (how === 'stored') {
      this.#totals.batches += 1;
      this.#totals.bytes += header.bytes;
      this.#totals.storedBytes += storedBytes;
    }
    this.#source.observedUntil(header.observed.at(-1)?.[1] ?? 0);
    this.#reportDurable();
    this.#journal.forgetObserved(header.end);
    return appended;
  }

  #position(): { first: Offset; prev: string } {
    return { first: this.#writer.durable, prev: this.#writer.chain };
  }

  #reportDurable(): void {
    const { durable } = this.#writer;
    const lagBytes = Math.max(0, this.#journal.seenEnd - durable);
    const { clock, report } = this.#context;
    const oldestMs = lagBytes === 0 ? undefined : this.#journal.reachedAtMs(durable + 1);
    const lagMs = oldestMs === undefined ? 0 : Math.max(0, clock.wallMs() - oldestMs);
    report({ type: 'durable', durable, lagBytes, lagMs });
  }
}
