import { dirname, join, resolve } from 'node:path';
import { assert } from '../../kernel/assert.ts';
import type { Clock } from '../../kernel/clock.ts';
import { mapInOrder } from '../../kernel/concurrency.ts';
import { errnoOf, RigError } from '../../kernel/errors.ts';
import type { DirectoryEntry, FileHandle, FileStat, FileSystem } from '../../kernel/filesystem.ts';
import type { Random } from '../../kernel/random.ts';
import { MIB } from '../../kernel/size.ts';
import type {
  CallOptions,
  Capabilities,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  PutResult,
  Store,
  StoredObject,
} from '../contract.ts';
import { assertKey, assertPrefix, resolveRange } from '../key.ts';
import { StoreDirectories } from './file-directories.ts';
import { storeError, withStoreErrors } from './file-errors.ts';
import { listObjects, TEMPORARY } from './file-listing.ts';
import { TemporaryFiles } from './file-temporary.ts';

export interface FileStoreOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
}

const READ_BYTES = MIB;
const PARALLEL_REMOVALS = 16;
const NO_HARD_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/**
 * Opens a directory as a store; it is created by the first put. A key is a path below it.
 *
 * A put writes a temporary file, syncs it, gives it its name with `link` (create-only) or `rename`, and syncs
 * the directory.
 * What this store has shown is durable, whoever wrote it: a create-only put that finds the name taken, and a
 * listing, sync
 * the directory before they say so, because the writer of that name may not have come to it, and the caller will
 * build on it.
 *
 * A key cannot be the beginning of another one followed by a slash (`a` beside `a/b`): RIG_CONFIG_INVALID.
 */
export function openFileStore(path: string, options: FileStoreOptions): Store {
  return new FileStore(resolve(path), options);
}

class FileStore implements Store {
  readonly url: string;
  readonly capabilities: Capabilities = {
    createOnly: true,
    multipartCreateOnly: true,
    replace: true,
    parallelCalls: 4,
    parallelListings: 1,
    tagging: undefined,
    lifecycle: undefined,
  };
  readonly #root: string;
  readonly #fileSystem: FileSystem;
  readonly #directories: StoreDirectories;
  readonly #temporary: TemporaryFiles;

