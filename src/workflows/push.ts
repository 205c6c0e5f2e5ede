import { basename } from 'node:path';
import type { Claim } from '../archive/claim.ts';
import { compareWithJournal } from '../archive/compare.ts';
import type { Descriptor } from '../archive/descriptor.ts';
import { ArchiveMoved } from '../archive/lookout.ts';
import type { Compression } from '../archive/seal.ts';
import { startWriter, type WriterIdentity } from '../archive/start-writer.ts';
import { openForPush, type Survey, surveyArchive } from '../archive/survey.ts';
import type { Writer } from '../archive/writer.ts';
import type { FormatName, JournalFormat } from '../journal/contract.ts';
import { findCut } from '../journal/cut.ts';
import { formatNamed } from '../journal/registry.ts';
import { type Journal, openJournal } from '../journal/tail.ts';
import type { RetryPolicy } from '../kernel/attempts.ts';
import { isRigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { Appending, type PushTotals } from './appending.ts';
import { BatchSource } from './batch-source.ts';
import type { Context } from './context.ts';
import { formatOf } from './format.ts';

export interface PushOptions {
  /** Path of the journal. */
  readonly journal: string;
  /** Go on until stopped; otherwise up to the journal's end as it was at the start. */
  readonly follow: boolean;
  /** Undefined: the archive's own, and `bytes` for a new archive. */
  readonly format: FormatName | undefined;
  /** While following, the oldest byte waits no longer for others to share its put. */
  readonly intervalMs: number;
  /** Undefined: 8 MiB while following, 32 MiB to catch up. */
  readonly batchBytes: number | undefined;
  readonly compression: Compression;
  /** Of this machine and process, for the claim. */
  readonly host: string;
  readonly pid: number;
  /** How long a one-shot push tries to reach the store; while following it tries for ever. */
  readonly deadlineMs: number;
  readonly unsafeNoFencing: boolean;
}

export interface PushResult {
  readonly durable: Offset;
  /** Put by this run. */
  readonly batches: number;
  readonly bytes: number;
  readonly storedBytes: number;
  /** Always 0: snapshots are not pushed yet. */
  readonly snapshots: 0;
  /** Length of the unfinished last record, which was not pushed. */
  readonly tornBytes: number;
}

/** The longest wait before starting again after an overtaking; the one who overtook may need the time. */
const START_AGAIN_LIMIT_MS = 10_000;

/**
 * Uploads a journal: once up to its present end, or following it until `context.stop`. When stopped, it finishes the
 * batch in flight and returns what it did. May be repeated at any time: what is stored already is recognised.
 *
 * @throws RigError RIG_LOCAL_IO, RIG_JOURNAL_TRUNCATED, RIG_CONFIG_INVALID, RIG_FENCED, RIG_DIVERGED, RIG_LOCAL_BEHIND,
 *   RIG_RECORD_MALFORMED, RIG_STORE_UNSUPPORTED and what the store throws; what was reported durable stays so
 */
export async function push(context: Context, options: PushOptions): Promise<PushResult> {
  const { fileSystem, clock } = context;
  const journal = await openJournal(options.journal, { fileSystem, clock });
  try {
    const goal = await journal.observe();
    return await new Push(context, options, journal, goal).run();
  } finally {
    await journal.close();
  }
}

class Push {
  readonly #context: Context;
  readonly #options: PushOptions;
  readonly #journal: Journal;
  /** Where a one-shot push ends. */
  readonly #goal: Offset;
  readonly #totals: PushTotals = { durable: undefined, batches: 0, bytes: 0, storedBytes: 0 };

  constructor(context: Context, options: PushOptions, journal: Journal, goal: Offset) {
    this.#context = context;
    this.#options = options;
    this.#journal = journal;
    this.#goal = goal;
  }

  async run(): Promise<PushResult> {
    const { stop } = this.#context;
    try {
      await this.#startAgainWhileOvertaken();
    } catch (error) {
      if (!stop.aborted || error !== stop.reason || this.#totals.durable === undefined) {
        throw error;
      }
    }
    const { batches, bytes, storedBytes, durable = 0 } = this.#totals;
    const tornBytes = Math.max(0, this.#goal - durable);
    const torn = this.#options.follow || stop.aborted ? 0 : tornBytes;
    return { durable, batches, bytes, storedBytes, snapshots: 0, tornBytes: torn };
  }

  /**
   * A one-shot push and a follower of the same journal must not end each other: the one that was overtaken by the
   * other kind starts again. A follower overtaken by a follower was replaced, and ends.
   */
  async #startAgainWhileOvertaken(): Promise<void> {
    const { clock, random, report, stop } = this.#context;
    for (let starts = 1; ; starts += 1) {
      try {
        await this.#runAsOneWriter();
        return;
      } catch (error) {
        if (!this.#mayStartAgain(error)) {
          throw error;
        }
        report({
          type: 'note',
          code: 'starting-again',
          message: `${error instanceof Error ? error.message : String(error)}; starting again`,
        });
      }
      await clock.sleep(random.next() * Math.min(START_AGAIN_LIMIT_MS, 500 * 2 ** starts), stop);
    }
  }

  #mayStartAgain(error: unknown): boolean {
    if (error instanceof ArchiveMoved) {
      return true;
    }
    const ownMode = this.#options.follow ? 'follow' : 'once';
    return isRigError(error, 'RIG_FENCED') && (error.details['mode'] ?? ownMode) !== ownMode;
  }

  async #runAsOneWriter(): Promise<void> {
    const { stop: signal } = this.#context;
    const descriptor = await this.#openArchive();
    const format = formatOf(descriptor);
    const survey = await this.#survey(descriptor);
    if (!this.#options.follow && !(await this.#hasWork(survey, format))) {
      return;
    }
    const { store, report } = this.#context;
    const writer = await startWriter(survey, {
      store,
      policy: this.#policy(),
      report,
      journal: this.#journal,
      identity: this.#identity(),
      unsafeNoFencing: this.#options.unsafeNoFencing,
      signal,
    });
    this.#totals.durable = writer.durable;
    const appending = this.#appending(survey, format, writer);
    await (this.#options.follow ? appending.forEver() : appending.upTo(this.#goal));
  }

  #openArchive(): Promise<Descriptor> {
    const { store, random, clock, stop: signal } = this.#context;
    const { name: format, unit } = formatNamed(this.#options.format ?? 'bytes');
    const newArchive = {
      id: random.uuid(),
      format,
      unit,
      journal: basename(this.#options.journal),
      createdAtMs: clock.wallMs(),
    };
    return openForPush(store, newArchive, this.#options.format, this.#policy(), signal);
  }

  /** Looks at the archive and makes sure that the journal goes on from it. Writes nothing. */
  async #survey(descriptor: Descriptor): Promise<Survey> {
    const { store, stop: signal } = this.#context;
    const survey = await surveyArchive(store, descriptor, { signal });
    const { tail, catalog, newestClaim } = survey;
    if (tail.last !== undefined) {
      await compareWithJournal(store, catalog.batches, tail.last, this.#journal, { signal });
    }
    if (newestClaim !== undefined && newestClaim.durable > tail.durable) {
      await this.#warnIfShorter(descriptor, newestClaim);
    }
    this.#totals.durable = tail.durable;
    return survey;
  }

  /** Writers are listed last, so that one may know of batches that came after theirs were listed: look again. */
  async #warnIfShorter(descriptor: Descriptor, claim: Claim): Promise<void> {
    const { store, report, stop: signal } = this.#context;
    const { tail } = await surveyArchive(store, descriptor, { signal });
    if (claim.durable > tail.durable) {
      report({
        type: 'warning',
        code: 'archive-shorter-than-claim',
        message:
          `the archive ends at offset ${showOffset(tail.durable)}, ` +
          `its writer of epoch ${claim.epoch} saw it reach ${showOffset(claim.durable)}`,
        hint: 'find out what removed batches; they are pushed again now as far as the journal has them',
      });
    }
  }

  async #hasWork(survey: Survey, format: JournalFormat): Promise<boolean> {
    const { durable } = survey.tail;
    if (durable >= this.#goal) {
      return false;
    }
    const firstRecord = await findCut(this.#journal, format, durable, this.#goal, { targetBytes: 1 });
    return firstRecord.end > durable;
  }

  #appending(survey: Survey, format: JournalFormat, writer: Writer): Appending {
    const { clock } = this.#context;
    const { compression, batchBytes, intervalMs } = this.#options;
    const source = new BatchSource({
      journal: this.#journal,
      format,
      clock,
      compression,
      batchBytes,
      intervalMs,
      archive: survey.descriptor.id,
      epoch: writer.epoch,
    });
    source.observedUntil(survey.tail.last?.header.observed.at(-1)?.[1] ?? 0);
    return new Appending(this.#context, this.#journal, source, writer, this.#totals);
  }

  #identity(): WriterIdentity {
    const { follow, host, pid } = this.#options;
    return { owner: this.#context.random.uuid(), mode: follow ? 'follow' : 'once', host, pid };
  }

  #policy(): RetryPolicy {
    const { clock, random, report } = this.#context;
    const deadlineMs = this.#options.follow ? undefined : this.#options.deadlineMs;
    return { clock, random, deadlineMs, onRetry: report };
  }
}
