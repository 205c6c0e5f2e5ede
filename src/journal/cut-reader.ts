import { assert } from '../kernel/assert.ts';
import { ownRoom, release } from '../kernel/memory.ts';
import type { Offset } from '../kernel/offset.ts';
import { MIB } from '../kernel/size.ts';
import type { JournalFormat, RecordDecoder } from './contract.ts';
import { type CutSource, pushWellFormed } from './cut.ts';

/**
 * How far a journal may be read: resolves to `wanted` or more when that much is there, or to less, which is then all
 * that the batch can have.
 */
export type Reach = (wanted: Offset) => Promise<Offset>;

/** What is read at a time becomes a frame. With half of it a push takes a tenth longer, a restore a twentieth. */
export const CHUNK_BYTES = 2 * MIB;

export interface CutReaderOptions {
  /** A batch is no longer than this. */
  readonly targetBytes: number;
  /** How much is read at a time. Default {@link CHUNK_BYTES}. */
  readonly chunkBytes?: number;
}

/** A chunk that is not known yet to lie below the last record end. */
interface HeldChunk {
  readonly bytes: Uint8Array;
  readonly start: Offset;
}

/**
 * Reads a batch's bytes once, and finds on the way where it ends: at the last record end within `targetBytes`, as
 * `findCut` does. One batch, one reader.
 */
export class CutReader {
  readonly #source: CutSource;
  readonly #decoder: RecordDecoder;
  readonly #targetEnd: Offset;
  readonly #chunkBytes: number;
  #at: Offset;

  constructor(
    source: CutSource,
    format: JournalFormat,
    start: Offset,
    { targetBytes, chunkBytes = CHUNK_BYTES }: CutReaderOptions,
  ) {
    assert(targetBytes >= 1 && chunkBytes >= 1, 'a target and chunks of at least a byte');
    this.#source = source;
    this.#chunkBytes = chunkBytes;
    this.#decoder = format.createDecoder(start);
    this.#targetEnd = start + targetBytes;
    this.#at = start;
  }

  /** Where the batch ends, once its chunks have ended; where it began when there is no whole record. */
  get end(): Offset {
    return this.#decoder.end;
  }

  /** Whole records below that. */
  get records(): number {
    return this.#decoder.records;
  }

  /** No record ends within the target, and there may be more of the first one. */
  get isLong(): boolean {
    return this.records === 0 && this.#at === this.#targetEnd;
  }

  /**
   * The bytes up to the cut, in chunks of `chunkBytes` but the last, each the caller's own. None when there is no whole
   * record. Ends where `reach` gives less than it was asked for.
   * @throws RigError RIG_RECORD_MALFORMED when the format cannot read the record at the start; one further on is not
   *   met yet: the cut comes before it. What `reach` and the source throw.
   */
  async *chunks(reach: Reach): AsyncGenerator<Uint8Array, void, undefined> {
    const held: HeldChunk[] = [];
    try {
      yield* this.#wholeChunks(reach, held);
      for (let first = held[0]; first !== undefined && first.start < this.end; first = held[0]) {
        held.shift();
        const needed = first.bytes.subarray(0, this.end - first.start);
        ownRoom(needed);
        yield needed;
      }
    } finally {
      for (const { bytes } of held) {
        release(bytes);
      }
    }
  }

  /** The chunks behind which a record ends; `held` keeps the others. */
  async *#wholeChunks(reach: Reach, held: HeldChunk[]): AsyncGenerator<Uint8Array, void, undefined> {
    for (let isLast = false; !isLast; ) {
      const start = this.#at;
      const wanted = Math.min(start + this.#chunkBytes, this.#targetEnd);
      const end = Math.min(await reach(wanted), wanted);
      if (end <= start) {
        return;
      }
      const bytes = await this.#read(end);
      const isWellFormed = pushWellFormed(this.#decoder, bytes);
      held.push({ bytes, start });
      for (let first = held[0]; first !== undefined && endOf(first) <= this.end; first = held[0]) {
        held.shift();
        yield first.bytes;
      }
      isLast = !isWellFormed || end < wanted || end === this.#targetEnd;
    }
  }

  async #read(end: Offset): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(end - this.#at);
    await this.#source.readInto(bytes, this.#at);
    this.#at = end;
    return bytes;
  }
}

function endOf({ bytes, start }: HeldChunk): Offset {
  return start + bytes.length;
}
