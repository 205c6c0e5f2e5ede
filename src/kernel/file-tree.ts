import { type BigIntStats, constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { errnoOf } from './errors.ts';
import { type FileHandle, NodeFileHandle } from './filesystem.ts';

/**
 * A path or a name as the file system has it: its bytes, one character for each (Latin-1), so that names which are not
 * UTF-8 survive. See {@link toRawPath} and {@link showRawPath}.
 */
export type RawPath = string;

/**
 * The part of a file system that whole directories need: everything {@link FileSystem} leaves out because files alone
 * do not need it. Links are never followed at the end of a path. Errors are the system's (`ENOENT`, `EEXIST`, …, in
 * the error's `code`); the callers give them a meaning.
 */
export interface FileTree {
  /** The names in a directory, in no particular order. */
  list(path: RawPath): Promise<readonly RawPath[]>;
  /** Undefined when nothing is there. */
  lstat(path: RawPath): Promise<TreeStat | undefined>;
  /** What a symbolic link says, whether that exists or not. */
  readLink(path: RawPath): Promise<RawPath>;
  /** Opens an existing file for reading; ELOOP for a symbolic link. Never waits for the other end of a pipe. */
  openForReading(path: RawPath): Promise<FileHandle>;
  /** Creates a file for writing with this mode; fails with EEXIST when the path exists, a dangling link included. */
  createNew(path: RawPath, mode: number): Promise<FileHandle>;
  makeDirectory(path: RawPath, mode: number): Promise<void>;
  symlink(says: RawPath, path: RawPath): Promise<void>;
  /** Of a file or a directory, set-user-ID and its like included. */
  setMode(path: RawPath, mode: number): Promise<void>;
  /** When it was modified, in nanoseconds since 1970; kept to the microsecond, which is what Node.js can set. */
  setModified(path: RawPath, modifiedAtNs: bigint): Promise<void>;
  setOwner(path: RawPath, uid: number, gid: number): Promise<void>;
  /**
   * Removes a file, a link or, when `recursive`, a directory with everything in it, read-only directories included;
   * ENOENT when it is not there.
   */
  remove(path: RawPath, options?: { readonly recursive?: boolean }): Promise<void>;
  /** Atomic; replaces a file at the destination, or an empty directory by a directory. */
  rename(from: RawPath, to: RawPath): Promise<void>;
  /** Makes the directory's entries, and its mode and times, survive a power loss. */
  syncDirectory(path: RawPath): Promise<void>;
  /** May this process give files to other users? */
  readonly mayGiveAway: boolean;
}

export type TreeKind = 'file' | 'directory' | 'symlink' | 'pipe' | 'socket' | 'device';

export interface TreeStat {
  readonly kind: TreeKind;
  readonly sizeBytes: number;
  /** The twelve permission bits. */
  readonly mode: number;
  /** Nanoseconds since 1970; may be negative. */
  readonly modifiedAtNs: bigint;
  readonly uid: number;
  readonly gid: number;
  /** Device and inode: two stats with the same identity are of the same file. */
  readonly identity: string;
  /** Two stats of one file with the same token: nobody changed it between them. See {@link FileStat}. */
  readonly changeToken: string;
}

/** A path as Node.js has it, as raw bytes. */
export function toRawPath(path: string): RawPath {
  return Buffer.from(path, 'utf8').toString('latin1');
}

/** For people: as text where it is UTF-8, else with `\xNN` for the bytes beyond ASCII. */
export function showRawPath(path: RawPath): string {
  const text = Buffer.from(path, 'latin1').toString('utf8');
  return toRawPath(text) === path
    ? text
    : path.replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

const bytesOf = (path: RawPath): Buffer => Buffer.from(path, 'latin1');

class NodeFileTree implements FileTree {
  readonly mayGiveAway = process.geteuid?.() === 0;

  list(path: RawPath): Promise<readonly RawPath[]> {
    return fs.readdir(bytesOf(path), { encoding: 'latin1' });
  }

  async lstat(path: RawPath): Promise<TreeStat | undefined> {
    try {
      return toTreeStat(await fs.lstat(bytesOf(path), { bigint: true }));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
  }

  readLink(path: RawPath): Promise<RawPath> {
    return fs.readlink(bytesOf(path), { encoding: 'latin1' });
  }

  async openForReading(path: RawPath): Promise<FileHandle> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    return new NodeFileHandle(await fs.open(bytesOf(path), flags));
  }

  async createNew(path: RawPath, mode: number): Promise<FileHandle> {
    return new NodeFileHandle(await fs.open(bytesOf(path), 'wx', mode));
  }

  async makeDirectory(path: RawPath, mode: number): Promise<void> {
    await fs.mkdir(bytesOf(path), { mode });
  }

  symlink(says: RawPath, path: RawPath): Promise<void> {
    return fs.symlink(bytesOf(says), bytesOf(path));
  }

  setMode(path: RawPath, mode: number): Promise<void> {
    return fs.chmod(bytesOf(path), mode);
  }

  setModified(path: RawPath, modifiedAtNs: bigint): Promise<void> {
    const seconds = toSettableSeconds(modifiedAtNs);
    return fs.lutimes(bytesOf(path), seconds, seconds);
  }

  setOwner(path: RawPath, uid: number, gid: number): Promise<void> {
    return fs.lchown(bytesOf(path), uid, gid);
  }

  async remove(path: RawPath, { recursive = false }: { readonly recursive?: boolean } = {}): Promise<void> {
    if (recursive && (await this.lstat(path))?.kind === 'directory') {
      await this.#empty(path);
      await fs.rmdir(bytesOf(path));
    } else {
      await fs.unlink(bytesOf(path));
    }
  }

  rename(from: RawPath, to: RawPath): Promise<void> {
    return fs.rename(bytesOf(from), bytesOf(to));
  }

  async syncDirectory(path: RawPath): Promise<void> {
    const handle = await fs.open(bytesOf(path), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async #empty(path: RawPath): Promise<void> {
    await fs.chmod(bytesOf(path), 0o700);
    for (const name of await this.list(path)) {
      await this.remove(`${path}/${name}`, { recursive: true });
    }
  }
}

/**
 * Node.js takes seconds as a floating-point number and cuts them to microseconds toward zero: half a microsecond away
 * from zero makes that the very microsecond wanted.
 */
function toSettableSeconds(timeNs: bigint): number {
  const micros = Number(timeNs / 1000n - (timeNs % 1000n < 0n ? 1n : 0n));
  return (micros + (micros < 0 ? -0.5 : 0.5)) / 1e6;
}

function toTreeStat(stats: BigIntStats): TreeStat {
  return {
    kind: kindOf(stats),
    sizeBytes: Number(stats.size),
    mode: Number(stats.mode) & 0o7777,
    modifiedAtNs: stats.mtimeNs,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    identity: `${stats.dev}:${stats.ino}`,
    changeToken: `${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
  };
}

function kindOf(stats: BigIntStats): TreeKind {
  if (stats.isFile()) {
    return 'file';
  }
  if (stats.isDirectory()) {
    return 'directory';
  }
  if (stats.isSymbolicLink()) {
    return 'symlink';
  }
  return stats.isFIFO() ? 'pipe' : stats.isSocket() ? 'socket' : 'device';
}

export const nodeFileTree: FileTree = new NodeFileTree();
