import { mapInOrder } from '../../kernel/concurrency.ts';
import { crc32 } from '../../kernel/digest.ts';
import { type FileTree, type RawPath, showRawPath, toRawPath } from '../../kernel/file-tree.ts';
import { changedWhileRead, type LocalPiece, type LocalSource, reading, readPieces } from './local-source.ts';
import { END_OF_ARCHIVE_BYTES, encodeTarHeader, paddingBytesOf } from './tar-header.ts';
import { type TreeEntry, walkTree } from './walk-tree.ts';

/** Files up to this size are read several at a time. */
const SMALL_FILE_BYTES = 256 * 1024;
const READ_AHEAD = { calls: 16, weight: 4 * 1024 * 1024 };

/** A snapshot that is a directory. See {@link LocalSource}. */
export async function openTreeSource(path: string, tree: FileTree): Promise<LocalSource> {
  const source = new TreeSource(toRawPath(path), tree);
  const atMostBytes = await source.look();
  return { content: 'tar', atMostBytes, open: () => source.read() };
}

/**
 * Reads a tree three times: a look at all of it, the reading, and another look. Nothing that happens to an entry
 * between the looks can hide from both, so the reading shows the tree as it was at one moment.
 */
class TreeSource {
  readonly #root: RawPath;
  readonly #tree: FileTree;
  /** Of each entry in order, a checksum of all that tells whether it changed: four bytes for each of a million. */
  #seen: readonly number[] = [];

  constructor(root: RawPath, tree: FileTree) {
    this.#root = root;
    this.#tree = tree;
  }

  /** The first look; returns the length of the tar stream. */
  async look(): Promise<number> {
    const seen: number[] = [];
    let lengthBytes = END_OF_ARCHIVE_BYTES;
    for await (const entry of walkTree(this.#tree, this.#root)) {
      const sizeBytes = dataBytesOf(entry);
      lengthBytes += headerOf(entry).length + sizeBytes + paddingBytesOf(sizeBytes);
      seen.push(stampOf(entry));
    }
    this.#seen = seen;
    return lengthBytes;
  }

  async *read(): AsyncGenerator<LocalPiece, void, undefined> {
    const limits = { ...READ_AHEAD, weigh: (entry: TreeEntry) => (isSmall(entry) ? dataBytesOf(entry) : 0) };
    for await (const { entry, pieces } of mapInOrder(this.#walkUnchanged(), limits, (item) =>
      this.#load(item),
    )) {
      yield { bytes: headerOf(entry), key: entry.path };
      for await (const bytes of pieces) {
        yield { bytes };
      }
    }
    for await (const _ of this.#walkUnchanged()) {
      // The last look.
    }
    yield { bytes: new Uint8Array(END_OF_ARCHIVE_BYTES) };
  }

  /** The entries, each as it was at the first look. */
  async *#walkUnchanged(): AsyncGenerator<TreeEntry, void, undefined> {
    let index = 0;
    for await (const entry of walkTree(this.#tree, this.#root)) {
      if (stampOf(entry) !== this.#seen[index]) {
        throw changedWhileRead(showRawPath(entry.fullPath));
      }
      index += 1;
      yield entry;
    }
    if (index < this.#seen.length) {
      throw changedWhileRead(showRawPath(this.#root));
    }
  }

  /** What an entry holds: at once when that is little, else when somebody asks for it. */
  async #load(
    entry: TreeEntry,
  ): Promise<{ entry: TreeEntry; pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array> }> {
    if (dataBytesOf(entry) === 0) {
      return { entry, pieces: [] };
    }
    const pieces = this.#readFile(entry);
    return { entry, pieces: isSmall(entry) ? await Array.fromAsync(pieces) : pieces };
  }

  async *#readFile({ fullPath, stat }: TreeEntry): AsyncGenerator<Uint8Array, void, undefined> {
    const shown = showRawPath(fullPath);
    const handle = await reading(shown, () => this.#tree.openForReading(fullPath));
    const checkUnchanged = async () => {
      const { identity, changeToken } = await reading(shown, () => handle.stat());
      if (identity !== stat.identity || changeToken !== stat.changeToken) {
        throw changedWhileRead(shown);
      }
    };
    try {
      await checkUnchanged();
      yield* readPieces(handle, shown, stat.sizeBytes, paddingBytesOf(stat.sizeBytes));
      await checkUnchanged();
    } finally {
      await handle.close();
    }
  }
}

function dataBytesOf({ kind, stat }: TreeEntry): number {
  return kind === 'file' ? stat.sizeBytes : 0;
}

function isSmall(entry: TreeEntry): boolean {
  return dataBytesOf(entry) <= SMALL_FILE_BYTES;
}

function stampOf({ path, linkName, stat }: TreeEntry): number {
  return crc32(Buffer.from(`${path}\0${linkName}\0${stat.identity}\0${stat.changeToken}`, 'latin1'));
}

function headerOf(entry: TreeEntry): Uint8Array {
  const { path, kind, linkName, stat } = entry;
  const { mode, uid, gid, modifiedAtNs } = stat;
  const name = kind === 'directory' ? `${path}/` : path;
  return encodeTarHeader({
    kind,
    name,
    linkName,
    mode,
    uid,
    gid,
    sizeBytes: dataBytesOf(entry),
    modifiedAtNs,
  });
}
