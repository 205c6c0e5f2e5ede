import { resolveChain } from '../archive/snapshot-object.ts';
import { hashPieces } from '../archive/tree-hash.ts';
import type { LocalSnapshot } from '../journal/snapshots/directory.ts';
import { openSnapshotSource } from '../journal/snapshots/source.ts';
import type { Context } from './context.ts';

/**
 * Does the archive have this very snapshot, with all that it builds on? Reads the local one whole, and of the archived
 * one header and footer, which has the hash of the content.
 * @throws RigError RIG_INCOMPLETE or RIG_LOCAL_IO for the local one, of the kind `data` for the archived one
 */
export async function isSameInArchive(
  { store, fileSystem, fileTree, stop: signal }: Context,
  archive: string,
  snapshot: LocalSnapshot,
): Promise<boolean> {
  const [{ header, footer }] = await resolveChain(store, snapshot.at, archive, { signal });
  const source = await openSnapshotSource(snapshot, fileSystem, fileTree);
  const isAlike = header.of === 'state' && header.content === source.content;
  return isAlike && (await hashPieces(source.open())) === footer.sha256;
}
