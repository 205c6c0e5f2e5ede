import { assert } from '../kernel/assert.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { SnapshotChain, SnapshotHead } from './snapshot-object.ts';

/** The content of a snapshot in order, every piece verified. Within bounded memory; may be repeated. */
export async function* readContent(
  _store: Store,
  _chain: SnapshotChain,
  _options: CallOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  assert(false, 'written');
}

/** Reads every stored byte of one snapshot object and checks all that can be checked without its base. */
export async function auditOwn(
  _store: Store,
  _head: SnapshotHead,
  _options: CallOptions = {},
): Promise<void> {
  assert(false, 'written');
}
