import { release } from '../kernel/memory.ts';

/** Takes exact lengths from chunks of any size. The chunks' memory is given back as soon as it has been taken from. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  /** How much of the chunk was taken. */
  #takenBytes = 0;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** The next `lengthBytes` bytes, fewer only at the end; in memory of their own, unless there are fewer. */
  async take(lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const taken = Buffer.allocUnsafeSlow(lengthBytes);
    let filledBytes = 0;
    for (;;) {
      const part = this.#chunk.subarray(this.#takenBytes, this.#takenBytes + lengthBytes - filledBytes);
      taken.set(part, filledBytes);
      this.#takenBytes += part.length;
      filledBytes += part.length;
      if (filledBytes === lengthBytes) {
        return taken;
      }
      const next = await this.#chunks.next();
      if (next.done === true) {
        return taken.subarray(0, filledBytes);
      }
      this.#goOnWith(next.value);
    }
  }

  putBack(bytes: Uint8Array): void {
    this.#goOnWith(Buffer.concat([bytes, this.#chunk.subarray(this.#takenBytes)]));
  }

  /** Reads to the end of a body that has little left, so that its connection can be used again. */
  async drain(): Promise<void> {
    while ((await this.#chunks.next()).done !== true) {
      // Nothing that follows is needed.
    }
  }

  /** Ends the body early, so that it holds no connection. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #goOnWith(chunk: Uint8Array): void {
    release(this.#chunk);
    this.#chunk = chunk;
    this.#takenBytes = 0;
  }
}
