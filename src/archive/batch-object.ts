import type { Hash } from 'node:crypto';
import { release } from '../kernel/memory.ts';
import { showOffset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { type BatchHeader, decodeHeader } from './batch-header.ts';
import { ByteReader } from './byte-reader.ts';
import { CODECS, type Codec } from './codec.ts';
import { damaged, undefinedWhenGone } from './damage.ts';
import { HEAD_BYTES, openEnvelope } from './envelope.ts';
import { checkStored, decompressFrame, storedBytesOf } from './frame.ts';
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
  /** Each in memory of its own. */
  readonly frames: Uint8Array<ArrayBuffer>[];
}

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
  } catch (error) {
    return undefinedWhenGone(error);
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
    const frames: Uint8Array<ArrayBuffer>[] = [];
    for (const [index, entry] of head.header.frames.entries()) {
      const stored = await reader.take(entry[1]);
      checkStored(key, index, entry, stored);
      frames.push(stored);
    }
    await reader.drain();
    return { head, frames };
  } catch (error) {
    return undefinedWhenGone(error);
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
  return decompressFrame(key, index, entry, stored, codec);
}

/**
 * Compares the hash of a batch's whole payload with what its header says.
 * @throws RigError RIG_CHECKSUM_MISMATCH
 */
export function checkPayload({ key, header }: Pick<BatchHead, 'key' | 'header'>, payload: Hash): void {
  if (payload.digest('hex') !== header.sha256) {
    throw damaged(key, 'its payload does not match its SHA-256', { details: { offset: header.first } });
  }
}

/** As {@link openFrame}, and lets go of the stored bytes: the frame cannot be opened again. */
export async function takeFrame(batch: StoredBatch, index: number): Promise<Uint8Array> {
  const bytes = await openFrame(batch, index);
  for (const stored of batch.frames.splice(index, 1, new Uint8Array(0))) {
    release(stored);
  }
  return bytes;
}

async function parseHead(key: string, reader: ByteReader): Promise<BatchHead> {
  const { codec, json, framesStart } = await openEnvelope(key, reader, CODECS, 'batch');
  const header = decodeHeader(key, json);
  checkName(key, header);
  return { key, header, codec, framesStart, storedBytes: framesStart + storedBytesOf(header.frames) };
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
