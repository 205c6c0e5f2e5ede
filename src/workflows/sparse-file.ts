import type { FileHandle } from '../kernel/filesystem.ts';
import { solidParts } from '../kernel/sparse.ts';

/** Writes a new file from its beginning; where its bytes are zero for a whole block, it gets a hole. */
export class SparseFile {
  readonly #handle: FileHandle;
  #lengthBytes = 0;
  #writtenBytes = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (const { start, end } of solidParts(bytes, this.#lengthBytes)) {
      await this.#handle.write(bytes.subarray(start, end), this.#lengthBytes + start);
      this.#writtenBytes = this.#lengthBytes + end;
    }
    this.#lengthBytes += bytes.length;
  }

  /** Somebody else has written the next bytes; they may end in a hole. */
  skip(lengthBytes: number): void {
    this.#lengthBytes += lengthBytes;
  }

  /** Gives the file its length, when it may end in a hole. */
  async end(): Promise<void> {
    if (this.#writtenBytes < this.#lengthBytes) {
      await this.#handle.setLength(this.#lengthBytes);
    }
  }
}
