import { firstChain } from '../../src/archive/batch-header.ts';
import { codecNamed } from '../../src/archive/codec.ts';
import { wrapEnvelope } from '../../src/archive/envelope.ts';
import { snapshotKey } from '../../src/archive/layout.ts';
import { encodeSnapshotHeader } from '../../src/archive/snapshot-header.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { Store } from '../../src/store/contract.ts';
import { ARCHIVE_ID } from './archive-builder.ts';

/** Stores a snapshot that has a header and nothing else, for what looks no further. */
export async function putSnapshotHead(store: Store, at: number, base?: number): Promise<void> {
  const json = encodeSnapshotHeader({
    v: 1,
    kind: 'snapshot',
    archive: ARCHIVE_ID,
    at,
    of: 'state',
    content: 'file',
    cut: 0,
    chain: firstChain(ARCHIVE_ID),
    epoch: 1,
    createdAt: '2026-11-21T10:32:07.000Z',
    ...(base === undefined ? {} : { base, baseSha256: sha256('base') }),
  });
  await store.put(snapshotKey(at), bodyOf(wrapEnvelope(codecNamed('zstd'), json)), { if: 'absent' });
}
