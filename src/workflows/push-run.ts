import { basename } from 'node:path';
import type { Claim } from '../archive/claim.ts';
import { compareWithJournal, localBehind } from '../archive/compare.ts';
import type { Descriptor } from '../archive/descriptor.ts';
import { startWriter, type WriterIdentity } from '../archive/start-writer.ts';
import { openForPush, type Survey, surveyArchive } from '../archive/survey.ts';
import { batchAt } from '../archive/unlisted.ts';
import type { Writer } from '../archive/writer.ts';
import { findCut } from '../journal/cut.ts';
import { formatNamed } from '../journal/registry.ts';
import type { Journal } from '../journal/tail.ts';
import type { RetryPolicy } from '../kernel/attempts.ts';
import { isRigError, messageOf, RigError } from '../kernel/errors.ts';
import { linkedController } from '../kernel/linked-controller.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { Appending, type AppendTotals } from './appending.ts';
import { BatchSource } from './batch-source.ts';
import type { Context } from './context.ts';
import { formatOf } from './format.ts';
import { withGrace } from './grace.ts';
import type { LocalSnapshots } from './local-snapshots.ts';
import { reachOf, SnapshotMaker } from './make-snapshot.ts';
import { prune } from './prune.ts';
import type { PushOptions } from './push-options.ts';
import { snapshotJournal } from './snapshot-journal.ts';
import { SnapshotPushing } from './snapshot-pushing.ts';

/** What one `push` has stored so far, over all the writers it had to be. */
export interface PushTotals extends AppendTotals {
  snapshots: number;
}

/** What is pushed, and what has come of it. */
export interface PushWork {
  readonly journal: Journal | undefined;
  readonly local: LocalSnapshots | undefined;
  /** Where a one-shot push of the journal ends. */
  readonly goal: Offset;
  readonly totals: PushTotals;
}

/** A push as long as it is one writer: from its look at the archive to its end or its overtaking. */
export class PushRun {
  readonly #context: Context;
  readonly #options: PushOptions;
  readonly #work: PushWork;
  #trouble: RigError | undefined;

  constructor(context: Context, options: PushOptions, work: PushWork) {
    this.#context = context;
    this.#options = options;
    this.#work = work;
  }

  /** Errors as `push`. */
  async asOneWriter(): Promise<void> {
    const { journal, local, totals } = this.#work;
    const { follow, unsafeNoFencing } = this.#options;
    const descriptor = await this.#openArchive();
    const survey = await this.#survey(descriptor);
    local?.startFrom(descriptor.id, survey.catalog.snapshots);
    if (follow || (await this.#hasWork(survey))) {
      const { store, report, stop: signal } = this.#context;
      const writer = await startWriter(survey, {
        store,
        policy: this.#policy(),
        report,
        journal,
        identity: this.#identity(),
        unsafeNoFencing,
        signal,
      });
      totals.durable = writer.durable;
      await this.#write(survey, writer);
    } else {
      await this.#withLocal((snapshots) => snapshots.prune());
    }
    if (!follow && !this.#context.stop.aborted) {
      const reach = reachOf(descriptor, totals.durable ?? 0);
      await this.#withLocal((snapshots) => snapshots.skipBeyond(reach));
    }
    if (this.#trouble !== undefined) {
      throw this.#trouble;
    }
  }

  /** What is wrong with the snapshot directory ends a push, but not before the journal is safe. */
  async #withLocal<Result>(work: (local: LocalSnapshots) => Promise<Result>): Promise<Result | undefined> {
    const { journal, local } = this.#work;
    if (local === undefined || this.#trouble !== undefined) {
      return undefined;
    }
    try {
      return await work(local);
    } catch (error) {
      if (journal === undefined || !isRigError(error, 'RIG_CONFIG_INVALID', 'RIG_LOCAL_IO')) {
        throw error;
      }
      this.#trouble = error;
      return undefined;
    }
  }

  async #write(survey: Survey, writer: Writer): Promise<void> {
    const { journal, goal } = this.#work;
    const maker = this.#maker(this.#context, survey, writer);
    if (survey.catalog.snapshots.length > 0) {
      await maker.repairLatest(this.#context.stop);
    }
    if (this.#options.follow) {
      await this.#followBoth(survey, writer);
      return;
    }
    if (journal !== undefined) {
      await this.#appending(this.#context, journal, survey, writer).upTo(goal);
    }
    if (!this.#context.stop.aborted) {
      await this.#withLocal((local) => this.#pushing(this.#context, local, survey, writer).once());
    }
    if (this.#options.journalSnapshot && journal !== undefined && !this.#context.stop.aborted) {
      await this.#snapshotJournal(maker, journal, survey, writer);
    }
  }

