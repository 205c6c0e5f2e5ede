import type { FileTree } from '../../kernel/file-tree.ts';
import type { FileSystem } from '../../kernel/filesystem.ts';
import type { LocalSnapshot } from './directory.ts';
import { openFileSource } from './file-source.ts';
import type { LocalSource } from './local-source.ts';
import { openTreeSource } from './tree-source.ts';

export type { LocalSource } from './local-source.ts';

/**
 * Looks at all of a snapshot, so that every reading of it can be held against this look. Repeatable.
 * @throws RigError RIG_INCOMPLETE when it changes meanwhile, or holds what cannot be stored (a socket, a pipe, a
 *   device); RIG_LOCAL_IO when it cannot be looked at.
 */
export function openSnapshotSource(
  { kind, path }: LocalSnapshot,
  fileSystem: FileSystem,
  tree: FileTree,
): Promise<LocalSource> {
  return kind === 'file' ? openFileSource(path, fileSystem) : openTreeSource(path, tree);
}
