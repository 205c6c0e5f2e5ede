import { type JudgedSnapshots, judgeSnapshots } from '../archive/audit-bases.ts';
import { auditSnapshots, type SnapshotAudit, type SnapshotDepth } from '../archive/audit-snapshots.ts';
import type { ListedSnapshot } from '../archive/catalog.ts';
import { snapshotKey } from '../archive/layout.ts';
import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import { resolveChain } from '../archive/snapshot-object.ts';
import { readContent } from '../archive/snapshot-reader.ts';
import type { Journal } from '../journal/tail.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import { compareWithJournal } from './inspectors.ts';
import { nowhere } from './nowhere.ts';
import { TreeTarget } from './tree-target.ts';
import type { VerifyReport } from './verify-report.ts';

export interface SnapshotsResult extends JudgedSnapshots {
  readonly snapshots: number;
  readonly bytes: number;
}

/** Looks at every snapshot. Undefined: one that matters is gone since it was listed; list again. */
export async function judgeAllSnapshots(
  { store, stop: signal }: Context,
  archive: string,
  listed: readonly ListedSnapshot[],
  depth: SnapshotDepth,
  onProgress: (storedBytes: number) => void,
): Promise<SnapshotsResult | undefined> {
  const audits: SnapshotAudit[] = [];
  let bytes = 0;
  for await (const audit of auditSnapshots(store, listed, depth, { signal })) {
    signal.throwIfAborted();
    audits.push(audit);
    bytes += depth === 'content' ? (audit.head?.footer.ownBytes ?? 0) : 0;
    onProgress(audit.listed.storedBytes);
  }
  const gone = new Set(audits.filter((audit) => audit.gone).map((audit) => audit.listed.at));
  const isNeeded = audits.some(({ header }) => header?.base !== undefined && gone.has(header.base));
  const newest = listed.at(-1);
  if (isNeeded || (newest !== undefined && gone.has(newest.at))) {
    return undefined;
  }
  return { ...judgeSnapshots(audits, archive), snapshots: audits.length - gone.size, bytes };
}

/** Compares the images of the journal with the local one. Those that a later one is built on are in that one. */
export async function compareImages(
  context: Context,
  archive: string,
  usable: readonly SnapshotHeader[],
  journal: Journal,
  report: VerifyReport,
): Promise<void> {
  const bases = new Set(usable.map(({ base }) => base));
  for (const { at, of } of usable) {
    if (of === 'journal' && !bases.has(at)) {
      const key = snapshotKey(at);
      const inspector = compareWithJournal(journal, key, 0);
      await report.attempt(key, () => readThrough(context, archive, at, (bytes) => inspector.push(bytes)));
    }
  }
}

/** Puts the newest state and the newest image of the journal together as a restore would, to nowhere. */
export async function replaySnapshots(
  context: Context,
  archive: string,
  usable: readonly SnapshotHeader[],
  report: VerifyReport,
): Promise<void> {
  for (const kind of ['state', 'journal']) {
    const newest = usable.findLast(({ of }) => of === kind);
    if (newest !== undefined) {
      await report.attempt(snapshotKey(newest.at), () => assemble(context, archive, newest));
    }
  }
}

async function assemble(context: Context, archive: string, { at, content }: SnapshotHeader): Promise<void> {
  if (content === 'file') {
    await readThrough(context, archive, at, () => undefined);
    return;
  }
  const target = await TreeTarget.create(nowhere, { path: '/nowhere', replace: false }, context.random);
  try {
    await readThrough(context, archive, at, (bytes) => target.write(bytes));
    await target.commit();
  } catch (error) {
    await target.discard();
    throw error;
  }
}

async function readThrough(
  { store, stop: signal }: Context,
  archive: string,
  at: Offset,
  push: (bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const chain = await resolveChain(store, at, archive, { signal });
  for await (const bytes of readContent(store, chain, { signal })) {
    signal.throwIfAborted();
    await push(bytes);
  }
}
