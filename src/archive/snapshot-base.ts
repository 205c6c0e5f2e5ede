import { isRigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { ListedSnapshot } from './catalog.ts';
import { unlessDamaged } from './damage.ts';
import { meaningOf, SNAPSHOT_PREFIX } from './layout.ts';
import type { SealingBase } from './seal-snapshot.ts';
import { resolvePieces } from './snapshot-index.ts';
import { readSnapshotHeader, resolveChain } from './snapshot-object.ts';
import { chooseSnapshot, type NextSnapshot, type PastSnapshot } from './snapshot-policy.ts';

/** A base that can be read, with all that it needs. */
export interface UsableBase extends SealingBase {
  /** Of its whole content. */
  readonly pieceCount: number;
  readonly bytes: number;
}

/** What a new snapshot is to be built on, or why on nothing. */
export type FoundBase =
  | { readonly base: UsableBase; readonly why?: undefined }
  | { readonly base: undefined; readonly why: string };

/**
 * Finds the base of a new snapshot of the archive `archive`: reads the headers from the newest snapshot back to the
 * last full one of its kind, no more, and then makes sure of the chosen one's whole chain. May be repeated.
 *
 * Only the newest of its kind can be a base: what superseded that one is younger than this call, so that no prune
 * removes it within a day. One that was superseded before may be gone by the time the increment is stored.
 */
export async function findBase(
  store: Store,
  archive: string,
  next: NextSnapshot,
  fullRatio: number,
  options: CallOptions = {},
): Promise<FoundBase> {
  const listed = await listSnapshots(store, options);
  if (await hasAlike(store, listed, next, options)) {
    return { base: undefined, why: 'a newer one is archived already' };
  }
  const past = await readPast(store, listed, next, options);
  const choice = chooseSnapshot(next, past, fullRatio);
  if (choice.kind === 'full') {
    return { base: undefined, why: choice.why };
  }
  try {
    const chain = await resolveChain(store, choice.base, archive, options);
    const [{ header, footer }] = chain;
    const pieces = () => resolvePieces(store, chain, options);
    const { sha256, pieces: pieceCount, bytes } = footer;
    return { base: { header, sha256, pieces, pieceCount, bytes } };
  } catch (error) {
    if (isRigError(error) && (error.kind === 'data' || error.kind === 'not-found')) {
      return { base: undefined, why: error.message };
    }
    throw error;
  }
}

/** Is there one of this kind beyond the next one? */
async function hasAlike(
  store: Store,
  listed: readonly ListedSnapshot[],
  next: NextSnapshot,
  options: CallOptions,
): Promise<boolean> {
  for (const { key } of listed.filter(({ at }) => at > next.at).reverse()) {
    const header = await unlessDamaged(readSnapshotHeader(store, key, options));
    if (header?.of === next.of) {
      return true;
    }
  }
  return false;
}

/** The newest snapshot of this kind below the next one, with all that it builds on, and the damaged ones on the way. */
async function readPast(
  store: Store,
  listed: readonly ListedSnapshot[],
  next: NextSnapshot,
  options: CallOptions,
): Promise<readonly PastSnapshot[]> {
  const past: PastSnapshot[] = [];
  let wanted: Offset | undefined;
  for (const snapshot of listed.filter(({ at }) => at < next.at).reverse()) {
    if (wanted !== undefined && snapshot.at !== wanted) {
      continue;
    }
    const header = await unlessDamaged(readSnapshotHeader(store, snapshot.key, options));
    past.unshift({ at: snapshot.at, storedBytes: snapshot.storedBytes, header });
    if (header === undefined || (header.of === next.of && header.content === next.content)) {
      wanted = header?.base;
      if (wanted === undefined) {
        break;
      }
    }
  }
  return past;
}

async function listSnapshots(store: Store, options: CallOptions): Promise<ListedSnapshot[]> {
  const listed: ListedSnapshot[] = [];
  for await (const { key, sizeBytes, modifiedAtMs } of store.list(SNAPSHOT_PREFIX, options)) {
    const meaning = meaningOf(key);
    if (meaning.kind === 'snapshot') {
      listed.push({ key, at: meaning.at, storedBytes: sizeBytes, modifiedAtMs });
    }
  }
  return listed;
}
