import type { Inspector } from '../archive/audit-batch.ts';
import type { BatchHead } from '../archive/batch-object.ts';
import type { Catalog } from '../archive/catalog.ts';
import type { Claim } from '../archive/claim.ts';
import { damaged } from '../archive/damage.ts';
import type { Descriptor } from '../archive/descriptor.ts';
import { DESCRIPTOR_KEY, WRITER_PREFIX, writerKey } from '../archive/layout.ts';
import { readWholeCatalog } from '../archive/read-catalog.ts';
import { type Range, recoverableRanges } from '../archive/recoverable.ts';
import { openForReading } from '../archive/survey.ts';
import { type Journal, openJournal } from '../journal/tail.ts';
import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import type { Finding } from './findings.ts';
import { formatOf } from './format.ts';
import { journalInspector, recordInspector } from './inspectors.ts';
import { findThreats } from './lifecycle-threats.ts';
import { readNewestClaim } from './overview.ts';
import { restore } from './restore.ts';
import {
  judgeBatches,
  judgeEnd,
  judgeListing,
  type LogResult,
  type LogTask,
  warnOfHoles,
} from './verify-log.ts';
import { addNewBatches, judgeNames, judgeOlderClaims } from './verify-names.ts';
import { VerifyReport } from './verify-report.ts';
import { compareImages, judgeAllSnapshots, replaySnapshots } from './verify-snapshots.ts';

export type { Finding } from './findings.ts';

/** From the quickest to the closest look; each proves what the ones before it prove, and more. */
export const VERIFY_LEVELS = ['list', 'headers', 'data', 'replay'] as const;
export type VerifyLevel = (typeof VERIFY_LEVELS)[number];

export interface VerifyOptions {
  readonly level: VerifyLevel;
  /** A local journal to compare with; it makes the level at least `data`. */
  readonly against: string | undefined;
}

export interface VerifyResult {
  readonly level: VerifyLevel;
  /** Damage: something that was archived cannot be restored, or nobody can tell. */
  readonly findings: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** `bytes`: of payload, uncompressed, that were read and found to match. */
  readonly checked: { readonly batches: number; readonly snapshots: number; readonly bytes: number };
  /** As far as this level can tell. */
  readonly recoverable: readonly Range[];
}

/**
 * Looks for damage and goes on after it. Changes nothing; may be repeated. A result with findings is not a good one.
 * @throws RigError RIG_ARCHIVE_NOT_FOUND when there is nothing; RIG_LOCAL_IO when the journal to compare with cannot be
 *   read; RIG_JOURNAL_TRUNCATED when it changes meanwhile; trouble with the store.
 */
export async function verify(context: Context, options: VerifyOptions): Promise<VerifyResult> {
  const { against } = options;
  if (against === undefined) {
    return new Verification(context, options.level, undefined).run();
  }
  const journal = await openJournal(against, context);
  try {
    await journal.observe();
    const level = options.level === 'replay' ? 'replay' : 'data';
    return await new Verification(context, level, journal).run();
  } finally {
    await journal.close();
  }
}

/** What is listed may be gone when it is read, under a prune; more often than this it is something else. */
const LISTINGS_LIMIT = 5;

/** One run of verify. */
class Verification {
  readonly #context: Context;
  readonly #level: VerifyLevel;
  readonly #journal: Journal | undefined;
  #report = new VerifyReport();
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(context: Context, level: VerifyLevel, journal: Journal | undefined) {
    this.#context = context;
    this.#level = level;
    this.#journal = journal;
  }

  async run(): Promise<VerifyResult> {
    for (let listing = 1; listing <= LISTINGS_LIMIT; listing += 1) {
      this.#report = new VerifyReport();
      const result = await this.#look();
      if (result !== undefined) {
        return result;
      }
    }
    throw new RigError('RIG_STORE_UNAVAILABLE', 'what is listed keeps disappearing before it is read', {
      hint: 'look whether something else deletes objects of the archive, then verify again',
    });
  }

