import { auditBatches, type Inspector } from '../archive/audit-batch.ts';
import { listedHoles, listedReaches } from '../archive/audit-listing.ts';
import { LogAudit, type LogVerdict } from '../archive/audit-log.ts';
import { type BatchHead, readHead } from '../archive/batch-object.ts';
import type { Catalog, ListedBatch } from '../archive/catalog.ts';
import type { Claim } from '../archive/claim.ts';
import { damaged, missing } from '../archive/damage.ts';
import { SNAPSHOT_PREFIX, snapshotKey, WRITER_PREFIX, writerKey } from '../archive/layout.ts';
import { countBelow } from '../archive/plan-restore.ts';
import { recoverableRanges } from '../archive/recoverable.ts';
import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { Context } from './context.ts';
import type { VerifyReport } from './verify-report.ts';

/** What a log is judged by. */
export interface LogTask {
  readonly archive: string;
  readonly hasJournal: boolean;
  readonly catalog: Catalog;
  readonly claim: Claim | undefined;
  /** Those that can be restored, rising. */
  readonly snapshots: readonly SnapshotHeader[];
  /** The greatest cut of any snapshot. */
  readonly prunedUpTo: Offset;
}

export interface LogResult extends LogVerdict {
  readonly batches: number;
  readonly bytes: number;
}

/** At level `list`: what names and the last header tell. Undefined: what was listed is gone; list again. */
export async function judgeListing(
  { store, stop: signal }: Context,
  { hasJournal, catalog, claim, snapshots }: LogTask,
  report: VerifyReport,
): Promise<LogResult | undefined> {
  const { batches } = catalog;
  const cut = snapshots.reduce((greatest, snapshot) => Math.max(greatest, snapshot.cut), 0);
  for (const { from, to } of listedHoles(batches, cut)) {
    report.findings.addError(missing(from, to));
  }
  const last = batches.at(-1);
  const read =
    last &&
    (await report.attempt(last.key, async () => ({ tail: await readHead(store, last.key, { signal }) })));
  if (read !== undefined && read.tail === undefined) {
    return undefined;
  }
  const reached = Math.max(cut, read?.tail?.header.end ?? last?.first ?? 0);
  const endIsKnown = last === undefined || read !== undefined;
  const promised = claim?.durable ?? 0;
  if (endIsKnown && reached < promised) {
    report.findings.addError(missing(reached, promised));
  }
  const reaches = listedReaches(catalog, snapshots, reached).filter(({ of }) => hasJournal || of === 'state');
  return { reached, endIsKnown, newestEpoch: 0, reaches, batches: batches.length, bytes: 0 };
}

/** How the other levels look at batches. */
export interface LogDepth {
  readonly payload: boolean;
  readonly inspect: (head: BatchHead) => readonly Inspector[];
  readonly onProgress: (storedBytes: number) => void;
}

/**
 * At the other levels: every batch, and that they make one chain. Undefined: a batch that was listed is gone, and a
 * prune may have removed it; list again.
 */
export async function judgeBatches(
  { store, stop: signal }: Context,
  { archive, hasJournal, catalog, claim, snapshots, prunedUpTo }: LogTask,
  { payload, inspect, onProgress }: LogDepth,
  report: VerifyReport,
): Promise<LogResult | undefined> {
  const log = new LogAudit({ archive, claim, snapshots, prunedUpTo }, ({ error, object, warning }) =>
    warning === undefined
      ? report.findings.addError(error, object)
      : report.warnOfDamage(warning, error, object),
  );
  let bytes = 0;
  for await (const audit of auditBatches(store, catalog.batches, { signal, payload, inspect })) {
    signal.throwIfAborted();
    if (audit.gone && (await isOutdated(store, catalog, audit.listed, log.cut, { signal }))) {
      return undefined;
    }
    log.take(audit);
    bytes += payload && audit.damage.length === 0 ? (audit.head?.header.bytes ?? 0) : 0;
    onProgress(audit.listed.storedBytes);
  }
  const verdict = log.end();
  const reaches = verdict.reaches.filter(({ of }) => hasJournal || of === 'state');
  return { ...verdict, reaches, batches: catalog.batches.length, bytes };
}

/**
 * Does it say that the listing is of another time that this batch is gone? Below the cut a prune may remove it, but of
 * the last one that was listed nobody could tell then what follows it; beyond, it takes a newer snapshot.
 */
async function isOutdated(
  store: Store,
  { batches, snapshots }: Catalog,
  gone: ListedBatch,
  cut: Offset,
  options: CallOptions,
): Promise<boolean> {
  if (gone.first < cut) {
    return gone.first === batches.at(-1)?.first;
  }
  for await (const _ of store.list(SNAPSHOT_PREFIX, { ...options, after: snapshots.at(-1)?.key })) {
    return true;
  }
  return false;
}

/** What the end of the log tells about writers and snapshots. */
export async function judgeEnd(
  { store, stop: signal }: Context,
  { hasJournal, catalog, claim, snapshots }: LogTask,
  { reached, endIsKnown, newestEpoch }: LogResult,
  report: VerifyReport,
): Promise<void> {
  const epoch = snapshots.reduce((greatest, snapshot) => Math.max(greatest, snapshot.epoch), newestEpoch);
  const known = catalog.writers.at(-1)?.epoch ?? 0;
  if (known > 0 && epoch > known && !(await hasWriterFrom(store, epoch, { signal }))) {
    const key = writerKey(epoch);
    report.warn('unknown-writer', key, `${key} is missing, although that writer stored something`);
  }
  const end = Math.max(reached, claim?.durable ?? 0);
  for (const { at } of snapshots) {
    if (hasJournal && endIsKnown && at > end) {
      const message = `it lies beyond offset ${showOffset(end)}, where the log ends`;
      const details = { offset: at };
      report.findings.addError(damaged(snapshotKey(at), message, { code: 'RIG_CHAIN_GAP', details }));
    }
  }
}

/** Did it claim after writers were listed? Where a prune has taken its claim since, there is a later one. */
async function hasWriterFrom(store: Store, epoch: number, options: CallOptions): Promise<boolean> {
  for await (const _ of store.list(WRITER_PREFIX, { ...options, after: writerKey(epoch - 1) })) {
    return true;
  }
  return false;
}

/** Warns of what can no longer be restored between what can, unless a prune took it: that was meant, and is no news. */
export function warnOfHoles({ catalog }: LogTask, { reaches }: LogResult, report: VerifyReport): void {
  const cuts = new Map<Offset, Offset>();
  for (const { at, cut } of reaches) {
    cuts.set(at, Math.min(cut, cuts.get(at) ?? cut));
  }
  let from: Offset = 0;
  for (const range of recoverableRanges(reaches)) {
    const cut = cuts.get(range.from) ?? range.from;
    if (range.from > from && !isAsPruned(catalog, reaches, cut)) {
      const to = range.from;
      const message = `no offset between ${showOffset(from)} and ${showOffset(to)} can be restored any more`;
      report.warnOf({ code: 'range-unrestorable', object: null, offset: from, message, from, to });
    }
    from = range.to;
  }
}

/**
 * Are the batches below a snapshot's cut gone, as a prune leaves an archive? It always keeps the newest batch, which
 * may lie below the cut, and then nothing leads to it.
 */
function isAsPruned({ batches }: Catalog, reaches: LogResult['reaches'], cut: Offset): boolean {
  const below = countBelow(batches, cut);
  return below === 0 || (below === 1 && reaches.every((reach) => reach.cut !== batches[0]?.first));
}
