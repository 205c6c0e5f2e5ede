import { type Limits, mapInOrder } from '../kernel/concurrency.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import { MIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { ListedSnapshot } from './catalog.ts';
import { needDamage, unlessDamaged } from './damage.ts';
import type { SnapshotHeader } from './snapshot-header.ts';
import { readSnapshotHead, readSnapshotHeader, type SnapshotHead } from './snapshot-object.ts';
import { auditOwn } from './snapshot-reader.ts';

/** What a look at one snapshot gave, its bases left out. */
export interface SnapshotAudit {
  readonly listed: ListedSnapshot;
  /** Undefined when not even the header can be read. */
  readonly header: SnapshotHeader | undefined;
  /** Without the footer's frames, which may be many; undefined when it is damaged. */
  readonly head: SnapshotHead | undefined;
  readonly damage: RigError | undefined;
  /** It was listed and is not there any more. */
  readonly gone: boolean;
}

export type SnapshotDepth = 'header' | 'footer' | 'content';

const UNDER_WAY_LIMIT_BYTES = 48 * MIB;
/** Large snapshots are read in pieces: no more of one is held. */
const HELD_LIMIT_BYTES = 24 * MIB;
/** A head's footer has some of its bytes for every MiB of the snapshot. */
const FOOTER_SHARE = 2 ** 14;

/**
 * Looks at snapshots, several at a time and within bounded memory; yields in the order given. Damage is not an error.
 * `depth`: of each its header, its footer too, or every stored byte.
 */
export function auditSnapshots(
  store: Store,
  snapshots: readonly ListedSnapshot[],
  depth: SnapshotDepth,
  options: CallOptions,
): AsyncGenerator<SnapshotAudit, void, undefined> {
  const limits: Limits<ListedSnapshot> = {
    calls: store.capabilities.parallelCalls,
    weight: UNDER_WAY_LIMIT_BYTES,
    weigh: ({ storedBytes }) =>
      depth === 'content' ? Math.min(storedBytes, HELD_LIMIT_BYTES) : Math.ceil(storedBytes / FOOTER_SHARE),
  };
  return mapInOrder(snapshots, limits, (listed) => auditSnapshot(store, listed, depth, options));
}

async function auditSnapshot(
  store: Store,
  listed: ListedSnapshot,
  depth: SnapshotDepth,
  options: CallOptions,
): Promise<SnapshotAudit> {
  const unread = { listed, header: undefined, head: undefined, damage: undefined, gone: false };
  try {
    if (depth === 'header') {
      const header = await readSnapshotHeader(store, listed.key, options);
      return { ...unread, header, gone: header === undefined };
    }
    const head = await readSnapshotHead(store, listed.key, options);
    if (head === undefined) {
      return { ...unread, gone: true };
    }
    if (depth === 'content') {
      await auditOwn(store, head, options);
    }
    const footer = { ...head.footer, frames: [], index: [] };
    return { ...unread, header: head.header, head: { ...head, footer } };
  } catch (error) {
    if (isRigError(error, 'RIG_OBJECT_NOT_FOUND')) {
      return { ...unread, gone: true };
    }
    const damage = needDamage(error);
    // The header of a damaged snapshot tells whether another one gives what it gave.
    const header = await unlessDamaged(readSnapshotHeader(store, listed.key, options));
    return { ...unread, damage, header };
  }
}
