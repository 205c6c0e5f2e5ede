import { basename, dirname, join } from 'node:path';
import { assert } from '../kernel/assert.ts';
import { errnoOf, RigError } from '../kernel/errors.ts';
import type { FileHandle, FileSystem } from '../kernel/filesystem.ts';
import type { Random } from '../kernel/random.ts';
import { quoteForShell } from '../kernel/shell.ts';
import { MIB } from '../kernel/size.ts';
import { SparseFile } from './sparse-file.ts';
import { targetExists, targetIo } from './target-trouble.ts';

const NEW_FILE_MODE = 0o600;
/** So much is written before the disk begins with it, which the end would else have to wait for. */
const SYNC_EVERY_BYTES = 64 * MIB;

/** What takes bytes in order. */
export interface Sink {
  /** It needs nothing of the memory of what it was given once its write has resolved. */
  readonly givesBack?: boolean | undefined;
  /** Where it writes, when that is a file into which others may write too. */
  readonly file?: SharedFile | undefined;
  write(bytes: Uint8Array): Promise<void>;
}

/** A file that is written in order, but for what others write at its place beforehand. */
export interface SharedFile {
  /** Runs what writes into the file, before the target is committed or discarded. Its trouble is RIG_LOCAL_IO. */
  fill(write: (descriptor: number) => Promise<void>): Promise<void>;
  /** What would be written next, at `positionBytes`, has been filled in. */
  skip(positionBytes: number, lengthBytes: number): void;
}

/** What is restored under a temporary name until it is committed. */
export interface Target extends Sink {
  /** Makes what was written durable and gives it its name. */
  commit(): Promise<void>;
  /** Removes what was written, as far as it can; after a commit that succeeded there is nothing left to remove. */
  discard(): Promise<void>;
}

/** A place a restore may write to, as found before anything was read. */
export interface TargetPlace {
  readonly path: string;
  /** Whatever has the name by then may be replaced. */
  readonly replace: boolean;
  /** What is there now. */
  readonly present: 'file' | 'directory' | undefined;
  /** Of the file that will be replaced; undefined when there is none. */
  readonly mode: number | undefined;
}

/**
 * Looks whether a restore may write to `path`, and replace what is there if it is one of these kinds. Writes nothing;
 * may be repeated.
 * @throws RigError RIG_TARGET_EXISTS, or RIG_LOCAL_IO when its directory is missing or cannot be looked at.
 */
export async function checkTarget(
  fileSystem: FileSystem,
  path: string,
  force: boolean,
  kinds: readonly ('file' | 'directory')[],
): Promise<TargetPlace> {
  if (path.endsWith('/')) {
    throw new RigError('RIG_LOCAL_IO', `cannot restore to ${path}: it names a directory`, {
      hint: 'name a file to restore to, or "-" for standard output',
      details: { path },
    });
  }
  const [parent, present] = await targetIo('look at', path, () =>
    Promise.all([fileSystem.stat(dirname(path)), fileSystem.stat(path)]),
  );
  if (parent?.kind !== 'directory') {
    throw new RigError('RIG_LOCAL_IO', `cannot restore to ${path}: ${dirname(path)} is not a directory`, {
      hint: `make it first: mkdir -p ${quoteForShell(dirname(path))}`,
      details: { path },
    });
  }
  if (present === undefined) {
    return { path, replace: force, present, mode: undefined };
  }
  const kind = kinds.find((candidate) => candidate === present.kind);
  if (kind === undefined) {
    const what = present.kind === 'directory' ? 'a directory' : 'not a regular file';
    throw new RigError('RIG_TARGET_EXISTS', `target ${path} exists and is ${what}`, {
      hint: 'name a file to restore to, or "-" for standard output',
      details: { path },
    });
  }
  if (!force) {
    throw targetExists(path);
  }
  return { path, replace: true, present: kind, mode: kind === 'file' ? present.mode : undefined };
}

/** Gives what is at a place another name, from which it can come back; undefined: nothing is there. */
export async function setAside(
  fileSystem: FileSystem,
  { path, replace }: TargetPlace,
  random: Random,
): Promise<string | undefined> {
  return targetIo('replace', path, async () => {
    if (!replace || (await fileSystem.stat(path)) === undefined) {
      return undefined;
    }
    const aside = `${temporaryPath(path, random)}.old`;
    await fileSystem.rename(path, aside);
    return aside;
  });
}

/** A long name must not become too long for the file system. */
function temporaryPath(path: string, random: Random): string {
  return join(dirname(path), `.${basename(path).slice(0, 50)}.rigctl-${random.uuid().slice(0, 8)}`);
}

/**
 * A file being restored, with holes where it has whole blocks of zeros, under a temporary name beside its target
 * until {@link FileTarget.commit}. Trouble is RIG_LOCAL_IO; whatever happens before the commit, the target itself is
 * untouched.
 */
