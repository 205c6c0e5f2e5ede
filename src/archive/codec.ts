import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { ownRoom, release } from '../kernel/memory.ts';
import { KIB } from '../kernel/size.ts';
import type { CompressionName } from './compression.ts';

/**
 * How a batch's frames are compressed and how its header hides in front of them from standard decoders. Frames are
 * compressed apart from each other, so that they can be handled in parallel and one at a time.
 */
export interface Codec {
  readonly name: CompressionName;
  /** The bytes in front of the first frame. `content` is the header's CRC and JSON. */
  wrapHeader(content: Uint8Array): Uint8Array;
  /** The first bytes of an object in this codec: where the content lies, or undefined when it is not this codec's. */
  locateHeader(prefix: Uint8Array): HeaderLocation | undefined;
  compress(frame: Uint8Array, level: number): Promise<Uint8Array>;
  /** What belongs after the last frame's bytes, given the payload's CRC-32 and length; stored as part of that frame. */
  trailer(payloadCrc32: number, payloadBytes: number): Uint8Array;
  /**
   * Gives a frame back. At most `bytes` bytes are ever allocated for it.
   * @throws an error of zlib's when the frame is damaged, or a RangeError when it gives more.
   */
  decompress(stored: Uint8Array, bytes: number): Promise<Uint8Array>;
  /** The same on this thread. */
  decompressNow(stored: Uint8Array, bytes: number): Uint8Array;
}

/** Where in an object the header's content lies, and where the first frame starts. */
export interface HeaderLocation {
  readonly contentStart: number;
  readonly contentEnd: number;
  readonly framesStart: number;
}

/** The bytes that {@link Codec.locateHeader} needs to see. */
export const LOCATE_BYTES = 16;

/** Frames up to this size are handled at once: a trip to the thread pool would cost more than the work. */
const INLINE_BYTES = 64 * KIB;

/**
 * Room for whatever becomes of a frame, noise too. Node's default of 16 KiB makes a list of pieces and joins them; and
 * zstd compresses a frame where it lies only if the longest outcome, a 256th part more, has room. Else it copies it.
 */
function outputRoomBytes(bytes: number): number {
  return bytes + Math.ceil(bytes / 64) + KIB;
}

/** Room for the whole frame, so that nothing is joined; zlib takes a full chunk as a sign that it needs another one. */
function frameRoomBytes(bytes: number): number {
  return bytes + 64;
}

/**
 * What becomes of a frame in a new engine whose chunks have room for it, and whose `flush` completes what is written.
 * It is written, and never ended: Node would tell the engine that this is all only after it has taken the frame, which
 * costs another trip to the thread pool, and zstd would not know that it may compress the frame where it lies.
 * @throws an error of zlib's, or a RangeError when more than `limitBytes` come of it.
 */
function runThrough(engine: Transform, frame: Uint8Array, limitBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let leftBytes = limitBytes;
  return new Promise((resolve, reject) => {
    engine.on('data', (piece: Uint8Array) => {
      pieces.push(piece);
      leftBytes -= piece.length;
      if (leftBytes < 0) {
        engine.destroy(new RangeError(`it gives more than ${limitBytes} bytes`));
      }
    });
    engine.once('error', reject);
    engine.write(frame, (error) => {
      if (error) {
        reject(error);
      } else if (!engine.destroyed) {
        engine.destroy();
        resolve(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces));
      }
    });
  });
}

/** The same bytes in memory of their own. The room they were made in is given back, which zlib's functions leave. */
function takenOut(bytes: Uint8Array, roomBytes: number): Uint8Array {
  const copy = Buffer.from(bytes);
  release(withRoom(bytes, roomBytes));
  return copy;
}

/** The same bytes, which can be released with all the room that was made for them, if they lie in that. */
function withRoom(bytes: Uint8Array, roomBytes: number): Uint8Array {
  if (bytes.buffer.byteLength === roomBytes) {
    ownRoom(bytes);
  }
  return bytes;
}

const SKIPPABLE_MAGIC = 0x184d_2a52;

