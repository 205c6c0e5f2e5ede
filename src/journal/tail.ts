import { assert } from '../kernel/assert.ts';
import type { Clock } from '../kernel/clock.ts';
import { errnoOf, RigError } from '../kernel/errors.ts';
import type { FileHandle, FileStat, FileSystem } from '../kernel/filesystem.ts';
import type { Offset } from '../kernel/offset.ts';
import { showOffset } from '../kernel/offset.ts';
import { KIB, MIB } from '../kernel/size.ts';
import type { Observation } from './observations.ts';
import { Observations } from './observations.ts';
import { Pause } from './pause.ts';

/** What {@link Journal.read} yields at a time. */
export const READ_CHUNK_BYTES = MIB;

/** So much of what was read last is kept, and compared before reading on. */
const REMEMBERED_BYTES = 64 * KIB;

const DEFAULT_POLL_MS = 250;
/** Where hints come, looks are for what gives none; a look costs half a millisecond of a core's time. */
const HINTED_POLLS = 4;

export interface JournalSurroundings {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  /** How often to look at a journal that gives no hints, and a fourth as often where they come. Default 250 ms. */
  readonly pollMs?: number;
}

/**
 * Opens the append-only file at `path` for reading and following. Symbolic links are followed once, here.
 * @throws RigError RIG_LOCAL_IO when it is missing, not a regular file, or may not be read.
 */
