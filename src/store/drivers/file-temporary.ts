import { join } from 'node:path';
import { assert } from '../../kernel/assert.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { FileHandle, FileSystem } from '../../kernel/filesystem.ts';
import type { Random } from '../../kernel/random.ts';
import type { PutBody } from '../contract.ts';
import type { StoreDirectories } from './file-directories.ts';
import { withStoreErrors } from './file-errors.ts';
import { TEMPORARY } from './file-listing.ts';

/** A temporary file that nobody has written to for this long belongs to a process that died. */
const ABANDONED_MS = 24 * 3_600_000;

/** Files being written, in a private directory of the store that is never listed. */
export class TemporaryFiles {
  readonly #root: string;
  readonly #directory: string;
  readonly #directories: StoreDirectories;
  readonly #fileSystem: FileSystem;
  readonly #clock: Clock;
  readonly #random: Random;
  #swept = false;

  constructor(
    root: string,
    directories: StoreDirectories,
    options: { readonly fileSystem: FileSystem; readonly clock: Clock; readonly random: Random },
  ) {
    this.#root = root;
    this.#directory = join(root, TEMPORARY);
    this.#directories = directories;
    this.#fileSystem = options.fileSystem;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Writes a body into a new file and syncs it; returns its path. Whatever fails leaves nothing behind. */
  async write(key: string, body: PutBody, signal: AbortSignal | undefined): Promise<string> {
    const path = join(this.#directory, this.#random.uuid());
    const handle = await this.#withErrors(key, async () => {
      await this.#directories.prepare(this.#directory);
      await this.#sweepOnce();
      return this.#fileSystem.createNew(path, 0o600);
    });
    try {
      await this.#fill(key, handle, body, signal);
      await this.#withErrors(key, () => handle.close());
    } catch (error) {
      await handle.close().catch(() => undefined);
      await this.discard(path);
      throw error;
    }
    return path;
  }

  /** Removes a file of {@link write}; when that fails, it is swept a day later. */
  async discard(path: string): Promise<void> {
    await this.#fileSystem.remove(path).catch(() => undefined);
  }

  async #fill(
    key: string,
    handle: FileHandle,
    body: PutBody,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let writtenBytes = 0;
    for await (const chunk of body.open()) {
      signal?.throwIfAborted();
      const positionBytes = writtenBytes;
      await this.#withErrors(key, () => handle.write(chunk, positionBytes));
      writtenBytes += chunk.length;
    }
    assert(
      body.lengthBytes === undefined || body.lengthBytes === writtenBytes,
      `a body for ${key} of ${body.lengthBytes} bytes gave ${writtenBytes}`,
    );
    await this.#withErrors(key, () => handle.sync());
  }

  /**
   * Removes what died writers left, before the first write. A live writer's file is safe: writing keeps it
   * young. One that stood
   * still for a day would find its file gone when it gives it a name, and fail without harm.
   */
  async #sweepOnce(): Promise<void> {
    if (this.#swept) {
      return;
    }
    this.#swept = true;
    for (const { name } of await this.#fileSystem.list(this.#directory)) {
      const path = join(this.#directory, name);
      const stat = await this.#fileSystem.stat(path);
      if (stat?.kind === 'file' && this.#clock.wallMs() - stat.modifiedAtMs > ABANDONED_MS) {
        await this.discard(path);
      }
    }
  }

  #withErrors<Result>(key: string, call: () => Promise<Result>): Promise<Result> {
    return withStoreErrors(`write ${key}`, this.#root, call);
  }
}
