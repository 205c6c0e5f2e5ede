import { auditBatches, type Inspector } from '../archive/audit-batch.ts';
import { ChainAudit } from '../archive/audit-chain.ts';
import type { BatchHead } from '../archive/batch-object.ts';
import { type Catalog, readWholeCatalog } from '../archive/catalog.ts';
import type { Claim } from '../archive/claim.ts';
import { damaged, missing } from '../archive/damage.ts';
import type { Descriptor } from '../archive/descriptor.ts';
import { DESCRIPTOR_KEY, LATEST_KEY, WRITER_PREFIX, writerKey } from '../archive/layout.ts';
import { listedEnd, listedGaps, type Range } from '../archive/plan-restore.ts';
import { needHead } from '../archive/reader.ts';
import { openForReading } from '../archive/survey.ts';
import { type Journal, openJournal } from '../journal/tail.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { readWhole } from '../store/body.ts';
import type { Context } from './context.ts';
import { type Finding, Findings } from './findings.ts';
import { formatOf } from './format.ts';
import { journalInspector, recordInspector } from './inspectors.ts';
import { needDamage, readNewestClaim } from './overview.ts';
import { restore } from './restore.ts';

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

/** `LATEST` holds at most 16 hex digits. */
const LATEST_LIMIT_BYTES = 16;

/** One run of verify. */
class Verification {
  readonly #context: Context;
  readonly #level: VerifyLevel;
  readonly #journal: Journal | undefined;
  readonly #findings = new Findings();
  readonly #warnings = new Findings();
  #checkedBatches = 0;
  #checkedBytes = 0;

  constructor(context: Context, level: VerifyLevel, journal: Journal | undefined) {
    this.#context = context;
    this.#level = level;
    this.#journal = journal;
  }

