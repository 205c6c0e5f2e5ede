import type { FileHandle } from '../kernel/filesystem.ts';

const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/** Writes a new file from its beginning; where its bytes are zero for a whole block, it gets a hole. */
export class SparseFile {
  readonly #handle: FileHandle;
  #lengthBytes = 0;
  #writtenBytes = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let pending = 0; // where the bytes begin that are to be written
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + BLOCK_BYTES - ((this.#lengthBytes + at) % BLOCK_BYTES));
      if (bytes[at] === 0 && ZEROS.subarray(0, end - at).equals(bytes.subarray(at, end))) {
        await this.#writeAt(bytes.subarray(pending, at), this.#lengthBytes + pending);
        pending = end;
      }
      at = end;
    }
    await this.#writeAt(bytes.subarray(pending), this.#lengthBytes + pending);
    this.#lengthBytes += bytes.length;
  }

  /** Gives the file its length, when it ends in a hole. */
  async end(): Promise<void> {
    if (this.#writtenBytes < this.#lengthBytes) {
      await this.#handle.setLength(this.#lengthBytes);
    }
  }

  async #writeAt(bytes: Uint8Array, positionBytes: number): Promise<void> {
    if (bytes.length > 0) {
      await this.#handle.write(bytes, positionBytes);
      this.#writtenBytes = positionBytes + bytes.length;
    }
  }
}
