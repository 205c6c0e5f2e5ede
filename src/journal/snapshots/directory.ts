import { join } from 'node:path';
import { errnoOf, RigError } from '../../kernel/errors.ts';
import type { DirectoryEntry, FileSystem } from '../../kernel/filesystem.ts';
import { type Offset, showOffset } from '../../kernel/offset.ts';
import { quoteForShell } from '../../kernel/shell.ts';
import { isPassedOver, offsetOfName, type SnapshotNames } from './names.ts';

export type { SnapshotNames } from './names.ts';

/** An entry of a snapshot directory. */
export interface LocalSnapshot {
  readonly at: Offset;
  readonly name: string;
  readonly path: string;
  readonly kind: 'file' | 'directory';
}

export interface SnapshotListing {
  /** Ascending by offset. */
  readonly snapshots: readonly LocalSnapshot[];
  /** Names that are no offsets, ascending; those still being written (`.name`, `name.tmp`) are left out. */
  readonly ignored: readonly string[];
}

/**
 * Lists the snapshots in a directory. Repeatable.
 * @throws RigError RIG_CONFIG_INVALID for a name that could be two offsets or is too large, for two names of one
 *   offset, and for an offset that names neither a file nor a directory; RIG_LOCAL_IO when the directory cannot be
 *   listed.
 */
export async function listSnapshots(
  fileSystem: FileSystem,
  directory: string,
  names: SnapshotNames,
): Promise<SnapshotListing> {
  const entries = (await listDirectory(fileSystem, directory)).filter(({ name }) => !isPassedOver(name));
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const byOffset = new Map<Offset, LocalSnapshot>();
  const ignored: string[] = [];
  for (const { name, kind } of entries) {
    const at = offsetOfName(name, names);
    if (at === undefined) {
      ignored.push(name);
      continue;
    }
    const path = join(directory, name);
    if (kind === 'other') {
      throw notASnapshot(path, await describe(fileSystem, path));
    }
    const other = byOffset.get(at);
    if (other !== undefined) {
      throw twoNames(at, other.name, name);
    }
    byOffset.set(at, { at, name, path, kind });
  }
  return { snapshots: [...byOffset.values()].sort((a, b) => a.at - b.at), ignored };
}

/**
 * Removes a snapshot, with all that is in it. False: it is gone already, since the application may remove some too.
 * Repeatable.
 * @throws RigError RIG_LOCAL_IO
 */
export async function removeSnapshot(
  fileSystem: FileSystem,
  { path, kind }: LocalSnapshot,
): Promise<boolean> {
  try {
    await fileSystem.remove(path, { recursive: kind === 'directory' });
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) {
      throw error;
    }
    if (errno === 'ENOENT') {
      return false;
    }
    throw new RigError('RIG_LOCAL_IO', `cannot remove snapshot ${path}: ${errno}`, {
      hint: 'allow this user to remove what is in that directory, or leave out --prune-local',
      cause: error,
      details: { path, errno },
    });
  }
}

async function listDirectory(fileSystem: FileSystem, directory: string): Promise<DirectoryEntry[]> {
  try {
    return [...(await fileSystem.list(directory))];
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) {
      throw error;
    }
    throw new RigError('RIG_LOCAL_IO', `cannot list snapshot directory ${directory}: ${errno}`, {
      hint:
        errno === 'ENOENT'
          ? `make it first: mkdir -p ${quoteForShell(directory)}`
          : 'name a directory that this user may read',
      cause: error,
      details: { path: directory, errno },
    });
  }
}

/** What it is that is neither a file nor a directory: whatever a look through it shows is reached by a link. */
async function describe(fileSystem: FileSystem, path: string): Promise<string> {
  const behind = await fileSystem.stat(path).catch(() => undefined);
  return behind?.kind === 'other' ? 'a pipe, a socket or a device' : 'a symbolic link';
}

function notASnapshot(path: string, what: string): RigError {
  return new RigError('RIG_CONFIG_INVALID', `snapshot ${path} is ${what}, not a file or a directory`, {
    hint: 'rename the snapshot itself into the snapshot directory, and move anything else elsewhere',
    details: { path },
  });
}

function twoNames(at: Offset, one: string, other: string): RigError {
  return new RigError(
    'RIG_CONFIG_INVALID',
    `snapshots ${one} and ${other} both name the offset ${showOffset(at)}`,
    { hint: 'keep one of them in the snapshot directory', details: { offset: at, names: [one, other] } },
  );
}