  /** Undefined: what was listed is gone; list again. */
  async #look(): Promise<VerifyResult | undefined> {
    const { store, stop: signal } = this.#context;
    const report = this.#report;
    const stored = await report.attempt(DESCRIPTOR_KEY, () => openForReading(store, { signal }));
    // Before the listing: a claim made after it may know of batches that the listing does not show.
    const claim = await report.attempt(WRITER_PREFIX, () => readNewestClaim(store, { signal }));
    const listed = await readWholeCatalog(store, { signal });
    const catalog = await addNewBatches(store, listed, claim?.durable ?? 0, { signal });
    const descriptor = this.#judgeDescriptor(stored, claim);
    await judgeNames(store, listed, report, { signal });
    if (this.#level !== 'list') {
      await judgeOlderClaims(store, catalog.writers, report, { signal });
    }
    if (descriptor === undefined) {
      return this.#result({ batches: 0, snapshots: 0, bytes: 0 }, [{ from: 0, to: 0 }]);
    }
    this.#doneBytes = 0;
    this.#totalBytes = [...catalog.batches, ...catalog.snapshots].reduce(
      (total, { storedBytes }) => total + storedBytes,
      0,
    );
    return this.#judge(descriptor, catalog, claim);
  }

  async #judge(
    descriptor: Descriptor,
    catalog: Catalog,
    claim: Claim | undefined,
  ): Promise<VerifyResult | undefined> {
    const context = this.#context;
    const report = this.#report;
    const { id: archive, format } = descriptor;
    const depth = DEPTHS[this.#level];
    const images = await judgeAllSnapshots(context, archive, catalog.snapshots, depth, this.#onProgress);
    if (images === undefined) {
      return undefined;
    }
    for (const { key, error, isSuperseded } of images.broken) {
      if (isSuperseded) {
        report.warnOfDamage('superseded-damage', error, key);
      } else {
        report.findings.addError(error, key);
      }
    }
    for (const { object, message } of await findThreats(context, { archive, snapshots: catalog.snapshots })) {
      report.warn('lifecycle-threat', object, message);
    }
    const { usable, greatestCut: prunedUpTo } = images;
    const task: LogTask = {
      archive,
      hasJournal: format !== 'none',
      catalog,
      claim,
      snapshots: usable,
      prunedUpTo,
    };
    const log = await this.#judgeLog(task, descriptor);
    if (log === undefined) {
      return undefined;
    }
    await judgeEnd(context, task, log, report);
    warnOfHoles(task, log, report);
    this.#warnOfJournal(log.reached);
    if (this.#journal !== undefined) {
      await compareImages(context, archive, usable, this.#journal, report);
    }
    if (this.#level === 'replay' && report.findings.count === 0) {
      await replaySnapshots(context, archive, usable, report);
      await report.attempt(null, () => this.#replay(log));
    }
    const checked = {
      batches: log.batches,
      snapshots: images.snapshots,
      bytes: log.bytes + images.bytes,
    };
    return this.#result(checked, recoverableRanges(log.reaches));
  }

  #result(checked: VerifyResult['checked'], recoverable: readonly Range[]): VerifyResult {
    const { findings, warnings } = this.#report;
    return { level: this.#level, findings: findings.list(), warnings, checked, recoverable };
  }

  /** The descriptor, or the newest writer's copy of it. */
  #judgeDescriptor(stored: Descriptor | undefined, claim: Claim | undefined): Descriptor | undefined {
    const copy = claim?.descriptor;
    if (stored !== undefined && copy !== undefined && JSON.stringify(stored) !== JSON.stringify(copy)) {
      const writer = writerKey(claim?.epoch ?? 0);
      this.#report.findings.addError(
        damaged(DESCRIPTOR_KEY, `it is not the one that ${writer} has a copy of`),
      );
    }
    return stored ?? copy;
  }

  async #judgeLog(task: LogTask, descriptor: Descriptor): Promise<LogResult | undefined> {
    if (this.#level === 'list') {
      return judgeListing(this.#context, task, this.#report);
    }
    const inspect = await this.#inspectors(descriptor);
    const payload = this.#level !== 'headers';
    return judgeBatches(
      this.#context,
      task,
      { payload, inspect, onProgress: this.#onProgress },
      this.#report,
    );
  }

  async #inspectors(descriptor: Descriptor): Promise<(head: BatchHead) => readonly Inspector[]> {
    const journal = this.#journal;
    const format =
      this.#level === 'replay'
        ? await this.#report.attempt(DESCRIPTOR_KEY, async () => formatOf(descriptor))
        : undefined;
    return (head) => [
      ...(format === undefined ? [] : [recordInspector(format, head)]),
      ...(journal === undefined ? [] : [journalInspector(journal, head)]),
    ];
  }

  #warnOfJournal(reached: Offset): void {
    const journal = this.#journal;
    if (journal !== undefined && journal.seenEnd < reached) {
      const [local, archived] = [showOffset(journal.seenEnd), showOffset(reached)];
      const message = `journal ${journal.path} ends at offset ${local}, the archive at ${archived}`;
      this.#report.warnOf({ code: 'local-behind', object: null, offset: journal.seenEnd, message });
    }
  }

  readonly #onProgress = (storedBytes: number) => {
    this.#doneBytes += storedBytes;
    const [doneBytes, totalBytes] = [this.#doneBytes, this.#totalBytes];
    this.#context.report({ type: 'progress', phase: 'verifying', doneBytes, totalBytes });
  };

  /**
   * Restores to the end, to nowhere: nothing but the disk is left out. Where only a state leads to the end, that and
   * the batches after it have been read by now, and a stream cannot take both.
   */
  async #replay({ reaches }: LogResult): Promise<void> {
    const ends = reaches.map(({ of, at, end }) => ({ of, end: Math.max(at, end) }));
    const latest = ends.reduce((greatest, { end }) => Math.max(greatest, end), 0);
    const hasJournal = ends.some(({ of }) => of === 'journal');
    if (
      ends.length === 0 ||
      (hasJournal && !ends.some(({ of, end }) => of === 'journal' && end === latest))
    ) {
      return;
    }
    await restore(
      { ...this.#context, report: () => {} },
      {
        what: undefined,
        at: { kind: 'latest' },
        nearest: undefined,
        dryRun: false,
        force: false,
        target: { kind: 'stream', write: async () => {} },
      },
    );
  }
}

/** How closely each level looks at snapshots. */
const DEPTHS = { list: 'header', headers: 'footer', data: 'content', replay: 'content' } as const;
