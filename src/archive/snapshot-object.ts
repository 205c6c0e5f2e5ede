import { type Offset, showOffset } from '../kernel/offset.ts';
import { KIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { ByteReader } from './byte-reader.ts';
import { codecNamed } from './codec.ts';
import { damaged, vanished } from './damage.ts';
import { HEAD_BYTES, openEnvelope } from './envelope.ts';
import { storedBytesOf } from './frame.ts';
import { meaningOf, snapshotKey } from './layout.ts';
import { readRange } from './read-range.ts';
import { decodeFooter, footerLength, type SnapshotFooter } from './snapshot-footer.ts';
import { decodeSnapshotHeader, type SnapshotHeader } from './snapshot-header.ts';
import { CHAIN_LIMIT } from './snapshot-policy.ts';

/** A snapshot object's header and footer, and how the rest of the object is to be read. */
export interface SnapshotHead {
  readonly key: string;
  readonly header: SnapshotHeader;
  readonly footer: SnapshotFooter;
  /** Where the first frame starts. */
  readonly framesStart: number;
  /** Of the whole object: header, frames, index and footer, and nothing else. */
  readonly storedBytes: number;
}

/** The snapshot and what it needs: itself first, the full one last. */
export type SnapshotChain = readonly [SnapshotHead, ...SnapshotHead[]];

/** Enough for the footer of a snapshot with two GiB of its own. */
const TAIL_BYTES = 64 * KIB;

/**
 * Reads a snapshot's header with one ranged get. May be repeated. Undefined: no such object.
 * @throws RigError RIG_CHECKSUM_MISMATCH or RIG_VERSION_UNKNOWN when it is no snapshot of this version, or its name is
 *   not what the header says.
 */
export async function readSnapshotHeader(
  store: Store,
  key: string,
  options: CallOptions = {},
): Promise<SnapshotHeader | undefined> {
  return (await readStart(store, key, options))?.header;
}

/**
 * Reads a snapshot's header and footer with two ranged gets: one for a small object, three for a long footer. May be
 * repeated. Undefined: no such object.
 * @throws RigError as {@link readSnapshotHeader}, and when the object's length is not what header and footer say;
 *   RIG_OBJECT_NOT_FOUND when it goes away meanwhile.
 */
export async function readSnapshotHead(
  store: Store,
  key: string,
  options: CallOptions = {},
): Promise<SnapshotHead | undefined> {
  const start = await readStart(store, key, options);
  if (start === undefined) {
    return undefined;
  }
  const { header, framesStart, sizeBytes } = start;
  const footerFrame = await readFooter(store, key, start, options);
  const footer = decodeFooter(key, footerFrame);
  const storedBytes =
    framesStart + storedBytesOf(footer.frames) + storedBytesOf(footer.index) + footerFrame.length;
  if (storedBytes !== sizeBytes) {
    throw damaged(key, `it has ${sizeBytes} bytes instead of ${storedBytes}`);
  }
  const problem = findMismatch(header, footer);
  if (problem !== undefined) {
    throw damaged(key, `its footer does not belong to its header: ${problem}`);
  }
  return { key, header, footer, framesStart, storedBytes };
}

/**
 * The snapshot at `at` and all that it needs. May be repeated.
 * @throws RigError RIG_OBJECT_NOT_FOUND when there is no such snapshot; RIG_CHAIN_GAP, RIG_CHECKSUM_MISMATCH or
 *   RIG_VERSION_UNKNOWN when it cannot be restored, with the missing or damaged object in its details.
 */
export async function resolveChain(
  store: Store,
  at: Offset,
  archive: string,
  options: CallOptions = {},
): Promise<SnapshotChain> {
  const key = snapshotKey(at);
  const first = await readSnapshotHead(store, key, options);
  if (first === undefined) {
    throw vanished(key);
  }
  checkArchive(first, archive);
  const chain: [SnapshotHead, ...SnapshotHead[]] = [first];
  let head = first;
  while (head.header.base !== undefined) {
    if (chain.length === CHAIN_LIMIT) {
      throw damaged(key, `it needs more than ${CHAIN_LIMIT} snapshots`);
    }
    const base = await readSnapshotHead(store, snapshotKey(head.header.base), options);
    if (base === undefined && (await store.head(key, options)) === undefined) {
      throw vanished(key); // pruned meanwhile, which takes it before what it needs
    }
    head = checkBase(head, base);
    chain.push(head);
  }
  return chain;
}

/**
 * Is `base` what the increment `head` was made of? Gives it back.
 * @throws RigError RIG_CHAIN_GAP when it is undefined, that is, missing; RIG_CHECKSUM_MISMATCH when it is another one.
 */
export function checkBase(head: SnapshotHead, base: SnapshotHead | undefined): SnapshotHead {
  const { key, header } = head;
  const baseKey = snapshotKey(header.base ?? header.at);
  if (base === undefined) {
    throw damaged(baseKey, `it is missing, and ${key} needs it`, {
      code: 'RIG_CHAIN_GAP',
      details: { neededBy: key },
    });
  }
  const fits =
    base.footer.sha256 === header.baseSha256 &&
    base.header.archive === header.archive &&
    base.header.of === header.of &&
    base.header.content === header.content;
  if (!fits) {
    throw damaged(key, `${baseKey} is not the base it was made of`, { details: { base: baseKey } });
  }
  return base;
}

/** @throws RigError RIG_CHECKSUM_MISMATCH when the snapshot belongs to another archive than `archive`, an id. */
export function checkArchive({ key, header }: SnapshotHead, archive: string): void {
  if (header.archive !== archive) {
    throw damaged(key, `it belongs to another archive, ${header.archive}`);
  }
}

interface SnapshotStart {
  readonly header: SnapshotHeader;
  readonly framesStart: number;
  readonly sizeBytes: number;
  /** What came with the header: the bytes from `framesStart` on. */
  readonly rest: Uint8Array;
}

async function readStart(
  store: Store,
  key: string,
  options: CallOptions,
): Promise<SnapshotStart | undefined> {
  const object = await store.get(key, { ...options, range: { startByte: 0, endByte: HEAD_BYTES } });
  if (object === undefined) {
    return undefined;
  }
  const reader = new ByteReader(object.body);
  try {
    const { json, framesStart } = await openEnvelope(key, reader, [codecNamed('zstd')], 'snapshot');
    const header = decodeSnapshotHeader(key, json);
    const meaning = meaningOf(key);
    if (meaning.kind !== 'snapshot' || meaning.at !== header.at) {
      throw damaged(key, `its header says that it is of offset ${showOffset(header.at)}`);
    }
    // More than comes: a body read to its end gives its connection back.
    const rest = await reader.take(HEAD_BYTES);
    return { header, framesStart, sizeBytes: object.sizeBytes, rest };
  } finally {
    await reader.close();
  }
}

async function readFooter(
  store: Store,
  key: string,
  { framesStart, sizeBytes, rest }: SnapshotStart,
  options: CallOptions,
): Promise<Uint8Array> {
  const read = (startByte: number, endByte: number) => readRange(store, key, { startByte, endByte }, options);
  const availableBytes = sizeBytes - framesStart;
  const tail =
    rest.length === availableBytes
      ? rest
      : await read(Math.max(framesStart, sizeBytes - TAIL_BYTES), sizeBytes);
  const lengthBytes = footerLength(key, tail);
  if (lengthBytes > availableBytes) {
    throw damaged(key, `its footer claims ${lengthBytes} bytes`);
  }
  if (lengthBytes <= tail.length) {
    return tail.subarray(-lengthBytes);
  }
  const before = await read(sizeBytes - lengthBytes, sizeBytes - tail.length);
  return Buffer.concat([before, tail]);
}

function findMismatch({ at, of, base }: SnapshotHeader, footer: SnapshotFooter): string | undefined {
  if (base === undefined && footer.ownBytes !== footer.bytes) {
    return 'a full snapshot has all bytes of its content';
  }
  return of === 'journal' && footer.bytes !== at ? 'a journal is as long as its offset' : undefined;
}
