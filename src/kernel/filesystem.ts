import { type BigIntStats, constants, watch, writeSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { solidParts } from './sparse.ts';

/**
 * The part of a file system that rigctl uses. It comes in from outside, so that a simulation can lose what was not
 * synced. Errors are the system's (`ENOENT`, `EEXIST`, …, in the error's `code`); the callers give them a meaning.
 */
export interface FileSystem {
  /** Opens an existing file for reading. Never waits for the other end of a pipe. */
  openForReading(path: string): Promise<FileHandle>;
  /** Creates a file for writing with this mode; fails with EEXIST when the path exists, a dangling link included. */
  createNew(path: string, mode: number): Promise<FileHandle>;
  /** Undefined when nothing is there. Follows symbolic links. */
  stat(path: string): Promise<FileStat | undefined>;
  /** The entries of a directory in no particular order. */
  list(path: string): Promise<readonly DirectoryEntry[]>;
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Gives the file a second name; fails with EEXIST when it is taken. Atomic between processes. */
  link(existing: string, created: string): Promise<void>;
  /** Atomic; replaces a file at the destination. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or, when `recursive`, everything below a directory; ENOENT when it is not there. */
  remove(path: string, options?: { readonly recursive?: boolean }): Promise<void>;
  /** Makes the directory's entries survive a power loss. */
  syncDirectory(path: string): Promise<void>;
  /** Calls `onHint` when the file may have changed. Hints may be lost, merged or idle; errors are not reported. */
  watch(path: string, onHint: () => void): { close(): void };
}

export interface FileHandle {
  /** By which other threads know the file until it is closed; undefined: it is no file of the system. */
  readonly descriptor?: number | undefined;
  /** Reads into `buffer` from `positionBytes`; returns the bytes read, 0 at the end of the file. May read less. */
  read(buffer: Uint8Array, positionBytes: number): Promise<number>;
  /** Writes all of `bytes` at `positionBytes`. */
  write(bytes: Uint8Array, positionBytes: number): Promise<void>;
  stat(): Promise<FileStat>;
  setMode(mode: number): Promise<void>;
  /** Cuts the file, or makes it longer with zeros that take no space where the file system knows holes. */
  setLength(lengthBytes: number): Promise<void>;
  /** Makes data and metadata survive a power loss. */
  sync(): Promise<void>;
  /** Makes the data, and what is needed to read it back, survive a power loss. */
  syncData(): Promise<void>;
  close(): Promise<void>;
}

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
  readonly mode: number;
  readonly modifiedAtMs: number;
  /** Device and inode: two stats with the same identity are of the same file. */
  readonly identity: string;
  /** Size and times: as long as two stats of one file have the same token, nobody changed it between them. */
  readonly changeToken: string;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: FileStat['kind'];
}

export class NodeFileHandle implements FileHandle {
  readonly #handle: fs.FileHandle;

  constructor(handle: fs.FileHandle) {
    this.#handle = handle;
  }

  get descriptor(): number {
    return this.#handle.fd;
  }

  async read(buffer: Uint8Array, positionBytes: number): Promise<number> {
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, positionBytes);
    return bytesRead;
  }

  async write(bytes: Uint8Array, positionBytes: number): Promise<void> {
    let doneBytes = 0;
    while (doneBytes < bytes.length) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        doneBytes,
        bytes.length - doneBytes,
        positionBytes + doneBytes,
      );
      doneBytes += bytesWritten;
    }
  }

  async stat(): Promise<FileStat> {
    return toFileStat(await this.#handle.stat({ bigint: true }));
  }

  setMode(mode: number): Promise<void> {
    return this.#handle.chmod(mode);
  }

  setLength(lengthBytes: number): Promise<void> {
    return this.#handle.truncate(lengthBytes);
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  syncData(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/**
 * Writes all of `bytes` at `positionBytes` of a new file, where nothing was written yet, but for whole blocks of zeros.
 * The thread waits for the disk, and does nothing else meanwhile. `descriptor`: of {@link FileHandle}.
 */
export function fillNow(descriptor: number, bytes: Uint8Array, positionBytes: number): void {
  for (const { start, end } of solidParts(bytes, positionBytes)) {
    for (let at = start; at < end; ) {
      at += writeSync(descriptor, bytes, at, end - at, positionBytes + at);
    }
  }
}

/** Does Linux limit this process's addresses (`ulimit -v`, `LimitAS=`; proc_pid_limits(5))? False elsewhere. */
export async function isAddressSpaceLimited(): Promise<boolean> {
  const limits = await fs.readFile('/proc/self/limits', 'latin1').catch(() => '');
  return /^Max address space +\d/m.test(limits);
}

class NodeFileSystem implements FileSystem {
  async openForReading(path: string): Promise<FileHandle> {
    return new NodeFileHandle(await fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK));
  }

  async createNew(path: string, mode: number): Promise<FileHandle> {
    return new NodeFileHandle(await fs.open(path, 'wx', mode));
  }

  async stat(path: string): Promise<FileStat | undefined> {
    try {
      return toFileStat(await fs.stat(path, { bigint: true }));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
  }

  async list(path: string): Promise<readonly DirectoryEntry[]> {
    const entries = await fs.readdir(path, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
  }

  async makeDirectory(path: string, mode: number): Promise<void> {
    await fs.mkdir(path, { mode });
  }

  link(existing: string, created: string): Promise<void> {
    return fs.link(existing, created);
  }

  rename(from: string, to: string): Promise<void> {
    return fs.rename(from, to);
  }

  remove(path: string, options: { readonly recursive?: boolean } = {}): Promise<void> {
    return options.recursive === true ? fs.rm(path, { recursive: true }) : fs.unlink(path);
  }

  async syncDirectory(path: string): Promise<void> {
    const handle = await fs.open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  watch(path: string, onHint: () => void): { close(): void } {
    try {
      const watcher = watch(path, { persistent: false }, onHint);
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      return { close() {} };
    }
  }
}

function kindOf(stats: { isFile(): boolean; isDirectory(): boolean }): FileStat['kind'] {
  return stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other';
}

function toFileStat(stats: BigIntStats): FileStat {
  return {
    kind: kindOf(stats),
    sizeBytes: Number(stats.size),
    mode: Number(stats.mode) & 0o7777,
    modifiedAtMs: Number(stats.mtimeMs),
    identity: `${stats.dev}:${stats.ino}`,
    changeToken: `${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
  };
}

export const nodeFileSystem: FileSystem = new NodeFileSystem();
