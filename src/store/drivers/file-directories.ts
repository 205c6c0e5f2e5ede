import { dirname } from 'node:path';
import { RigError } from '../../kernel/errors.ts';
import type { FileSystem } from '../../kernel/filesystem.ts';
import { quoteForShell } from '../../kernel/shell.ts';
import { unless } from './file-errors.ts';

/** What syncing a directory says where it cannot be, or need not be, synced: read-only, or not ours. */
const NOT_OURS_TO_SYNC = ['EROFS', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EACCES', 'EPERM'];

/**
 * The directories of a file store: made when needed, and synced so that a name somebody was told of survives a
 * power loss.
 * Names made by other processes count too: they may not have synced them yet, or never came to it.
 */
export class StoreDirectories {
  readonly #fileSystem: FileSystem;
  readonly #root: string;
  /** Their names, and all names above them, are known to be durable. */
  readonly #prepared = new Set<string>();
  /** The last sync failed, so something may be visible there that is not durable. */
  readonly #doubtful = new Set<string>();

  constructor(fileSystem: FileSystem, root: string) {
    this.#fileSystem = fileSystem;
    this.#root = root;
  }

  /**
   * Makes a directory, the ones between it and the root, and the root, with names that survive a power loss. A
   * directory that
   * was there once is not made again: when it vanishes, its disk was unmounted, and writing elsewhere would hide that.
   */
  async prepare(directory: string): Promise<void> {
    if (this.#prepared.has(directory)) {
      return;
    }
    if (directory === this.#root) {
      await this.#prepareRoot();
    } else {
      await this.prepare(dirname(directory));
      await this.#make(directory);
      await this.sync(dirname(directory));
    }
    this.#prepared.add(directory);
  }

  /** Makes the names in a directory durable. */
  async sync(directory: string): Promise<void> {
    try {
      await this.#fileSystem.syncDirectory(directory);
    } catch (error) {
      this.#doubtful.add(directory);
      throw error;
    }
  }

  /** The same for a reader, who may have no right to it: then the names are durable for all it can do. */
  async syncForReading(directory: string): Promise<void> {
    await unless(NOT_OURS_TO_SYNC, undefined, () => this.sync(directory));
  }

  /** Before something in a directory is shown: makes up for a sync that failed. */
  async settle(directory: string): Promise<void> {
    if (this.#doubtful.has(directory)) {
      await this.sync(directory);
      this.#doubtful.delete(directory);
    }
  }

  async #prepareRoot(): Promise<void> {
    const parent = dirname(this.#root);
    const [there, above] = [await this.#fileSystem.stat(this.#root), await this.#fileSystem.stat(parent)];
    if (there !== undefined && there.kind !== 'directory') {
      throw new RigError('RIG_CONFIG_INVALID', `${this.#root} is not a directory`, {
        hint: 'give a directory as --archive, or a path that does not exist yet',
        details: { root: this.#root },
      });
    }
    if (above === undefined) {
      throw new RigError(
        'RIG_CONFIG_INVALID',
        `cannot create ${this.#root}: there is no directory ${parent}`,
        {
          hint: `check the path and the mounted disks, or create it: mkdir -p ${quoteForShell(parent)}`,
          details: { root: this.#root, missing: parent },
        },
      );
    }
    await this.#make(this.#root);
    await this.syncForReading(parent);
  }

  async #make(directory: string): Promise<void> {
    await unless(['EEXIST'], undefined, () => this.#fileSystem.makeDirectory(directory, 0o700));
  }
}