  async run(): Promise<VerifyResult> {
    const { store, stop: signal } = this.#context;
    const stored = await this.#attempt(DESCRIPTOR_KEY, () => openForReading(store, { signal }));
    // Before the listing: a claim made after it may know of batches that the listing does not show.
    const claim = await this.#attempt(WRITER_PREFIX, () => readNewestClaim(store, { signal }));
    const catalog = await readWholeCatalog(store, { signal });
    const descriptor = this.#judgeDescriptor(stored, claim);
    await this.#judgeNames(catalog);
    let intact: Offset = 0;
    if (descriptor !== undefined) {
      intact =
        this.#level === 'list'
          ? await this.#judgeListing(catalog, claim)
          : await this.#judgeBatches(descriptor, catalog, claim);
    }
    if (this.#level === 'replay' && this.#findings.count === 0) {
      await this.#attempt(null, () => this.#replay());
    }
    return {
      level: this.#level,
      findings: this.#findings.list(),
      warnings: this.#warnings.list(),
      checked: { batches: this.#checkedBatches, snapshots: 0, bytes: this.#checkedBytes },
      recoverable: [{ from: 0, to: intact }],
    };
  }

  /** Damage becomes a finding, and the result undefined. */
  async #attempt<Result>(object: string | null, work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#findings.addError(needDamage(error), object);
      return undefined;
    }
  }

  /** The descriptor, or the newest writer's copy of it. */
  #judgeDescriptor(stored: Descriptor | undefined, claim: Claim | undefined): Descriptor | undefined {
    const copy = claim?.descriptor;
    if (stored !== undefined && copy !== undefined && JSON.stringify(stored) !== JSON.stringify(copy)) {
      const writer = writerKey(claim?.epoch ?? 0);
      this.#findings.addError(damaged(DESCRIPTOR_KEY, `it is not the one that ${writer} has a copy of`));
    }
    return stored ?? copy;
  }

  async #judgeNames({ batches, snapshots, writers, strays, strayCount }: Catalog): Promise<void> {
    for (const { key } of strays) {
      this.#warn('stray-object', key, `${key} is not rigctl's; it is left alone`);
    }
    if (strayCount > strays.length) {
      const more = `and ${strayCount - strays.length} more that are not rigctl's`;
      this.#warnings.add({ code: 'stray-object', object: null, offset: null, message: more });
    }
    if (batches.length > 0 && writers.length === 0) {
      this.#warn(
        'unknown-writer',
        WRITER_PREFIX,
        'no writer is known, so nobody can tell whether the end is missing',
      );
    }
    const newest = snapshots.at(-1);
    if (newest !== undefined) {
      this.#warn('snapshots-unchecked', newest.key, `${snapshots.length} snapshots are left unchecked`);
    }
    const expected = newest === undefined ? undefined : newest.at.toString(16);
    const latest = await this.#readLatest();
    if (latest !== expected) {
      const what = latest === undefined ? 'is missing' : `says ${JSON.stringify(latest)}`;
      this.#warn(
        'latest-stale',
        LATEST_KEY,
        `${LATEST_KEY} ${what}; the newest snapshot is ${newest?.key ?? 'none'}`,
      );
    }
  }

  async #readLatest(): Promise<string | undefined> {
    const object = await this.#context.store.get(LATEST_KEY, {
      signal: this.#context.stop,
      range: { startByte: 0, endByte: 2 * LATEST_LIMIT_BYTES },
    });
    return (
      object && Buffer.from(await readWhole(LATEST_KEY, object, 2 * LATEST_LIMIT_BYTES)).toString('latin1')
    );
  }

  /** At level `list`: what names and the last header tell. Returns the end of what seems restorable. */
  async #judgeListing(catalog: Catalog, claim: Claim | undefined): Promise<Offset> {
    const { store, stop: signal } = this.#context;
    for (const gap of listedGaps(catalog.batches)) {
      this.#findings.addError(missing(gap.from, gap.to));
    }
    const last = catalog.batches.at(-1);
    const tail = last && (await this.#attempt(last.key, () => needHead(store, last, { signal })));
    const end = tail?.header.end ?? last?.first ?? 0;
    const promised = claim?.durable ?? 0;
    if (end < promised && (last === undefined || tail !== undefined)) {
      this.#findings.addError(missing(end, promised));
    }
    this.#checkedBatches = catalog.batches.length;
    return listedEnd(catalog.batches, end);
  }

  /** At the other levels: every batch, and that they make one chain. Returns the end of what is intact. */
  async #judgeBatches(descriptor: Descriptor, catalog: Catalog, claim: Claim | undefined): Promise<Offset> {
    const { store, report, stop: signal } = this.#context;
    const chain = new ChainAudit(descriptor.id, claim, (damage) => this.#findings.addError(damage));
    const payload = this.#level !== 'headers';
    const inspect = await this.#inspectors(descriptor);
    const totalBytes = catalog.batches.reduce((total, batch) => total + batch.storedBytes, 0);
    let doneBytes = 0;
    for await (const audit of auditBatches(store, catalog.batches, { signal, payload, inspect })) {
      signal.throwIfAborted();
      for (const damage of audit.damage) {
        this.#findings.addError(damage, audit.listed.key);
      }
      chain.take(audit);
      this.#checkedBatches += 1;
      this.#checkedBytes += payload && audit.damage.length === 0 ? (audit.head?.header.bytes ?? 0) : 0;
      doneBytes += audit.listed.storedBytes;
      report({ type: 'progress', phase: 'verifying', doneBytes, totalBytes });
    }
    chain.end();
    this.#warnOfEnd(chain, catalog);
    return chain.intact;
  }

  async #inspectors(descriptor: Descriptor): Promise<(head: BatchHead) => readonly Inspector[]> {
    const journal = this.#journal;
    const format =
      this.#level === 'replay'
        ? await this.#attempt(DESCRIPTOR_KEY, async () => formatOf(descriptor))
        : undefined;
    return (head) => [
      ...(format === undefined ? [] : [recordInspector(format, head)]),
      ...(journal === undefined ? [] : [journalInspector(journal, head)]),
    ];
  }

  #warnOfEnd({ reached, newestEpoch }: ChainAudit, { writers }: Catalog): void {
    if (writers.length > 0 && newestEpoch > (writers.at(-1)?.epoch ?? 0)) {
      const key = writerKey(newestEpoch);
      this.#warn('unknown-writer', key, `${key} is missing, although that writer stored batches`);
    }
    if (this.#journal !== undefined && this.#journal.seenEnd < reached) {
      const [local, archived] = [showOffset(this.#journal.seenEnd), showOffset(reached)];
      const message = `journal ${this.#journal.path} ends at offset ${local}, the archive at ${archived}`;
      this.#warnings.add({ code: 'local-behind', object: null, offset: this.#journal.seenEnd, message });
    }
  }

  /** Restores to the end, to nowhere: nothing but the disk is left out. */
  async #replay(): Promise<void> {
    await restore(
      { ...this.#context, report: () => {} },
      {
        at: { kind: 'latest' },
        nearest: undefined,
        dryRun: false,
        force: false,
        target: { kind: 'stream', write: async () => {} },
      },
    );
  }

  #warn(code: string, object: string | null, message: string): void {
    this.#warnings.add({ code, object, offset: null, message });
  }
}
