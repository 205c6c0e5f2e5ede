import { assert } from '../kernel/assert.ts';
import { mapInOrder } from '../kernel/concurrency.ts';
import { type Sha256, shortSha256 } from '../kernel/digest.ts';
import { release } from '../kernel/memory.ts';
import { MIB } from '../kernel/size.ts';
import { compareInTree } from '../kernel/tree-order.ts';
import type { PutBody } from '../store/contract.ts';
import { codecNamed } from './codec.ts';
import { type Compression, DEFAULT_COMPRESSION } from './compression.ts';
import { wrapEnvelope } from './envelope.ts';
import { FRAMES_UNDER_WAY, type FrameEntry, frameEntry, type SealedFrame } from './frame.ts';
import { IndexWriter } from './index-writer.ts';
import { SharedPieces } from './shared-pieces.ts';
import { encodeFooter, SNAPSHOT_FRAME_LIMIT_BYTES, type SnapshotFooter } from './snapshot-footer.ts';
import { encodeSnapshotHeader, type SnapshotContent, type SnapshotHeader } from './snapshot-header.ts';
import { KEY_LIMIT } from './snapshot-lines.ts';
import type { ResolvedPiece } from './snapshot-piece.ts';
import { TreeHash } from './tree-hash.ts';

/** What a snapshot is made of, in order. */
export type SourcePiece = OwnPiece | PiecesOfBase;

export interface OwnPiece {
  /** 1 byte to 1 MiB; taken over. */
  readonly bytes: Uint8Array;
  /** With the first piece of each key of a tar stream. Keys ascend in tree order. */
  readonly key?: string | undefined;
}

/** Only in a journal. */
export interface PiecesOfBase {
  /** The next so many pieces of the base, as they are. */
  readonly fromBase: number;
}

/** Where a snapshot's content comes from. */
export interface SnapshotSource {
  readonly content: SnapshotContent;
  /** Upper bound of the content's length. */
  readonly atMostBytes: number;
  /** The pieces. Each call reads from the beginning; throws RIG_INCOMPLETE when what is read changes meanwhile. */
  open(): AsyncIterable<SourcePiece>;
}

/** An earlier snapshot to share pieces with. */
export interface SealingBase {
  readonly header: SnapshotHeader;
  /** Of its footer. */
  readonly sha256: Sha256;
  /** Its resolved pieces; called anew for every reading of the body. */
  pieces(): AsyncIterable<readonly ResolvedPiece[]>;
}

export interface SealedSnapshot {
  readonly header: SnapshotHeader;
  /** Streams: every reading opens the source and the base again. Its length is not known before. */
  readonly body: PutBody;
  /** Of the last complete reading of the body; undefined when there was none yet. */
  summary(): SnapshotSummary | undefined;
}

export interface SnapshotSummary {
  /** Of the content. */
  readonly bytes: number;
  /** Of what is not shared, uncompressed. */
  readonly ownBytes: number;
  /** Of the object. */
  readonly storedBytes: number;
  /** The footer's. */
  readonly sha256: Sha256;
}

export interface SealingOptions {
  readonly base?: SealingBase | undefined;
  /** How much of the content has been read; begins anew with every reading. */
  onProgress?(doneBytes: number): void;
}

/** Makes a snapshot object of a source. Nothing is read before the body is. Holds the compressed index, not more. */
export function sealSnapshot(
  header: SnapshotHeader,
  source: SnapshotSource,
  compression: Compression,
  options: SealingOptions = {},
): SealedSnapshot {
  checkAgreement(header, source, options.base);
  const { level } = compression.name === 'zstd' ? compression : DEFAULT_COMPRESSION;
  let last: SnapshotSummary | undefined;
  return {
    header,
    body: {
      lengthBytes: undefined,
      atMostBytes: storedAtMostBytes(source.atMostBytes),
      async *open() {
        last = yield* new Sealing(header, source, level, options).read();
      },
    },
    summary: () => last,
  };
}

/** Noise grows by a little; the index takes less than an eighth even of a tree of empty files. */
function storedAtMostBytes(contentBytes: number): number {
  return contentBytes + Math.ceil(contentBytes / 8) + MIB;
}

function checkAgreement(header: SnapshotHeader, source: SnapshotSource, base: SealingBase | undefined): void {
  assert(source.content === header.content, 'a source with the content that the header says');
  assert(
    header.base === base?.header.at && header.baseSha256 === base?.sha256,
    'the base that the header says',
  );
  const fits =
    base === undefined ||
    (base.header.archive === header.archive &&
      base.header.of === header.of &&
      base.header.content === header.content);
  assert(fits, 'a base with the same content');
}

/** Own bytes of a snapshot that are to become a frame. */
interface FilledFrame {
  readonly buffer: Buffer;
  readonly lengthBytes: number;
}

/** One reading of a snapshot's body. */
class Sealing {
  readonly #header: SnapshotHeader;
  readonly #source: SnapshotSource;
  readonly #options: SealingOptions;
  readonly #level: number;
  readonly #codec = codecNamed('zstd');
  readonly #index: IndexWriter;
  readonly #hash = new TreeHash();
  readonly #frames: FrameEntry[] = [];
  #key: string | undefined;
  #pieces = 0;
  #bytes = 0;
  #ownBytes = 0;
  #storedBytes = 0;
  #reportedBytes = 0;

