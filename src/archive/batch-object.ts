import type { Hash } from 'node:crypto';
import { crc32 } from '../kernel/digest.ts';
import { isRigError } from '../kernel/errors.ts';
import { showOffset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { type BatchHeader, decodeHeader, HEADER_LIMIT_BYTES } from './batch-header.ts';
import { CODECS, type Codec, LOCATE_BYTES } from './codec.ts';
import { damaged } from './damage.ts';
import { meaningOf } from './layout.ts';

/** A batch object's header, and how the rest of the object is to be read. */
export interface BatchHead {
  readonly key: string;
  readonly header: BatchHeader;
  readonly codec: Codec;
  /** Of the whole object: the header and its frames, and nothing else. */
  readonly storedBytes: number;
  /** Where the first frame starts. */
  readonly framesStart: number;
}

/** A batch with its stored bytes: every frame matches its CRC and the object is exactly as long as it says. */
export interface StoredBatch {
  readonly head: BatchHead;
  readonly frames: Uint8Array[];
}

/** Enough for any header; most batches of a quiet journal come whole in it. */
const HEAD_BYTES = LOCATE_BYTES + 4 + HEADER_LIMIT_BYTES;

/**
 * Reads a batch's header with one ranged get. May be repeated. Undefined: no such object.
 * @throws RigError RIG_CHECKSUM_MISMATCH or RIG_VERSION_UNKNOWN when it is no batch of this version, or its length
 *   or its name is not what the header says.
 */
export async function readHead(
  store: Store,
  key: string,
  options: CallOptions = {},
): Promise<BatchHead | undefined> {
  const object = await store.get(key, { ...options, range: { startByte: 0, endByte: HEAD_BYTES } });
  if (object === undefined) {
    return undefined;
  }
  const reader = new ByteReader(object.body);
  try {
    const head = await parseHead(key, reader);
    checkLength(head, object.sizeBytes);
    await reader.drain();
    return head;
  } finally {
    await reader.close();
  }
}

/**
 * Reads a whole batch and checks every stored byte. Holds the stored bytes. May be repeated. Undefined: no such object.
 * @throws RigError as {@link readHead}, and RIG_CHECKSUM_MISMATCH when a frame does not match its CRC.
 */
export async function readStored(
  store: Store,
  key: string,
  options: CallOptions = {},
): Promise<StoredBatch | undefined> {
  const object = await store.get(key, options);
  if (object === undefined) {
    return undefined;
  }
  const reader = new ByteReader(object.body);
  try {
    const head = await parseHead(key, reader);
    checkLength(head, object.sizeBytes);
    const frames: Uint8Array[] = [];
    for (const [index, [, storedBytes, storedCrc32]] of head.header.frames.entries()) {
      const stored = await reader.take(storedBytes);
      if (stored.length !== storedBytes || crc32(stored) !== storedCrc32) {
        throw damaged(key, `frame ${index} does not match its CRC`, { details: { frame: index } });
      }
      frames.push(stored);
    }
    await reader.drain();
    return { head, frames };
  } finally {
    await reader.close();
  }
}

/** Decompresses one frame of a stored batch. */
export async function openFrame(batch: StoredBatch, index: number): Promise<Uint8Array> {
  const { key, header, codec } = batch.head;
  const entry = header.frames[index];
  const stored = batch.frames[index];
  if (entry === undefined || stored === undefined) {
    throw damaged(key, `it has no frame ${index}`);
  }
  let bytes: Uint8Array;
  try {
    bytes = await codec.decompress(stored, entry[0]);
  } catch (cause) {
    throw isRigError(cause) ? cause : damaged(key, `frame ${index} does not decompress`, { cause });
  }
  if (bytes.length !== entry[0]) {
    throw damaged(key, `frame ${index} gives ${bytes.length} bytes instead of ${entry[0]}`);
  }
  return bytes;
}

/**
 * Compares the hash of a batch's whole payload with what its header says.
 * @throws RigError RIG_CHECKSUM_MISMATCH
 */
export function checkPayload({ key, header }: BatchHead, payload: Hash): void {
  if (payload.digest('hex') !== header.sha256) {
    throw damaged(key, 'its payload does not match its SHA-256', { details: { offset: header.first } });
  }
}

/** As {@link openFrame}, and lets go of the stored bytes: the frame cannot be opened again. */
export async function takeFrame(batch: StoredBatch, index: number): Promise<Uint8Array> {
  const bytes = await openFrame(batch, index);
  batch.frames[index] = new Uint8Array(0);
  return bytes;
}

async function parseHead(key: string, reader: ByteReader): Promise<BatchHead> {
  const prefix = await reader.take(LOCATE_BYTES);
  for (const codec of CODECS) {
    const location = codec.locateHeader(prefix);
    if (location !== undefined) {
      const contentBytes = location.contentEnd - location.contentStart;
      if (contentBytes < 4 || contentBytes > 4 + HEADER_LIMIT_BYTES) {
        throw damaged(key, `its header claims ${contentBytes} bytes`);
      }
      const rest = await reader.take(Math.max(0, location.framesStart - LOCATE_BYTES));
      const start = Buffer.concat([prefix, rest]);
      const content = start.subarray(location.contentStart, location.contentEnd);
      if (start.length < location.framesStart || content.readUInt32LE(0) !== crc32(content.subarray(4))) {
        throw damaged(key, 'its header does not match its CRC');
      }
      reader.putBack(start.subarray(location.framesStart));
      const header = decodeHeader(key, content.subarray(4));
      checkName(key, header);
      return {
        key,
        header,
        codec,
        framesStart: location.framesStart,
        storedBytes: lengthOf(header, location),
      };
    }
  }
  throw damaged(key, 'it is not a batch of rigctl');
}

function lengthOf(header: BatchHeader, location: { readonly framesStart: number }): number {
  return header.frames.reduce((total, [, storedBytes]) => total + storedBytes, location.framesStart);
}

function checkName(key: string, header: BatchHeader): void {
  const meaning = meaningOf(key);
  if (meaning.kind !== 'batch' || meaning.first !== header.first) {
    throw damaged(key, `its header says that it starts at offset ${showOffset(header.first)}`);
  }
}

function checkLength(head: BatchHead, sizeBytes: number): void {
  if (head.storedBytes !== sizeBytes) {
    throw damaged(head.key, `it has ${sizeBytes} bytes instead of ${head.storedBytes}`, {
      details: { offset: head.header.first },
    });
  }
}

/** Takes exact lengths from chunks of any size. */
class ByteReader {
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
    const parts = [this.#buffered];
    let haveBytes = this.#buffered.length;
    while (haveBytes < lengthBytes) {
      const next = await this.#chunks.next();
      if (next.done === true) {
        break;
      }
      parts.push(next.value);
      haveBytes += next.value.length;
    }
    this.#buffered = Buffer.concat(parts, haveBytes);
    return this.#cut(Math.min(lengthBytes, haveBytes));
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
