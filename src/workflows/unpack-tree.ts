import type { Extract } from 'tar-stream';
import { mapInOrder } from '../kernel/concurrency.ts';
import type { FileTree, RawPath } from '../kernel/file-tree.ts';
import type { FileHandle } from '../kernel/filesystem.ts';
import { SparseFile } from './sparse-file.ts';
import { notATar, readTreeEntry, type TreeEntry, unwelcome } from './tree-entry.ts';

/** Files up to this size are written several at a time. */
const SMALL_FILE_BYTES = 256 * 1024;
/**
 * Syncing is what takes the time, and syncs that wait together are served together. (Node.js cannot sync a whole file
 * system, and that would wait for what others write, too.)
 */
const UNDER_WAY = { calls: 16, weight: 4 * 1024 * 1024 };

const NEW_FILE_MODE = 0o600;
const NEW_DIRECTORY_MODE = 0o700;

/** A directory whose entries come next. */
interface OpenDirectory {
  readonly entry: TreeEntry;
  readonly parent: OpenDirectory | undefined;
  /** Names ascend: one that does not is there twice. */
  lastName: RawPath;
  /** Everything that was begun in it has ended, well or not. */
  settled: Promise<unknown>;
}

/** Work that may go on beside other work. */
interface Task {
  readonly directory: OpenDirectory | undefined;
  readonly weightBytes: number;
  run(): Promise<void>;
}

/**
 * Writes the entries of a tar stream into the directory `root`, which is there and empty, and syncs them. The stream
 * must be in tree order, as rigctl writes it: then every entry is in a directory that this call made, never behind
 * a link, and comes once. Modes and times of directories are set when all in them is done.
 * @throws RigError RIG_RECORD_MALFORMED for any other stream; the system's errors.
 */
export async function unpackTree(extract: Extract, tree: FileTree, root: RawPath): Promise<void> {
  const limits = { ...UNDER_WAY, weigh: (task: Task) => task.weightBytes };
  for await (const _ of mapInOrder(new Unpacking(tree, root).tasks(extract), limits, start)) {
    // Done, one after the other.
  }
}

function start(task: Task): Promise<void> {
  const done = task.run();
  if (task.directory !== undefined) {
    task.directory.settled = Promise.allSettled([task.directory.settled, done]).then(() => undefined);
  }
  return done;
}

class Unpacking {
  readonly #tree: FileTree;
  readonly #root: RawPath;
  #inner: OpenDirectory | undefined;
  #begun = false;

  constructor(tree: FileTree, root: RawPath) {
    this.#tree = tree;
    this.#root = root;
  }

  async *tasks(extract: Extract): AsyncGenerator<Task, void, undefined> {
    for await (const source of decoded(extract)) {
      const entry = readTreeEntry(source.header);
      while (this.#inner !== undefined && !isIn(entry, this.#inner.entry)) {
        yield this.#leave(this.#inner);
      }
      this.#checkPlace(entry);
      if (entry.kind === 'file') {
        yield* this.#file(entry, source);
      } else {
        source.resume();
        await (entry.kind === 'directory' ? this.#enter(entry) : this.#makeLink(entry));
      }
    }
    while (this.#inner !== undefined) {
      yield this.#leave(this.#inner);
    }
    if (!this.#begun) {
      throw unwelcome('.', 'should be its root, and is missing');
    }
  }

  #checkPlace(entry: TreeEntry): void {
    const { path, parent, name } = entry;
    const inner = this.#inner;
    if (this.#begun ? inner === undefined || parent !== inner.entry.path : path !== '.') {
      throw unwelcome(path, 'is in no directory of it');
    }
    if (path === '.' && entry.kind !== 'directory') {
      throw unwelcome(path, 'should be a directory');
    }
    if (inner !== undefined) {
      if (name <= inner.lastName) {
        throw unwelcome(path, 'is there twice, or out of order');
      }
      inner.lastName = name;
    }
    this.#begun = true;
  }

  async #enter(entry: TreeEntry): Promise<void> {
    if (entry.path !== '.') {
      await this.#tree.makeDirectory(this.#full(entry), NEW_DIRECTORY_MODE);
    }
    this.#inner = { entry, parent: this.#inner, lastName: '', settled: Promise.resolve() };
  }

  #leave(directory: OpenDirectory): Task {
    this.#inner = directory.parent;
    const run = async () => {
      await directory.settled;
      // Opened while it may still be: its own mode may forbid that.
      const handle = await this.#tree.openForReading(this.#full(directory.entry));
      await this.#finish(directory.entry, handle);
    };
    return { directory: directory.parent, weightBytes: 0, run };
  }

  async #makeLink(entry: TreeEntry): Promise<void> {
    const path = this.#full(entry);
    await this.#tree.symlink(entry.linkName, path);
    await this.#setOwner(entry);
    await this.#tree.setModified(path, entry.modifiedAtNs);
  }

  async *#file(entry: TreeEntry, data: AsyncIterable<unknown>): AsyncGenerator<Task, void, undefined> {
    const chunks = decoded(data as AsyncIterable<Uint8Array>);
    if (entry.sizeBytes > SMALL_FILE_BYTES) {
      await this.#writeFile(entry, chunks);
      return;
    }
    const held = entry.sizeBytes === 0 ? [] : await Array.fromAsync(chunks);
    yield {
      directory: this.#inner,
      weightBytes: entry.sizeBytes,
      run: () => this.#writeFile(entry, held),
    };
  }

  async #writeFile(
    entry: TreeEntry,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    const handle = await this.#tree.createNew(this.#full(entry), NEW_FILE_MODE);
    try {
      const file = new SparseFile(handle);
      for await (const chunk of chunks) {
        await file.write(chunk);
      }
      await file.end();
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
    await this.#finish(entry, handle);
  }

  /** Owner before mode, for a change of owner takes set-user-ID away. */
  async #finish(entry: TreeEntry, handle: FileHandle): Promise<void> {
    try {
      await this.#setOwner(entry);
      await handle.setMode(entry.mode);
      await this.#tree.setModified(this.#full(entry), entry.modifiedAtNs);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async #setOwner(entry: TreeEntry): Promise<void> {
    if (this.#tree.mayGiveAway) {
      await this.#tree.setOwner(this.#full(entry), entry.uid, entry.gid);
    }
  }

  #full({ path }: TreeEntry): RawPath {
    return path === '.' ? this.#root : `${this.#root}/${path}`;
  }
}

function isIn({ path, parent }: TreeEntry, directory: TreeEntry): boolean {
  return directory.path === '.' ? parent !== undefined : path.startsWith(`${directory.path}/`);
}

/** What the decoder gives; what it throws is about the stream. */
async function* decoded<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item, void, undefined> {
  try {
    yield* items;
  } catch (error) {
    throw notATar(error);
  }
}