  /** The journal does not wait for a snapshot that takes long. What ends one of the two ends the other. */
  async #followBoth(survey: Survey, writer: Writer): Promise<void> {
    const { journal, local } = this.#work;
    const [stop, abort] = [linkedController(this.#context.stop), linkedController(this.#context.abort)];
    let failure: { readonly error: unknown } | undefined;
    const endBoth = (error: unknown) => {
      failure ??= { error };
      stop.abort(error);
      abort.abort(error);
    };
    const context = { ...this.#context, stop: stop.signal };
    const work = [
      journal && this.#appending(context, journal, survey, writer).forEver(),
      local && this.#pushing({ ...context, abort: abort.signal }, local, survey, writer).forEver(),
    ];
    await Promise.all(work.map((part) => part?.catch(endBoth)));
    stop.unlink();
    abort.unlink();
    if (failure !== undefined) {
      throw failure.error;
    }
  }

  async #snapshotJournal(
    maker: SnapshotMaker,
    journal: Journal,
    { descriptor }: Survey,
    writer: Writer,
  ): Promise<void> {
    const { totals } = this.#work;
    const grace = withGrace(this.#context);
    try {
      const at = { offset: writer.durable, chain: writer.chain };
      const made = await snapshotJournal(this.#context.store, maker, descriptor, journal, at, grace.signal);
      if (made?.how === 'stored') {
        totals.snapshots += 1;
        totals.storedBytes += made.summary.storedBytes;
      }
    } finally {
      grace.end();
    }
  }

  #openArchive(): Promise<Descriptor> {
    const { store, random, clock, stop: signal } = this.#context;
    const { journal } = this.#options;
    const { name: format, unit } = formatNamed(
      this.#options.format ?? (journal === undefined ? 'none' : 'bytes'),
    );
    const newArchive = {
      id: random.uuid(),
      format,
      unit,
      journal: journal === undefined ? '' : basename(journal),
      createdAtMs: clock.wallMs(),
    };
    return openForPush(store, newArchive, this.#options.format, this.#policy(), signal);
  }

  /** Looks at the archive and makes sure that the journal goes on from it. Writes nothing. */
  async #survey(descriptor: Descriptor): Promise<Survey> {
    const { store, stop: signal } = this.#context;
    const { journal, totals } = this.#work;
    const survey = await surveyArchive(store, descriptor, { signal });
    const { tail, catalog, newestClaim } = survey;
    if (journal !== undefined) {
      mustHaveJournal(descriptor, journal);
      if (tail.last !== undefined) {
        await compareWithJournal(store, catalog, tail.last, journal, { signal });
      }
      const localEnd = await journal.observe();
      if (localEnd < tail.durable) {
        throw localBehind(journal.path, { commonEnd: localEnd, durable: tail.durable, localEnd });
      }
    }
    if (newestClaim !== undefined && newestClaim.durable > tail.durable) {
      await this.#warnIfShorter(descriptor, newestClaim);
    }
    totals.durable = tail.durable;
    return survey;
  }

  /** Writers are listed last, so that one may know of batches that were not listed: look again, and by name. */
  async #warnIfShorter(descriptor: Descriptor, claim: Claim): Promise<void> {
    const { store, report, stop: signal } = this.#context;
    const { tail } = await surveyArchive(store, descriptor, { signal });
    if (claim.durable > tail.durable && (await batchAt(store, tail.durable, { signal })) === undefined) {
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

  async #hasWork({ descriptor, tail: { durable } }: Survey): Promise<boolean> {
    const { journal, goal } = this.#work;
    const reach = reachOf(descriptor, Math.max(durable, goal));
    const due = (await this.#withLocal((local) => local.due(reach))) ?? [];
    if (this.#options.journalSnapshot || due.length > 0) {
      return true;
    }
    if (journal === undefined || durable >= goal) {
      return false;
    }
    const format = formatOf(descriptor);
    const firstRecord = await findCut(journal, format, durable, goal, { targetBytes: 1 });
    return firstRecord.end > durable;
  }

  #appending(context: Context, journal: Journal, survey: Survey, writer: Writer): Appending {
    const { compression, batchBytes, intervalMs } = this.#options;
    const source = new BatchSource({
      journal,
      format: formatOf(survey.descriptor),
      clock: context.clock,
      compression,
      batchBytes,
      intervalMs,
      archive: survey.descriptor.id,
      epoch: writer.epoch,
    });
    source.observedUntil(survey.tail.last?.header.observed.at(-1)?.[1] ?? 0);
    return new Appending(context, journal, source, writer, this.#work.totals);
  }

  #maker(context: Context, { descriptor }: Survey, writer: Writer): SnapshotMaker {
    const { compression, fullRatio } = this.#options;
    return new SnapshotMaker(context, { descriptor, writer, policy: this.#policy(), compression, fullRatio });
  }

  #pushing(context: Context, local: LocalSnapshots, survey: Survey, writer: Writer): SnapshotPushing {
    const { totals } = this.#work;
    return new SnapshotPushing(context, local, this.#maker(context, survey, writer), {
      onStored: async ({ at, summary }, signal) => {
        totals.snapshots += 1;
        totals.storedBytes += summary.storedBytes;
        if (survey.descriptor.format === 'none') {
          totals.durable = Math.max(totals.durable ?? 0, at);
        }
        await this.#expire(context, writer, signal);
      },
    });
  }

  /** Retention is not what a push is for: when it fails, that is said, and the push goes on. */
  async #expire(context: Context, writer: Writer, signal: AbortSignal): Promise<void> {
    const expire = this.#options.snapshots?.expire;
    if (expire === undefined) {
      return;
    }
    await writer.look(signal);
    try {
      await prune(context, { ...expire, dryRun: false });
    } catch (error) {
      if (!isRigError(error) || context.stop.aborted) {
        throw error;
      }
      const hint = error.hint === undefined ? {} : { hint: error.hint };
      context.report({
        type: 'warning',
        code: 'expire-failed',
        message: `nothing more was expired: ${messageOf(error)}`,
        ...hint,
      });
    }
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

function mustHaveJournal({ format }: Descriptor, { path }: Journal): void {
  if (format === 'none') {
    throw new RigError('RIG_CONFIG_INVALID', `the archive holds snapshots only, and ${path} is a journal`, {
      hint: 'push the journal to another archive, or leave it out',
    });
  }
}