  constructor(header: SnapshotHeader, source: SnapshotSource, level: number, options: SealingOptions) {
    this.#header = header;
    this.#source = source;
    this.#options = options;
    this.#level = level;
    this.#index = new IndexWriter(level);
  }

  async *read(): AsyncGenerator<Uint8Array, SnapshotSummary, undefined> {
    yield this.#stored(wrapEnvelope(this.#codec, encodeSnapshotHeader(this.#header)));
    const compressed = mapInOrder(this.#fillFrames(), FRAMES_UNDER_WAY, (frame) => this.#compress(frame));
    for await (const { entry, stored } of compressed) {
      this.#frames.push(entry);
      yield this.#stored(stored);
    }
    const index = await this.#index.end();
    for (const { stored } of index) {
      yield this.#stored(stored);
    }
    const footer: SnapshotFooter = {
      v: 1,
      bytes: this.#bytes,
      ownBytes: this.#ownBytes,
      sha256: this.#hash.digest(),
      pieces: this.#pieces,
      frames: this.#frames,
      index: index.map(({ entry }) => entry),
    };
    yield this.#stored(encodeFooter(footer));
    const { bytes, ownBytes, sha256 } = footer;
    return { bytes, ownBytes, storedBytes: this.#storedBytes, sha256 };
  }

  #stored(chunk: Uint8Array): Uint8Array {
    this.#storedBytes += chunk.length;
    return chunk;
  }

  async #compress({ buffer, lengthBytes }: FilledFrame): Promise<SealedFrame> {
    const stored = await this.#codec.compress(buffer.subarray(0, lengthBytes), this.#level);
    release(buffer);
    return { entry: frameEntry(lengthBytes, stored), stored };
  }

  /** Packs the own pieces, whole ones, into frames. */
  async *#fillFrames(): AsyncGenerator<FilledFrame, void, undefined> {
    const shared = new SharedPieces(this.#options.base?.pieces() ?? nothing());
    let buffer = newFrame();
    let lengthBytes = 0;
    try {
      for await (const piece of this.#source.open()) {
        if ('fromBase' in piece) {
          await this.#takeFromBase(shared, piece.fromBase);
        } else if (await this.#note(shared, piece)) {
          if (lengthBytes + piece.bytes.length > buffer.length) {
            yield { buffer, lengthBytes };
            [buffer, lengthBytes] = [newFrame(), 0];
          }
          buffer.set(piece.bytes, lengthBytes);
          lengthBytes += piece.bytes.length;
          release(piece.bytes);
        }
        this.#reportProgress();
      }
      if (lengthBytes > 0) {
        yield { buffer, lengthBytes };
      }
    } finally {
      await shared.close();
    }
  }

  /** Notes the next piece. False: the base has it. */
  async #note(shared: SharedPieces, { bytes, key }: OwnPiece): Promise<boolean> {
    assert(bytes.length > 0 && bytes.length <= SNAPSHOT_FRAME_LIMIT_BYTES, 'a piece within its limit');
    const startedKey = this.#startKey(key);
    const sha256 = shortSha256(bytes);
    const number = await shared.match(startedKey, bytes.length, sha256);
    this.#count(bytes.length, sha256);
    if (number !== undefined) {
      await this.#index.ofBase({ first: number, count: 1 });
      return false;
    }
    this.#ownBytes += bytes.length;
    await this.#index.own(bytes.length, sha256, startedKey);
    return true;
  }

  async #takeFromBase(shared: SharedPieces, count: number): Promise<void> {
    assert(this.#header.of === 'journal', 'a journal where pieces are taken from the base unread');
    for (let left = count; left > 0; ) {
      const first = shared.passed;
      const pieces = await shared.take(left);
      assert(pieces.length > 0, 'a base with as many pieces as are taken from it');
      await this.#index.ofBase({ first, count: pieces.length });
      for (const { lengthBytes, sha256 } of pieces) {
        this.#count(lengthBytes, sha256);
      }
      left -= pieces.length;
    }
  }

  /** The key that the next piece starts, if it does; a file is one key. */
  #startKey(key: string | undefined): string | undefined {
    if (this.#header.content === 'file') {
      return this.#pieces === 0 ? '' : undefined;
    }
    if (key !== undefined) {
      assert(key.length > 0 && key.length <= KEY_LIMIT, 'a key within its limit');
      assert(this.#key === undefined || compareInTree(this.#key, key) < 0, 'keys in the order of the tree');
      this.#key = key;
    }
    assert(this.#key !== undefined, 'a first piece with a key');
    return key;
  }

  #count(lengthBytes: number, sha256: string): void {
    this.#pieces += 1;
    this.#bytes += lengthBytes;
    this.#hash.add(lengthBytes, sha256);
  }

  #reportProgress(): void {
    if (this.#bytes >= this.#reportedBytes + MIB) {
      this.#reportedBytes = this.#bytes;
      this.#options.onProgress?.(this.#bytes);
    }
  }
}

function newFrame(): Buffer {
  return Buffer.allocUnsafeSlow(SNAPSHOT_FRAME_LIMIT_BYTES);
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}