export async function openJournal(path: string, surroundings: JournalSurroundings): Promise<Journal> {
  const { fileSystem } = surroundings;
  try {
    // Before opening: to open a FIFO is to wait for its writer.
    checkIsFile(path, await fileSystem.stat(path));
    const handle = await fileSystem.openForReading(path);
    try {
      const stat = await handle.stat();
      checkIsFile(path, stat);
      return new Journal(path, handle, stat.identity, surroundings);
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw ioError(path, 'open', error);
  }
}

/**
 * One append-only file, read from any position and followed as it grows. Positions are bytes from its beginning.
 * It is an error, RIG_JOURNAL_TRUNCATED, when what was seen of it goes away: the file gets shorter, other bytes stand
 * where some were read, or the path comes to name another file or none. Other trouble with it is RIG_LOCAL_IO.
 */
export class Journal {
  readonly path: string;
  readonly #fileSystem: FileSystem;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #handle: FileHandle;
  readonly #identity: string;
  readonly #observations = new Observations();
  readonly #pause: Pause;
  #watcher: { close(): void } | undefined;
  /** Believed until the file is seen to have grown without one. */
  #hintsCome = true;
  #seenEnd: Offset = 0;
  /** The last bytes read, up to 64 KiB, and where they begin. */
  #remembered: { readonly start: Offset; readonly bytes: Uint8Array } = { start: 0, bytes: new Uint8Array() };

  /** Use {@link openJournal}. */
  constructor(path: string, handle: FileHandle, identity: string, surroundings: JournalSurroundings) {
    this.path = path;
    this.#handle = handle;
    this.#identity = identity;
    this.#fileSystem = surroundings.fileSystem;
    this.#clock = surroundings.clock;
    this.#pollMs = surroundings.pollMs ?? DEFAULT_POLL_MS;
    this.#pause = new Pause(surroundings.clock);
  }

  /** The greatest size observed, in bytes: what may be read. 0 before the first {@link observe}. */
  get seenEnd(): Offset {
    return this.#seenEnd;
  }

  /**
   * Looks at the file: returns its size in bytes, and remembers that it was so long at this moment. Repeatable.
   * @throws RigError RIG_JOURNAL_TRUNCATED when it got shorter, was removed or replaced.
   */
  async observe(): Promise<Offset> {
    // Looks may overlap: each is judged by what was known when it was sent.
    const seenEnd = this.#seenEnd;
    const [opened, named] = await this.#io('look at', () =>
      Promise.all([this.#handle.stat(), this.#fileSystem.stat(this.path)]),
    );
    if (named === undefined) {
      throw this.#changed('was removed');
    }
    if (named.identity !== this.#identity) {
      throw this.#changed('was replaced: its name belongs to another file now');
    }
    if (opened.sizeBytes < seenEnd) {
      throw this.#changed(
        `was truncated to ${opened.sizeBytes} bytes after offset ${showOffset(seenEnd)} was seen`,
      );
    }
    this.#observations.record(opened.sizeBytes, this.#clock.wallMs());
    this.#seenEnd = Math.max(this.#seenEnd, opened.sizeBytes);
    return opened.sizeBytes;
  }

  /**
   * Resolves to the size as soon as it is above `beyond`, or to the size seen last when `timeoutMs` (undefined: no
   * limit) passes first. Looks when the file system hints at a change, and regularly, because hints get lost.
   * Rejects with the signal's reason when it is aborted, and as {@link observe} does.
   */
  async waitForGrowth(beyond: Offset, timeoutMs: number | undefined, signal: AbortSignal): Promise<Offset> {
    signal.throwIfAborted();
    this.#watcher ??= this.#fileSystem.watch(this.path, this.#pause.hint);
    const deadlineMs = this.#clock.monotonicMs() + (timeoutMs ?? Number.POSITIVE_INFINITY);
    for (let hasWaited = false; ; hasWaited = true) {
      const wasHinted = this.#pause.clear();
      const knownEnd = this.#seenEnd;
      const sizeBytes = await this.observe();
      if (sizeBytes > knownEnd && (hasWaited || wasHinted)) {
        this.#hintsCome = wasHinted;
      }
      const leftMs = deadlineMs - this.#clock.monotonicMs();
      if (sizeBytes > beyond || leftMs <= 0) {
        return sizeBytes;
      }
      const pollMs = this.#hintsCome ? HINTED_POLLS * this.#pollMs : this.#pollMs;
      await this.#pause.wait(Math.min(pollMs, leftMs), signal);
    }
  }

  /**
   * Reads the last bytes that were read, up to 64 KiB, again and compares. Call it before reading on: a file that
   * was rewritten in place must not be taken for one that grew. Repeatable.
   * @throws RigError RIG_JOURNAL_TRUNCATED when other bytes are there now, or none.
   */
  async checkRead(): Promise<void> {
    const { start, bytes } = this.#remembered;
    const again = new Uint8Array(bytes.length);
    await this.#fill(again, start);
    if (Buffer.compare(bytes, again) !== 0) {
      throw this.#changed(
        `was rewritten below offset ${showOffset(start + bytes.length)}, which was read before`,
      );
    }
  }

  /**
   * The bytes [start, end), which must have been observed, in chunks of exactly {@link READ_CHUNK_BYTES} but the last.
   * Each chunk is the caller's own and is never written again.
   * @throws RigError RIG_JOURNAL_TRUNCATED when the file ends before `end`.
   */
  async *read(start: Offset, end: Offset): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = start; at < end; at += READ_CHUNK_BYTES) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(READ_CHUNK_BYTES, end - at));
      await this.readInto(chunk, at);
      yield chunk;
    }
  }

  /** Fills `buffer` with the bytes from `start` on, all of which must have been observed. Errors as {@link read}. */
  async readInto(buffer: Uint8Array, start: Offset): Promise<void> {
    assert(start + buffer.length <= this.#seenEnd, 'only what was observed of a journal is read');
    await this.#fill(buffer, start);
    this.#remember(buffer, start);
  }

  /** Makes all that was written to the file so far survive a power loss here. Repeatable. */
  async syncData(): Promise<void> {
    await this.#io('sync', () => this.#handle.syncData());
  }

  /** The first moment it was seen to reach `offset`, in Unix milliseconds; undefined when it was not yet. */
  reachedAtMs(offset: Offset): number | undefined {
    return this.#observations.reachedAtMs(offset);
  }

  /** What the batch [start, end) says about time: see {@link Observations.within}. */
  observedWithin(start: Offset, end: Offset, notBeforeMs: number): Observation[] {
    return this.#observations.within(start, end, notBeforeMs);
  }

  /** Drops observations that no batch from `below`, the durable offset, on can ask for. */
  forgetObserved(below: Offset): void {
    this.#observations.forget(below);
  }

  /** Stops watching and closes the file. */
  async close(): Promise<void> {
    this.#watcher?.close();
    await this.#handle.close();
  }

  async #fill(buffer: Uint8Array, start: Offset): Promise<void> {
    let doneBytes = 0;
    while (doneBytes < buffer.length) {
      const at = start + doneBytes;
      const readBytes = await this.#io('read', () => this.#handle.read(buffer.subarray(doneBytes), at));
      if (readBytes === 0) {
        throw this.#changed(
          `was truncated: it ends at offset ${showOffset(at)}, and was longer when last looked at`,
        );
      }
      doneBytes += readBytes;
    }
  }

  /** Keeps the last bytes below the greatest position read, as they were when they were read first. */
  #remember(bytes: Uint8Array, start: Offset): void {
    const { start: keptStart, bytes: kept } = this.#remembered;
    const keptEnd = keptStart + kept.length;
    const end = start + bytes.length;
    if (end > keptEnd) {
      const before = start <= keptEnd ? kept : new Uint8Array();
      const added = bytes.subarray(Math.max(0, keptEnd - start)).subarray(-REMEMBERED_BYTES);
      const joined = Buffer.concat([before, added]).subarray(-REMEMBERED_BYTES);
      this.#remembered = { start: end - joined.length, bytes: joined };
    }
  }

  async #io<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw ioError(this.path, what, error);
    }
  }

  #changed(how: string): RigError {
    return new RigError('RIG_JOURNAL_TRUNCATED', `journal ${this.path} ${how}`, {
      hint: 'find out what changed it before anything else, then push the file to a new archive',
      details: { path: this.path, seenEnd: this.#seenEnd },
    });
  }
}

function checkIsFile(path: string, stat: FileStat | undefined): void {
  if (stat === undefined) {
    throw new RigError('RIG_LOCAL_IO', `journal ${path} is not there`, {
      hint: 'check the path, or start the application that writes it first',
      details: { path },
    });
  }
  if (stat.kind !== 'file') {
    const found = stat.kind === 'directory' ? 'is a directory' : 'is not a regular file';
    throw new RigError('RIG_LOCAL_IO', `journal ${path} ${found}`, {
      hint: 'name the append-only file that the application writes',
      details: { path },
    });
  }
}

/** A system call's error as RIG_LOCAL_IO; anything else is passed through. */
function ioError(path: string, what: string, error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) {
    return error;
  }
  const denied = errno === 'EACCES' || errno === 'EPERM';
  return new RigError('RIG_LOCAL_IO', `cannot ${what} journal ${path}: ${errno}`, {
    hint: denied
      ? 'give the user that runs rigctl the right to read the file and to enter its directories'
      : 'check the path, the disk and the system log',
    cause: error,
    details: { path, errno },
  });
}
