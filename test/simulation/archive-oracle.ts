import { createHash } from 'node:crypto';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

/** A batch object as its man page describes it. */
export interface DecodedBatch {
  readonly first: number;
  readonly end: number;
  readonly prev: string;
  readonly chain: string;
  readonly epoch: number;
  readonly archive: string;
  readonly payload: Buffer;
}

interface Header extends Omit<DecodedBatch, 'payload'> {
  readonly sha256: string;
  readonly frames: readonly (readonly [number, number, number])[];
}

const ZSTD_SKIPPABLE = 0x184d_2a52;

const decoded = new WeakMap<Uint8Array, DecodedBatch>();

/**
 * Reads a batch without any code of the program under test, so that a fault of that code cannot hide here. It is read
 * when it is put and when it lands: what was put is never changed, so one reading is enough.
 */
export function decodeBatch(object: Uint8Array): DecodedBatch {
  const known = decoded.get(object) ?? decode(object);
  decoded.set(object, known);
  return known;
}

function decode(object: Uint8Array): DecodedBatch {
  const bytes = Buffer.from(object);
  const isZstd = bytes.readUInt32LE(0) === ZSTD_SKIPPABLE;
  const contentStart = isZstd ? 8 : 16;
  const contentEnd = contentStart + (isZstd ? bytes.readUInt32LE(4) : bytes.readUInt16LE(14));
  const header: Header = JSON.parse(bytes.toString('utf8', contentStart + 4, contentEnd));
  const payload = isZstd ? openFrames(bytes, contentEnd, header) : gunzipSync(bytes);
  const sha256 = createHash('sha256').update(payload).digest('hex');
  if (payload.length !== header.end - header.first || sha256 !== header.sha256) {
    throw new Error(`batch ${header.first} does not hold what its header says`);
  }
  return { ...header, payload };
}

function openFrames(bytes: Buffer, framesStart: number, header: Header): Buffer {
  const frames: Buffer[] = [];
  let start = framesStart;
  for (const [, storedBytes] of header.frames) {
    frames.push(zstdDecompressSync(bytes.subarray(start, start + storedBytes)));
    start += storedBytes;
  }
  return Buffer.concat(frames);
}

/** One history of a journal: what was ever written to one, in order. A journal is the beginning of its history. */
export class History {
  readonly name: string;
  #bytes = Buffer.alloc(1_024);
  #lengthBytes = 0;

  constructor(name: string, beginning: Uint8Array = Buffer.alloc(0)) {
    this.name = name;
    this.append(beginning);
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  append(bytes: Uint8Array): void {
    const lengthBytes = this.#lengthBytes + bytes.length;
    if (lengthBytes > this.#bytes.length) {
      const larger = Buffer.alloc(2 * lengthBytes);
      larger.set(this.#bytes.subarray(0, this.#lengthBytes));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#lengthBytes);
    this.#lengthBytes = lengthBytes;
  }

  /** A view; what it shows never changes. */
  bytes(start: number, end: number): Buffer {
    return this.#bytes.subarray(start, Math.min(end, this.#lengthBytes));
  }
}

/**
 * What the archive holds, told from each object in the moment it lands. Batches may only ever be added, at the end,
 * by writers whose epochs do not fall, and the whole is at all times the beginning of a history that somebody wrote.
 */
export class ArchiveOracle {
  /** Everything archived, as one history. */
  readonly content = new History('the archive');
  readonly #histories: readonly History[];
  readonly #violate: (what: string) => void;
  #chain: string | undefined;
  #epoch = 0;
  #archive: string | undefined;
  readonly #epochs = new Map<number, number>();
  /** The chain at each cut, in ascending order. */
  readonly #chains = new Map<number, string>();

  constructor(histories: readonly History[], violate: (what: string) => void) {
    this.#histories = histories;
    this.#violate = violate;
  }

  get end(): number {
    return this.content.lengthBytes;
  }

  get batches(): number {
    return this.#epochs.size;
  }

  /** Who wrote the batch that ends there. */
  epochOfBatchTo(end: number): number | undefined {
    return this.#epochs.get(end);
  }

  /** Keys of batches that were removed and put again, by somebody who had slept through their removal. */
  readonly strays = new Set<string>();
  /** The same, and those that were removed since: who read before that may still tell of them. */
  readonly strayEver = new Set<string>();

  /** Where batches begin or the last one ends, ascending. */
  get cuts(): readonly number[] {
    return [...this.#chains.keys()];
  }

  /** The greatest cut not beyond an offset. */
  cutBefore(at: number): number | undefined {
    return this.cuts.findLast((cut) => cut <= at);
  }

  chainAt(cut: number): string | undefined {
    return this.#chains.get(cut);
  }

  /** A batch is stored now; `wasRemoved`: that key was there before, and a prune removed it. */
  landed(key: string, batch: DecodedBatch, wasRemoved: boolean): void {
    const { first, end, prev, chain, epoch, archive } = batch;
    if (wasRemoved) {
      this.strays.add(key);
      this.strayEver.add(key);
      return;
    }
    const linked = first === this.end && (this.#chain === undefined || prev === this.#chain);
    if (!linked || key !== `LOG/${first.toString(16).padStart(16, '0')}`) {
      this.#violate(`${key} [${first}, ${end}) landed on an archive that ends at ${this.end}`);
      return;
    }
    if (epoch < this.#epoch) {
      this.#violate(`${key} of epoch ${epoch} landed after one of epoch ${this.#epoch}`);
    }
    if (this.#archive !== undefined && archive !== this.#archive) {
      this.#violate(`${key} belongs to archive ${archive}, the one before to ${this.#archive}`);
    }
    this.#archive = archive;
    this.#epoch = epoch;
    this.#chain = chain;
    this.#chains.set(first, prev).set(end, chain);
    this.content.append(batch.payload);
    this.#epochs.set(end, epoch);
    if (!this.#histories.some((history) => this.isBeginningOf(history))) {
      this.#violate(`with ${key} the archive mixes histories`);
    }
  }

  /** Is all that is archived the beginning of this? */
  isBeginningOf(history: History, lengthBytes = history.lengthBytes): boolean {
    return lengthBytes >= this.end && this.#isCommon(history, this.end);
  }

  /** Does the archive hold the first `lengthBytes` bytes of this? */
  holds(history: History, lengthBytes: number): boolean {
    return (
      lengthBytes <= this.end && lengthBytes <= history.lengthBytes && this.#isCommon(history, lengthBytes)
    );
  }

  /** How far archive and journal are the same. */
  commonEnd(history: History, lengthBytes: number): number {
    const limit = Math.min(lengthBytes, this.end);
    if (this.#isCommon(history, limit)) {
      return limit;
    }
    const [mine, theirs] = [this.content.bytes(0, limit), history.bytes(0, limit)];
    let index = 0;
    while (mine[index] === theirs[index]) {
      index += 1;
    }
    return index;
  }

  #isCommon(history: History, lengthBytes: number): boolean {
    return this.content.bytes(0, lengthBytes).equals(history.bytes(0, lengthBytes));
  }
}
