import { assert } from '../kernel/assert.ts';
import type { Offset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { SnapshotFooter } from './snapshot-footer.ts';
import type { SnapshotHeader } from './snapshot-header.ts';

/** A snapshot object's header and footer, and how the rest of the object is to be read. */
export interface SnapshotHead {
  readonly key: string;
  readonly header: SnapshotHeader;
  readonly footer: SnapshotFooter;
  /** Where the first frame starts. */
  readonly framesStart: number;
  /** Of the whole object. */
  readonly storedBytes: number;
}

/** The snapshot and what it needs: itself first, the full one last. */
export type SnapshotChain = readonly SnapshotHead[];

/**
 * Reads a snapshot's header with one ranged get. May be repeated. Undefined: no such object.
 * @throws RigError RIG_CHECKSUM_MISMATCH or RIG_VERSION_UNKNOWN
 */
export async function readSnapshotHeader(
  _store: Store,
  _key: string,
  _options: CallOptions = {},
): Promise<SnapshotHeader | undefined> {
  assert(false, 'written');
}

/** Reads a snapshot's header and footer with two ranged gets, three for a long footer. Errors as above. */
export async function readSnapshotHead(
  _store: Store,
  _key: string,
  _options: CallOptions = {},
): Promise<SnapshotHead | undefined> {
  assert(false, 'written');
}

/** The snapshot at `at` and all that it needs. */
export async function resolveChain(
  _store: Store,
  _at: Offset,
  _archive: string,
  _options: CallOptions = {},
): Promise<SnapshotChain> {
  assert(false, 'written');
}

/**
 * Does the snapshot belong to this archive, and is `base` the one it was made of (for a full one: undefined)?
 * @throws RigError RIG_CHECKSUM_MISMATCH, RIG_CHAIN_GAP when the base is missing.
 */
export function checkBase(_head: SnapshotHead, _base: SnapshotHead | undefined): void {
  assert(false, 'written');
}