/** zstd (RFC 8878): the header is the content of a skippable frame. */
const zstdCodec: Codec = {
  name: 'zstd',
  wrapHeader(content) {
    const start = Buffer.alloc(8);
    start.writeUInt32LE(SKIPPABLE_MAGIC, 0);
    start.writeUInt32LE(content.length, 4);
    return Buffer.concat([start, content]);
  },
  locateHeader(prefix) {
    const view = viewOf(prefix);
    if (prefix.length < 8 || view.getUint32(0, true) !== SKIPPABLE_MAGIC) {
      return undefined;
    }
    const contentEnd = 8 + view.getUint32(4, true);
    return { contentStart: 8, contentEnd, framesStart: contentEnd };
  },
  async compress(frame, level) {
    const chunkSize = outputRoomBytes(frame.length);
    const options = {
      chunkSize,
      // Without it the frame would not say its length, and a reader could not allocate before it decodes.
      pledgedSrcSize: frame.length,
      flush: zlib.constants.ZSTD_e_end,
      params: {
        [zlib.constants.ZSTD_c_compressionLevel]: level,
        [zlib.constants.ZSTD_c_contentSizeFlag]: 1,
        [zlib.constants.ZSTD_c_checksumFlag]: 1,
      },
    };
    return frame.length <= INLINE_BYTES
      ? zlib.zstdCompressSync(frame, options)
      : takenOut(await runThrough(zlib.createZstdCompress(options), frame, chunkSize), chunkSize);
  },
  trailer: () => new Uint8Array(0),
  async decompress(stored, bytes) {
    const chunkSize = frameRoomBytes(bytes);
    const flush = zlib.constants.ZSTD_e_end; // or Node does not tell when the end is missing; before 24 it never does
    return bytes <= INLINE_BYTES
      ? this.decompressNow(stored, bytes)
      : withRoom(await runThrough(zlib.createZstdDecompress({ chunkSize, flush }), stored, bytes), chunkSize);
  },
  decompressNow(stored, bytes) {
    const chunkSize = frameRoomBytes(bytes);
    return withRoom(zlib.zstdDecompressSync(stored, { chunkSize, maxOutputLength: bytes }), chunkSize);
  },
};

/** Magic, deflate, FEXTRA, no time, no extra flags, unknown system. */
const GZIP_START = Uint8Array.of(0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255);
const GZIP_CONTENT_START = GZIP_START.length + 6;
/** The last deflate block, empty (2 bytes), then CRC-32 and length (8 bytes). */
const GZIP_TRAILER_BYTES = 10;

/** gzip (RFC 1952): the header is subfield `RG` of the extra field; frames are deflate blocks that end on a byte. */
const gzipCodec: Codec = {
  name: 'gzip',
  wrapHeader(content) {
    const extra = Buffer.alloc(6);
    extra.writeUInt16LE(content.length + 4, 0);
    extra.write('RG', 2, 'latin1');
    extra.writeUInt16LE(content.length, 4);
    return Buffer.concat([GZIP_START, extra, content]);
  },
  locateHeader(prefix) {
    const start = Buffer.from(prefix.buffer, prefix.byteOffset, prefix.length);
    if (start.length < GZIP_CONTENT_START || !start.subarray(0, GZIP_START.length).equals(GZIP_START)) {
      return undefined;
    }
    const contentBytes = start.readUInt16LE(14);
    if (start.toString('latin1', 12, 14) !== 'RG' || start.readUInt16LE(10) !== contentBytes + 4) {
      return undefined;
    }
    const contentEnd = GZIP_CONTENT_START + contentBytes;
    return { contentStart: GZIP_CONTENT_START, contentEnd, framesStart: contentEnd };
  },
  async compress(frame, level) {
    const flush = zlib.constants.Z_FULL_FLUSH;
    const chunkSize = outputRoomBytes(frame.length);
    const options = { chunkSize, level, flush, finishFlush: flush };
    return frame.length <= INLINE_BYTES
      ? zlib.deflateRawSync(frame, options)
      : takenOut(await runThrough(zlib.createDeflateRaw(options), frame, chunkSize), chunkSize);
  },
  trailer(payloadCrc32, payloadBytes) {
    const trailer = Buffer.alloc(GZIP_TRAILER_BYTES);
    trailer.writeUInt16BE(0x0300, 0);
    trailer.writeUInt32LE(payloadCrc32, 2);
    trailer.writeUInt32LE(payloadBytes % 2 ** 32, 6);
    return trailer;
  },
  async decompress(stored, bytes) {
    const chunkSize = frameRoomBytes(bytes);
    const flush = zlib.constants.Z_SYNC_FLUSH;
    return bytes <= INLINE_BYTES
      ? this.decompressNow(stored, bytes)
      : withRoom(await runThrough(zlib.createInflateRaw({ chunkSize, flush }), stored, bytes), chunkSize);
  },
  decompressNow(stored, bytes) {
    const chunkSize = frameRoomBytes(bytes);
    const options = { chunkSize, maxOutputLength: bytes, finishFlush: zlib.constants.Z_SYNC_FLUSH };
    return withRoom(zlib.inflateRawSync(stored, options), chunkSize);
  },
};

/** Every codec there is, the default first. */
export const CODECS: readonly Codec[] = [zstdCodec, gzipCodec];

export function codecNamed(name: CompressionName): Codec {
  return name === 'gzip' ? gzipCodec : zstdCodec;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
