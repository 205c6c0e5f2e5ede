import { basename, dirname, resolve } from 'node:path';
import { type Extract, extract } from 'tar-stream';
import { errnoOf, RigError } from '../kernel/errors.ts';
import { type FileTree, type RawPath, showRawPath, toRawPath } from '../kernel/file-tree.ts';
import type { Random } from '../kernel/random.ts';
import { quoteForShell } from '../kernel/shell.ts';
import { targetExists, targetIo } from './target-trouble.ts';
import { unpackTree } from './unpack-tree.ts';

const TEMPORARY_MODE = 0o700;

/** A place a restore may write a directory to, as found before anything was read. */
export interface TreePlace {
  readonly path: string;
  /** A directory that has the name by then may be replaced. */
  readonly replace: boolean;
}

/**
 * Looks whether a restore may put a directory at `path`. Writes nothing; may be repeated.
 * @throws RigError RIG_TARGET_EXISTS, or RIG_LOCAL_IO when the directory it goes into is missing or cannot be looked
 *   at.
 */
export async function checkTreeTarget(tree: FileTree, path: string, force: boolean): Promise<TreePlace> {
  const parent = dirname(resolve(path));
  // Through a link, if the directory is reached by one: that is the user's own.
  const above = await targetIo('look at', path, () => tree.lstat(toRawPath(`${parent}/.`)));
  if (above?.kind !== 'directory') {
    throw new RigError('RIG_LOCAL_IO', `cannot restore to ${path}: ${parent} is not a directory`, {
      hint: `make it first: mkdir -p ${quoteForShell(parent)}`,
      details: { path },
    });
  }
  await checkReplaceable(tree, path, force);
  return { path, replace: force };
}

/** Is there something to be replaced? */
async function checkReplaceable(tree: FileTree, path: string, replace: boolean): Promise<boolean> {
  const present = await targetIo('look at', path, () => tree.lstat(toRawPath(resolve(path))));
  if (present !== undefined && present.kind !== 'directory') {
    throw new RigError('RIG_TARGET_EXISTS', `target ${path} exists and is not a directory`, {
      hint: 'name a directory to restore to, which need not exist',
      details: { path },
    });
  }
  if (present !== undefined && !replace) {
    throw targetExists(path);
  }
  return present !== undefined;
}

/**
 * A directory being restored from a tar stream, under a temporary name beside its target until
 * {@link TreeTarget.commit}. Trouble is RIG_LOCAL_IO, or RIG_RECORD_MALFORMED for a stream that rigctl did not write;
 * whatever happens before the commit, the target itself is untouched.
 */
export class TreeTarget {
  readonly #tree: FileTree;
  readonly #place: TreePlace;
  readonly #temporary: RawPath;
  readonly #extract: Extract;
  readonly #unpacking: Promise<void>;

  /** Use {@link TreeTarget.create}. */
  private constructor(tree: FileTree, place: TreePlace, temporary: RawPath) {
    this.#tree = tree;
    this.#place = place;
    this.#temporary = temporary;
    const options = { highWaterMark: 1024 * 1024, filenameEncoding: 'latin1' };
    this.#extract = extract(options);
    this.#unpacking = targetIo('write', place.path, () => unpackTree(this.#extract, tree, temporary));
    this.#unpacking.catch(() => undefined); // told by whoever writes or commits next
  }

  static async create(tree: FileTree, place: TreePlace, random: Random): Promise<TreeTarget> {
    const full = resolve(place.path);
    // A long name must not become too long for the file system.
    const name = `.${basename(full).slice(0, 50)}.rigctl-${random.uuid().slice(0, 8)}`;
    const temporary = toRawPath(`${dirname(full)}/${name}`);
    await targetIo('create a directory beside', place.path, () =>
      tree.makeDirectory(temporary, TEMPORARY_MODE),
    );
    return new TreeTarget(tree, place, temporary);
  }

  /** The next bytes of the tar stream, which are taken over. */
  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#extract.write(bytes)) {
      await Promise.race([drained(this.#extract), this.#unpacking]);
    }
    if (this.#extract.destroying) {
      await this.#unpacking;
    }
  }

  /**
   * Ends the stream, makes all of it durable and gives it its name; what is replaced is deleted last. A crash before
   * that leaves the old directory beside the new one, under the temporary name with `.old` at its end.
   * @returns The path of the old directory, when it could not be deleted.
   * @throws RigError RIG_TARGET_EXISTS, RIG_LOCAL_IO, RIG_RECORD_MALFORMED
   */
  async commit(): Promise<{ readonly leftBehind: string | undefined }> {
    this.#extract.end(null);
    await this.#unpacking;
    const { path, replace } = this.#place;
    const isReplacing = await checkReplaceable(this.#tree, path, replace);
    const aside = `${this.#temporary}.old`;
    await targetIo('finish', path, async () => {
      await (isReplacing ? this.#exchange(aside) : this.#giveName());
      await this.#syncName(isReplacing ? aside : undefined);
    });
    try {
      await (isReplacing ? this.#tree.remove(aside, { recursive: true }) : undefined);
      return { leftBehind: undefined };
    } catch {
      return { leftBehind: showRawPath(aside) };
    }
  }

  /** Removes what was written, as far as it can; after a commit that succeeded there is nothing left to remove. */
  async discard(): Promise<void> {
    this.#extract.destroy(new Error('discarded'));
    await this.#unpacking.catch(() => undefined);
    await this.#tree.remove(this.#temporary, { recursive: true }).catch(() => undefined);
  }

  /** Unlike a file, a directory never replaces anything that holds something: the system refuses that. */
  async #giveName(): Promise<void> {
    const { path } = this.#place;
    try {
      await this.#tree.rename(this.#temporary, toRawPath(resolve(path)));
    } catch (error) {
      throw ['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errnoOf(error) ?? '') ? targetExists(path) : error;
    }
  }

  /** A restore that fails leaves what was there. */
  async #syncName(aside: RawPath | undefined): Promise<void> {
    const full = toRawPath(resolve(this.#place.path));
    try {
      await this.#tree.syncDirectory(toRawPath(dirname(resolve(this.#place.path))));
    } catch (error) {
      await this.#tree.rename(full, this.#temporary);
      await (aside === undefined ? undefined : this.#tree.rename(aside, full));
      throw error;
    }
  }

  async #exchange(aside: RawPath): Promise<void> {
    const full = toRawPath(resolve(this.#place.path));
    await this.#tree.rename(full, aside);
    try {
      await this.#giveName();
    } catch (error) {
      await this.#tree.rename(aside, full);
      throw error;
    }
  }
}

function drained(extract: Extract): Promise<void> {
  return new Promise((done) => {
    extract.once('drain', done);
  });
}
