import type { Writable } from 'node:stream';
import { errnoOf, messageOf, RigError } from '../kernel/errors.ts';

/** What the command line needs of `process.stdout` and `process.stderr`. */
export type OutputStream = Writable & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
};

/** The reader of an output went away: there is nobody left to tell anything. */
export class ReaderGoneError extends Error {
  override readonly name = 'ReaderGoneError';
}

/** One of the program's outputs: text and bytes in order, at the reader's pace. */
export class Output {
  readonly stream: OutputStream;
  readonly #name: 'stdout' | 'stderr';
  readonly #onReaderGone: (error: ReaderGoneError) => void;
  #failure: Error | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(
    stream: OutputStream,
    name: 'stdout' | 'stderr',
    onReaderGone: (error: ReaderGoneError) => void,
  ) {
    this.stream = stream;
    this.#name = name;
    this.#onReaderGone = onReaderGone;
    stream.on('error', (error) => this.#fail(error));
    stream.on('drain', () => {
      this.#room?.resolve();
      this.#room = undefined;
    });
  }

  get isTerminal(): boolean {
    return this.stream.isTTY === true;
  }

  /** A terminal that says how wide it is; pseudo terminals without a window say 0, and nothing can be redrawn there. */
  get canRedraw(): boolean {
    return this.isTerminal && this.stream.columns !== undefined && this.stream.columns > 0;
  }

  /** The reader is slower than the writer: what need not be said should not be said now. */
  get backedUp(): boolean {
    return this.stream.writableNeedDrain;
  }

  /**
   * Resolves when there is room for more. The last chunk may still be on its way: see {@link flush}.
   * @throws ReaderGoneError; RigError RIG_LOCAL_IO when it cannot be written (disk full behind a redirection).
   */
  write(chunk: string | Uint8Array): Promise<void> {
    if (this.#failure !== undefined) {
      return Promise.reject(this.#failure);
    }
    return this.stream.write(chunk) ? Promise.resolve() : this.room();
  }

  /** Resolves when these bytes have left the program, and their memory is not needed any more. Errors as of write. */
  deliver(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.stream.write(bytes, (error) => (error ? reject(this.#fail(error)) : resolve()));
    });
  }

  /** Writes without waiting; a failure shows at the next write or flush. */
  post(text: string): void {
    this.write(text).catch(() => undefined);
  }

  /** Resolves when a backed-up reader has caught up. */
  room(): Promise<void> {
    if (this.#failure !== undefined || !this.backedUp) {
      return this.#failure === undefined ? Promise.resolve() : Promise.reject(this.#failure);
    }
    if (this.#room === undefined) {
      this.#room = Promise.withResolvers();
      this.#room.promise.catch(() => undefined); // whoever waits sees it
    }
    return this.#room.promise;
  }

  /** Resolves when everything written has left the program. */
  flush(): Promise<void> {
    return this.deliver(new Uint8Array(0));
  }

  #fail(error: Error): Error {
    this.#failure ??= this.#meaningOf(error);
    this.#room?.reject(this.#failure);
    this.#room = undefined;
    if (this.#failure instanceof ReaderGoneError) {
      this.#onReaderGone(this.#failure);
    }
    return this.#failure;
  }

  #meaningOf(error: Error): Error {
    const errno = errnoOf(error);
    if (errno === 'EPIPE' || errno === 'ECONNRESET' || errno === 'ERR_STREAM_DESTROYED') {
      return new ReaderGoneError(`the reader of ${this.#name} went away`);
    }
    return new RigError('RIG_LOCAL_IO', `cannot write to ${this.#name}: ${messageOf(error)}`, {
      hint: `make room where ${this.#name} goes, then run it again`,
      cause: error,
    });
  }
}
