import { assert } from '../kernel/assert.ts';
import type { Sha256 } from '../kernel/digest.ts';
import type { PutBody } from '../store/contract.ts';
import type { Compression } from './seal.ts';
import type { SnapshotContent, SnapshotHeader } from './snapshot-header.ts';
import type { ResolvedPiece } from './snapshot-index.ts';

/** What a snapshot is made of, in order. */
export type SourcePiece =
  /** 1 byte to 1 MiB, taken over. `key`: with the first piece of each key of a tar stream; keys ascend in tree order. */
  | { readonly bytes: Uint8Array; readonly key?: string }
  /** The next so many pieces of the base as they are. */
  | { readonly fromBase: number };

/** Where a snapshot's content comes from. */
export interface SnapshotSource {
  readonly content: SnapshotContent;
  /** Upper bound of the content's length. */
  readonly atMostBytes: number;
  /** The pieces. Each call reads from the beginning again; throws RIG_INCOMPLETE when what is read changes meanwhile. */
  open(): AsyncIterable<SourcePiece>;
}

/** An earlier snapshot to share pieces with. */
export interface SealingBase {
  readonly header: SnapshotHeader;
  /** Of its footer. */
  readonly sha256: Sha256;
  /** Its resolved pieces; called anew for every reading of the body. */
  pieces(): AsyncIterable<readonly ResolvedPiece[]>;
}

export interface SealedSnapshot {
  /** Streams: every reading opens the source and the base again. Its length is not known before. */
  readonly body: PutBody;
  /** Of the last complete reading of the body. */
  summary(): SnapshotSummary;
}

export interface SnapshotSummary {
  /** Of the content. */
  readonly bytes: number;
  /** Of what is not shared, uncompressed. */
  readonly ownBytes: number;
  /** Of the object. */
  readonly storedBytes: number;
  /** The footer's. */
  readonly sha256: Sha256;
}

export interface SealingOptions {
  readonly base?: SealingBase | undefined;
  /** How much of the content has been read; begins anew with every reading. */
  onProgress?(doneBytes: number): void;
}

/** Makes a snapshot object of a source. Nothing is read before the body is. */
export function sealSnapshot(
  _header: SnapshotHeader,
  _source: SnapshotSource,
  _compression: Compression,
  _options: SealingOptions = {},
): SealedSnapshot {
  assert(false, 'written');
}
