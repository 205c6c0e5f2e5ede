import { assert } from '../kernel/assert.ts';
import type { Offset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { SnapshotChain } from './snapshot-object.ts';

/** A piece of a snapshot's content, and where its bytes lie. */
export interface ResolvedPiece {
  /** The file it belongs to; empty for content of one file. */
  readonly key: string;
  readonly startsKey: boolean;
  readonly lengthBytes: number;
  /** 32 bytes. */
  readonly sha256: Uint8Array;
  /** The snapshot among whose own bytes it is, and where it starts there. */
  readonly at: Offset;
  readonly ownStart: number;
}

/** The pieces of a snapshot's content in order, out of the indexes of its chain, some thousands at a time. */
export async function* resolvePieces(
  _store: Store,
  _chain: SnapshotChain,
  _options: CallOptions = {},
): AsyncGenerator<readonly ResolvedPiece[], void, undefined> {
  assert(false, 'written');
}
