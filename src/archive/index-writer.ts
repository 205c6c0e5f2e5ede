import { assert } from '../kernel/assert.ts';
import { type Codec, codecNamed } from './codec.ts';
import { frameEntry, type SealedFrame } from './frame.ts';
import { SNAPSHOT_FRAME_LIMIT_BYTES } from './snapshot-footer.ts';
import { type BaseLine, encodeBaseLine, encodeOwnLine } from './snapshot-lines.ts';

/** Writes the index of a snapshot. It holds compressed frames, and one that is being filled. */
export class IndexWriter {
  readonly #codec: Codec = codecNamed('zstd');
  readonly #level: number;
  readonly #frames: SealedFrame[] = [];
  readonly #text = Buffer.allocUnsafeSlow(SNAPSHOT_FRAME_LIMIT_BYTES);
  #usedBytes = 0;
  #run: BaseLine | undefined;

  constructor(level: number) {
    this.#level = level;
  }

  /** The next piece is an own one. */
  async own(lengthBytes: number, sha256: string, key: string | undefined): Promise<void> {
    await this.#endRun();
    await this.#write(encodeOwnLine(lengthBytes, sha256, key));
  }

  /** The next pieces are these of the base. */
  async ofBase({ first, count }: BaseLine): Promise<void> {
    if (this.#run !== undefined && this.#run.first + this.#run.count === first) {
      this.#run = { first: this.#run.first, count: this.#run.count + count };
    } else {
      await this.#endRun();
      this.#run = { first, count };
    }
  }

  /** All frames, in order; nothing can be added any more. */
  async end(): Promise<readonly SealedFrame[]> {
    await this.#endRun();
    await this.#endFrame();
    return this.#frames;
  }

  async #endRun(): Promise<void> {
    if (this.#run !== undefined) {
      const line = encodeBaseLine(this.#run);
      this.#run = undefined;
      await this.#write(line);
    }
  }

  async #write(line: string): Promise<void> {
    const lengthBytes = Buffer.byteLength(line);
    assert(lengthBytes <= this.#text.length, 'a line of an index within the limit of a frame');
    if (this.#usedBytes + lengthBytes > this.#text.length) {
      await this.#endFrame();
    }
    this.#usedBytes += this.#text.write(line, this.#usedBytes);
  }

  async #endFrame(): Promise<void> {
    if (this.#usedBytes > 0) {
      const text = this.#text.subarray(0, this.#usedBytes);
      // The wrapper makes a copy without the room to spare that the compressor's result has.
      const stored = this.#codec.wrapHeader(await this.#codec.compress(text, this.#level));
      this.#frames.push({ entry: frameEntry(this.#usedBytes, stored), stored });
      this.#usedBytes = 0;
    }
  }
}
