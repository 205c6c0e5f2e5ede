import { isRigError, type RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import { showOffset } from '../kernel/offset.ts';
import type { SnapshotAudit } from './audit-snapshots.ts';
import { firstChain } from './batch-header.ts';
import { damaged } from './damage.ts';
import { snapshotKey } from './layout.ts';
import type { SnapshotHeader } from './snapshot-header.ts';
import { checkBase, type SnapshotHead } from './snapshot-object.ts';
import { CHAIN_LIMIT } from './snapshot-policy.ts';

/** A snapshot that cannot be restored. */
export interface BrokenSnapshot {
  readonly key: string;
  readonly error: RigError;
  /** A newer snapshot gives all that this one gave. */
  readonly isSuperseded: boolean;
}

export interface JudgedSnapshots {
  /** Those that can be restored, rising. */
  readonly usable: readonly SnapshotHeader[];
  readonly broken: readonly BrokenSnapshot[];
  /** The greatest cut of all of them. */
  readonly greatestCut: Offset;
}

/** What is known of a snapshot, and how many it needs, itself counted; `head` undefined: it cannot be restored. */
interface Judged {
  readonly head: SnapshotHead | undefined;
  readonly needs: number;
}

/**
 * Which of these snapshots of the archive `archive` can be restored, bases and all? Give them rising. What depends on a
 * damaged one is lost with it, and nothing else.
 */
export function judgeSnapshots(audits: readonly SnapshotAudit[], archive: string): JudgedSnapshots {
  const judged = new Map<Offset, Judged>();
  const usable: SnapshotHeader[] = [];
  const broken: { key: string; error: RigError; header: SnapshotHeader | undefined }[] = [];
  for (const audit of audits) {
    const { key, at } = audit.listed;
    if (audit.gone) {
      continue;
    }
    try {
      const head = needOwn(audit, archive);
      const needs = head === undefined ? 1 : 1 + countBases(head, judged);
      judged.set(at, { head, needs });
      if (audit.header !== undefined) {
        usable.push(audit.header);
      }
    } catch (error) {
      if (!isRigError(error)) {
        throw error;
      }
      judged.set(at, { head: undefined, needs: 0 });
      broken.push({ key, error, header: audit.header });
    }
  }
  const imaged = usable.findLast(({ of }) => of === 'journal')?.at ?? 0;
  return {
    usable,
    greatestCut: audits.reduce((greatest, { header }) => Math.max(greatest, header?.cut ?? 0), 0),
    // An image of the journal holds every one before it.
    broken: broken.map(({ key, error, header }) => ({
      key,
      error,
      isSuperseded: header?.archive === archive && header.of === 'journal' && header.at < imaged,
    })),
  };
}

/** Undefined: only its header was read. */
function needOwn({ header, head, damage, listed }: SnapshotAudit, archive: string): SnapshotHead | undefined {
  if (damage !== undefined || header === undefined) {
    throw damage ?? damaged(listed.key, 'it cannot be read');
  }
  const details = { offset: header.at };
  if (header.archive !== archive) {
    throw damaged(listed.key, `it belongs to another archive, ${header.archive}`, { details });
  }
  if (header.cut === 0 && header.chain !== firstChain(archive)) {
    throw damaged(listed.key, "its chain is not that of the journal's beginning, where its cut is", {
      details,
    });
  }
  return head;
}

/** How many snapshots this one is built on. */
function countBases(head: SnapshotHead, judged: ReadonlyMap<Offset, Judged>): number {
  const { key, header } = head;
  if (header.base === undefined) {
    return 0;
  }
  const lost = `the snapshot of offset ${showOffset(header.at)} is lost`;
  const details = { offset: header.at, base: snapshotKey(header.base) };
  const base = judged.get(header.base);
  if (base === undefined) {
    throw damaged(key, `its base ${details.base} is missing: ${lost}`, { code: 'RIG_CHAIN_GAP', details });
  }
  if (base.head === undefined) {
    throw damaged(key, `its base ${details.base} cannot be restored: ${lost}`, { details });
  }
  checkBase(head, base.head);
  if (base.needs >= CHAIN_LIMIT) {
    throw damaged(key, `it needs more than ${CHAIN_LIMIT} snapshots`, { details });
  }
  return base.needs;
}