export class FileTarget implements Target, SharedFile {
  readonly givesBack = true;
  readonly #fileSystem: FileSystem;
  readonly #place: TargetPlace;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #file: SparseFile;
  #lengthBytes = 0;
  #unsyncedBytes = 0;
  /** Under way, or failed: a system tells of a failure once, and the last sync may know nothing of it. */
  #syncing: Promise<void> | undefined;

  /** Use {@link FileTarget.create}. */
  private constructor(fileSystem: FileSystem, place: TargetPlace, temporary: string, handle: FileHandle) {
    this.#fileSystem = fileSystem;
    this.#place = place;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#file = new SparseFile(handle);
  }

  static async create(fileSystem: FileSystem, place: TargetPlace, random: Random): Promise<FileTarget> {
    const { path } = place;
    const temporary = temporaryPath(path, random);
    const handle = await targetIo('create a file beside', path, () =>
      fileSystem.createNew(temporary, NEW_FILE_MODE),
    );
    return new FileTarget(fileSystem, place, temporary, handle);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await targetIo('write', this.#place.path, () => this.#file.write(bytes));
    this.#wrote(bytes.length);
  }

  get file(): SharedFile | undefined {
    return this.#handle.descriptor === undefined ? undefined : this;
  }

  fill(write: (descriptor: number) => Promise<void>): Promise<void> {
    const { descriptor } = this.#handle;
    assert(descriptor !== undefined, 'a file of the system');
    return targetIo('write', this.#place.path, () => write(descriptor));
  }

  skip(positionBytes: number, lengthBytes: number): void {
    assert(positionBytes === this.#lengthBytes, 'what was filled in follows what was written');
    this.#file.skip(lengthBytes);
    this.#wrote(lengthBytes);
  }

  /**
   * Makes what was written durable and gives it its name. A file that appeared there meanwhile stays, unless it may be
   * replaced.
   * @throws RigError RIG_TARGET_EXISTS, RIG_LOCAL_IO
   */
  async commit(): Promise<void> {
    const { path, replace, mode } = this.#place;
    await targetIo('finish', path, async () => {
      if (mode !== undefined) {
        await this.#handle.setMode(mode);
      }
      await this.#file.end();
      await this.#syncing;
      await this.#handle.sync();
      await this.#checkLength();
      await this.#handle.close();
      const replaces = replace && (await this.#fileSystem.stat(path)) !== undefined;
      await (replace ? this.#fileSystem.rename(this.#temporary, path) : this.#giveName());
      await this.#syncName(replaces);
    });
  }

  /** Removes what was written, as far as it can; after a commit that succeeded there is nothing left to remove. */
  async discard(): Promise<void> {
    await this.#syncing?.catch(() => undefined);
    await this.#handle.close().catch(() => undefined);
    await this.#fileSystem.remove(this.#temporary).catch(() => undefined);
  }

  #wrote(lengthBytes: number): void {
    this.#lengthBytes += lengthBytes;
    this.#unsyncedBytes += lengthBytes;
    if (this.#syncing === undefined && this.#unsyncedBytes >= SYNC_EVERY_BYTES) {
      this.#unsyncedBytes = 0;
      this.#syncing = this.#handle.syncData().then(() => {
        this.#syncing = undefined;
      });
      this.#syncing.catch(() => undefined); // judged by the commit
    }
  }

  /** A restore that fails leaves nothing where nothing was; where something was replaced, the new one stays. */
  async #syncName(replaced: boolean): Promise<void> {
    const { path } = this.#place;
    try {
      await this.#fileSystem.syncDirectory(dirname(path));
    } catch (error) {
      await (replaced ? undefined : this.#takeBack());
      throw error;
    }
  }

  async #takeBack(): Promise<void> {
    await this.#fileSystem.remove(this.#place.path).catch(() => undefined);
  }

  async #checkLength(): Promise<void> {
    const { sizeBytes } = await this.#handle.stat();
    if (sizeBytes !== this.#lengthBytes) {
      const { path } = this.#place;
      throw new RigError(
        'RIG_LOCAL_IO',
        `${path} has ${sizeBytes} bytes after ${this.#lengthBytes} were written`,
        {
          hint: 'find out what else writes there, then restore again',
          details: { path },
        },
      );
    }
  }

  /** Like a rename that never replaces anything. */
  async #giveName(): Promise<void> {
    const { path } = this.#place;
    try {
      await this.#fileSystem.link(this.#temporary, path);
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      if (errno === 'EEXIST') {
        throw targetExists(path);
      }
      if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(errno)) {
        throw error;
      }
      // A file system without hard links: look, then rename.
      await checkTarget(this.#fileSystem, path, false, ['file']);
      await this.#fileSystem.rename(this.#temporary, path);
      return;
    }
    try {
      await this.#fileSystem.remove(this.#temporary);
    } catch (error) {
      await this.#takeBack();
      throw error;
    }
  }
}
