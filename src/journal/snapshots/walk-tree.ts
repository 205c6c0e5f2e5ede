import { mapInOrder } from '../../kernel/concurrency.ts';
import { RigError } from '../../kernel/errors.ts';
import { type FileTree, type RawPath, showRawPath, type TreeStat } from '../../kernel/file-tree.ts';
import { changedWhileRead, reading } from './local-source.ts';

/** Something in a tree, or the tree's root. */
export interface TreeEntry {
  /** From the root, which itself is `.`. */
  readonly path: RawPath;
  readonly fullPath: RawPath;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly stat: TreeStat;
  /** What a symbolic link says; else empty. */
  readonly linkName: RawPath;
}

const LOOKS_AHEAD = 16;

/**
 * Everything in a tree, the root first, in tree order: by bytes, as if `/` were the smallest one. Holds no more than
 * the names of the directories it is in.
 * @throws RigError RIG_INCOMPLETE for what can neither be stored nor restored, and for what is gone when it is looked
 *   at; RIG_LOCAL_IO
 */
export async function* walkTree(tree: FileTree, root: RawPath): AsyncGenerator<TreeEntry, void, undefined> {
  const first = await look(tree, root, '.');
  yield first;
  const open = [entriesOf(tree, root, first)];
  try {
    for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
      const { value: entry, done } = await inner.next();
      if (done === true) {
        open.pop();
        continue;
      }
      yield entry;
      if (entry.kind === 'directory') {
        open.push(entriesOf(tree, root, entry));
      }
    }
  } finally {
    await Promise.all(open.map((inner) => inner.return()));
  }
}

async function* entriesOf(
  tree: FileTree,
  root: RawPath,
  { path, fullPath }: TreeEntry,
): AsyncGenerator<TreeEntry, void, undefined> {
  const names = [...(await reading(showRawPath(fullPath), () => tree.list(fullPath)))].sort();
  const prefix = path === '.' ? '' : `${path}/`;
  yield* mapInOrder(names, LOOKS_AHEAD, (name) => look(tree, root, `${prefix}${name}`));
}

async function look(tree: FileTree, root: RawPath, path: RawPath): Promise<TreeEntry> {
  const fullPath = path === '.' ? root : `${root}/${path}`;
  const shown = showRawPath(fullPath);
  const stat = await reading(shown, () => tree.lstat(fullPath));
  if (stat === undefined || (path === '.' && stat.kind !== 'directory')) {
    throw changedWhileRead(shown);
  }
  const { kind } = stat;
  if (kind === 'pipe' || kind === 'socket' || kind === 'device') {
    throw new RigError('RIG_INCOMPLETE', `snapshot holds a ${kind}, which cannot be stored: ${shown}`, {
      hint: `write snapshots without it: rigctl stores files, directories and symbolic links`,
      details: { path: shown },
    });
  }
  const linkName = kind === 'symlink' ? await reading(shown, () => tree.readLink(fullPath)) : '';
  return { path, fullPath, kind, stat, linkName };
}
