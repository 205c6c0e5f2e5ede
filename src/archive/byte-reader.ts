/** Takes exact lengths from chunks of any size. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #buffered: Uint8Array = new Uint8Array(0);

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** The next `lengthBytes` bytes, fewer only at the end; a fresh array or a view that nobody else changes. */
  async take(lengthBytes: number): Promise<Uint8Array> {
    if (this.#buffered.length >= lengthBytes) {
      return this.#cut(lengthBytes);
    }
    const taken = Buffer.allocUnsafeSlow(lengthBytes);
    let filledBytes = 0;
    for (;;) {
      const part = this.#cut(lengthBytes - filledBytes);
      taken.set(part, filledBytes);
      filledBytes += part.length;
      if (filledBytes === lengthBytes) {
        return taken;
      }
      const next = await this.#chunks.next();
      if (next.done === true) {
        return taken.subarray(0, filledBytes);
      }
      this.#buffered = next.value;
    }
  }

  putBack(bytes: Uint8Array): void {
    this.#buffered = Buffer.concat([bytes, this.#buffered]);
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

  #cut(lengthBytes: number): Uint8Array {
    const taken = this.#buffered.subarray(0, lengthBytes);
    this.#buffered = this.#buffered.subarray(lengthBytes);
    return taken;
  }
}