  constructor(root: string, { fileSystem, clock, random }: FileStoreOptions) {
    this.url = `file:${root}`;
    this.#root = root;
    this.#fileSystem = fileSystem;
    this.#directories = new StoreDirectories(fileSystem, root);
    this.#temporary = new TemporaryFiles(root, this.#directories, { fileSystem, clock, random });
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    options.signal?.throwIfAborted();
    const path = this.#pathOf(key);
    return this.#withErrors(`read ${key}`, async () => {
      await this.#directories.settle(dirname(path));
      const handle = await this.#ifThere(() => this.#fileSystem.openForReading(path));
      return handle && this.#opened(key, handle, options);
    });
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    options.signal?.throwIfAborted();
    const path = this.#pathOf(key);
    return this.#withErrors(`look at ${key}`, async () => {
      await this.#directories.settle(dirname(path));
      const stat = await this.#ifThere(() => this.#fileSystem.stat(path));
      return stat?.kind === 'file' ? infoOf(stat) : undefined;
    });
  }

  async put(key: string, body: PutBody, options: PutOptions): Promise<PutResult> {
    options.signal?.throwIfAborted();
    const path = this.#pathOf(key);
    const temporary = await this.#temporary.write(key, body, options.signal);
    try {
      options.signal?.throwIfAborted();
      // From here on a signal is too late: the put is a few calls from its end, and its outcome is better known.
      await this.#withErrors(`write ${key}`, async () => {
        await this.#directories.prepare(dirname(path));
        await (options.if === 'absent'
          ? this.#link(key, temporary, path)
          : this.#fileSystem.rename(temporary, path));
        await this.#directories.sync(dirname(path));
      });
    } finally {
      await this.#temporary.discard(temporary);
    }
    return {};
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    options.signal?.throwIfAborted();
    assertPrefix(prefix);
    const { after = '', upTo, signal } = options;
    const [fileSystem, root] = [this.#fileSystem, this.#root];
    const entriesOf = (path: string) => this.#entriesOf(path);
    try {
      yield* listObjects({ fileSystem, root, prefix, after, upTo, signal, entriesOf });
    } catch (error) {
      throw storeError(error, `list ${prefix}`, this.#root);
    }
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const paths = keys.map((key) => this.#pathOf(key));
    await this.#withErrors('delete objects', async () => {
      for await (const _ of mapInOrder(paths, PARALLEL_REMOVALS, (path) => this.#remove(path))) {
        options.signal?.throwIfAborted();
      }
      for (const directory of new Set(paths.map((path) => dirname(path)))) {
        await this.#ifThere(() => this.#directories.sync(directory));
      }
    });
  }

  async close(): Promise<void> {}

  #pathOf(key: string): string {
    assertKey(key);
    assert(key.split('/')[0] !== TEMPORARY, `${key} is a temporary file of the store`);
    return join(this.#root, key);
  }

  /** Gives the file its final name unless the name is taken. */
  async #link(key: string, temporary: string, path: string): Promise<void> {
    try {
      await this.#fileSystem.link(temporary, path);
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      if (NO_HARD_LINKS.includes(errno)) {
        throw new RigError('RIG_STORE_UNSUPPORTED', `the file system of ${this.#root} has no hard links`, {
          hint: 'put the archive on a local file system such as ext4, XFS or APFS',
          cause: error,
          details: { root: this.#root, errno },
        });
      }
      throw errno === 'EEXIST' ? await this.#taken(key, path) : error;
    }
  }

  /** The other one may still be about to sync the directory; whoever hears "exists" may rely on it. */
  async #taken(key: string, path: string): Promise<RigError> {
    await this.#directories.sync(dirname(path));
    if ((await this.#fileSystem.stat(path))?.kind === 'directory') {
      return new RigError(
        'RIG_CONFIG_INVALID',
        `cannot write ${key} in ${this.#root}: a directory has that name`,
        {
          hint: 'move that directory away, or give another --archive',
          details: { root: this.#root, object: key },
        },
      );
    }
    return new RigError('RIG_OBJECT_EXISTS', `${key} exists already in ${this.#root}`, {
      details: { object: key },
    });
  }

  async #remove(path: string): Promise<void> {
    try {
      await this.#ifThere(() => this.#fileSystem.remove(path));
    } catch (error) {
      if (errnoOf(error) !== 'EISDIR') {
        throw error; // a directory is no object: nothing has this key
      }
    }
  }

  async #entriesOf(path: string): Promise<readonly DirectoryEntry[]> {
    const entries = await this.#ifThere(() => this.#fileSystem.list(path));
    if (entries === undefined) {
      return [];
    }
    await this.#directories.syncForReading(path);
    return entries;
  }

  /** Undefined when there is nothing. A file in the place of the root is an error, not an empty store. */
  async #ifThere<Result>(call: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await call();
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') {
        return undefined;
      }
      if (errno === 'ENOTDIR' && (await this.#fileSystem.stat(this.#root))?.kind === 'directory') {
        return undefined;
      }
      throw error;
    }
  }

  /** The object behind an open file; undefined for a directory, which can be opened too. */
  async #opened(key: string, handle: FileHandle, options: GetOptions): Promise<StoredObject | undefined> {
    try {
      const stat = await handle.stat();
      if (stat.kind === 'file') {
        const range = resolveRange(options.range, stat.sizeBytes);
        return { ...infoOf(stat), body: this.#bodyOf(key, handle, range, options) };
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return undefined;
  }

  async *#bodyOf(
    key: string,
    handle: FileHandle,
    { startByte, endByte }: { readonly startByte: number; readonly endByte: number },
    { signal }: CallOptions,
  ): AsyncIterable<Uint8Array> {
    try {
      for (let position = startByte; position < endByte; ) {
        signal?.throwIfAborted();
        const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, endByte - position));
        const readBytes = await this.#withErrors(`read ${key}`, () => handle.read(buffer, position));
        if (readBytes === 0) {
          throw new RigError('RIG_STORE_UNAVAILABLE', `${key} in ${this.#root} was cut while it was read`, {
            hint: 'find out what changes files in the archive: rigctl never does',
            details: { object: key, offsetBytes: position },
          });
        }
        position += readBytes;
        yield buffer.subarray(0, readBytes);
      }
    } finally {
      await handle.close();
    }
  }

  #withErrors<Result>(action: string, call: () => Promise<Result>): Promise<Result> {
    return withStoreErrors(action, this.#root, call);
  }
}

function infoOf({ sizeBytes, modifiedAtMs, identity }: FileStat): ObjectInfo {
  return { sizeBytes, modifiedAtMs, version: `${identity}:${modifiedAtMs}:${sizeBytes}` };
}
