import type { BatchInSeal, SealedBatch } from '../archive/seal.ts';
import type { Appended, Writer } from '../archive/writer.ts';
import type { Journal } from '../journal/tail.ts';
import { linkedController } from '../kernel/linked-controller.ts';
import type { Offset } from '../kernel/offset.ts';
import type { BatchSource, Position } from './batch-source.ts';
import type { Context } from './context.ts';
import { withGrace } from './grace.ts';

/** What has been appended so far. */
export interface AppendTotals {
  /** Undefined until the archive has been looked at. */
  durable: Offset | undefined;
  batches: number;
  bytes: number;
  storedBytes: number;
}

/** Makes the batch there; when `turn` is aborted, the one before it was put. Rejects when `stop` is aborted. */
type MakeBatch = (
  position: Position,
  turn: AbortSignal,
  stop: AbortSignal,
) => Promise<BatchInSeal | undefined>;

interface BatchInMaking {
  readonly batch: Promise<BatchInSeal | undefined>;
  /** Resolves when nothing of it goes on. */
  drop(): Promise<void>;
}

/** Carries a journal's batches to a writer, one put at a time, the next batch being made meanwhile. */
export class Appending {
  readonly #context: Context;
  readonly #journal: Journal;
  readonly #source: BatchSource;
  readonly #writer: Writer;
  readonly #totals: AppendTotals;

  constructor(context: Context, journal: Journal, source: BatchSource, writer: Writer, totals: AppendTotals) {
    this.#context = context;
    this.#journal = journal;
    this.#source = source;
    this.#writer = writer;
    this.#totals = totals;
  }

  /** Appends what lies below `goal`. Returns early, the batch in flight finished, when the user stops it. */
  async upTo(goal: Offset): Promise<void> {
    const start = this.#writer.durable;
    const grace = withGrace(this.#context);
    try {
      await this.#appendAll(
        (position) => this.#source.next(position, goal),
        () => this.#reportProgress(start, goal),
        grace.signal,
      );
    } finally {
      grace.end();
    }
  }

  /** Appends what is there and what comes, until the user stops it; then what is there, if the store takes it soon. */
  async forEver(): Promise<void> {
    this.#reportDurable();
    const grace = withGrace(this.#context);
    try {
      await this.#untilStopped(() =>
        this.#appendAll(
          (position, turn, stop) => this.#source.nextDue(position, turn, stop),
          () => undefined,
          grace.signal,
        ),
      );
      if (!grace.signal.aborted) {
        await this.#untilStopped(() => this.#appendRest(grace.signal));
      }
    } finally {
      grace.end();
    }
  }

  /** A service that was stopped cleanly should not leave its last second behind. */
  async #appendRest(signal: AbortSignal): Promise<void> {
    const batch = await this.#source.next(this.#position(), await this.#journal.observe());
    if (batch !== undefined) {
      await this.#append(await batch.sealed, signal);
    }
  }

  async #untilStopped(work: () => Promise<void>): Promise<void> {
    const { stop } = this.#context;
    try {
      await work();
    } catch (error) {
      if (!stop.aborted || error !== stop.reason) {
        throw error;
      }
    }
  }

  /** Ends when there is no next batch or the user stops it. Each is begun as soon as the one before it was read. */
  async #appendAll(make: MakeBatch, progressed: () => void, signal: AbortSignal): Promise<void> {
    let making = this.#begin(make, this.#position(), AbortSignal.abort());
    try {
      while (!this.#context.stop.aborted) {
        const batch = await making.batch;
        if (batch === undefined) {
          return;
        }
        const putting = new AbortController();
        making = this.#begin(make, { first: batch.end, prev: batch.chain }, putting.signal);
        const appended = await this.#append(await batch.sealed, signal).finally(() => putting.abort());
        progressed();
        this.#writer.throwIfOvertaken();
        if (appended.how === 'adopted') {
          // What was begun need not link to what was found, nor be observed after it.
          await making.drop();
          making = this.#begin(make, this.#position(), AbortSignal.abort());
        }
      }
    } finally {
      await making.drop();
    }
  }

  #begin(make: MakeBatch, position: Position, turn: AbortSignal): BatchInMaking {
    const dropped = linkedController(this.#context.stop);
    const batch = make(position, turn, dropped.signal).finally(() => dropped.unlink());
    batch.catch(() => undefined); // judged when its turn comes
    return {
      batch,
      async drop() {
        dropped.abort();
        await Promise.allSettled([batch.then((begun) => begun?.sealed)]);
      },
    };
  }

  async #append(batch: SealedBatch, signal: AbortSignal): Promise<Appended> {
    const appended = await this.#writer.append(batch, this.#journal, signal);
    batch.discard();
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

  #position(): Position {
    return { first: this.#writer.durable, prev: this.#writer.chain };
  }

  #reportProgress(start: Offset, goal: Offset): void {
    this.#context.report({
      type: 'progress',
      phase: 'pushing',
      doneBytes: Math.min(this.#writer.durable, goal) - start,
      totalBytes: goal - start,
    });
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
