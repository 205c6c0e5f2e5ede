import type { BatchHeader, Observation } from '../../src/archive/batch-header.ts';
import { firstChain } from '../../src/archive/batch-header.ts';
import { claimBody, type WriterMode } from '../../src/archive/claim.ts';
import type { Compression } from '../../src/archive/compression.ts';
import type { Descriptor } from '../../src/archive/descriptor.ts';
import { batchKey, DESCRIPTOR_KEY, writerKey } from '../../src/archive/layout.ts';
import { sealBatch } from '../../src/archive/seal.ts';
import { findFormat } from '../../src/journal/registry.ts';
import { formatTime } from '../../src/kernel/clock.ts';
import { crc32 } from '../../src/kernel/digest.ts';
import { MIB } from '../../src/kernel/size.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { Store } from '../../src/store/contract.ts';
import {
  createMemoryNamespace,
  type MemoryNamespace,
  openMemoryStore,
} from '../../src/store/drivers/memory.ts';
import { SimulatedClock } from './simulated-clock.ts';

export const ARCHIVE_ID = '6f6b1f0e-3d3c-4b6a-9d57-0d4a1c1b2a30';
export const OTHER_ARCHIVE_ID = 'a3a5d8a0-58ad-4e0a-8a43-9b1f6f0b7c11';

/** The first batch's default observation; each later batch was seen a second after the one before. */
export const FIRST_OBSERVED_MS = 1_795_257_127_000;

export interface ArchivePlan {
  readonly journal: Uint8Array;
  /** Ends of batches, rising; the last one is the archive's end. */
  readonly cuts: readonly number[];
  readonly format?: string;
  readonly id?: string;
  readonly compression?: Compression;
  readonly frameBytes?: number;
  readonly observed?: (index: number, first: number, end: number) => readonly Observation[];
  /** The epoch of each batch; 1 by default. */
  readonly epoch?: (index: number) => number;
  /** How many batches a second writer's claim saw stored: all by default; undefined: there is no second writer. */
  readonly claimedBatches?: number | undefined;
}

export interface BuiltArchive {
  readonly namespace: MemoryNamespace;
  readonly store: Store;
  readonly descriptor: Descriptor;
  readonly headers: readonly BatchHeader[];
}

/** Builds an archive in memory as a pusher would, without one. */
export async function buildArchive(plan: ArchivePlan): Promise<BuiltArchive> {
  const namespace = createMemoryNamespace();
  const store = openMemoryStore(namespace, new SimulatedClock());
  return { namespace, ...(await fillArchive(store, plan)) };
}

/** The same, in a store that is there already. */
export async function fillArchive(store: Store, plan: ArchivePlan): Promise<Omit<BuiltArchive, 'namespace'>> {
  const { id = ARCHIVE_ID, format = 'bytes', cuts } = plan;
  const createdAt = formatTime(FIRST_OBSERVED_MS);
  const descriptor: Descriptor = { version: 1, id, format, unit: 'byte', journal: 'journal', createdAt };
  await store.put(DESCRIPTOR_KEY, bodyOf(JSON.stringify(descriptor)), { if: 'absent' });
  await putClaim(store, descriptor, 1, 0, firstChain(id), 'once');
  const headers: BatchHeader[] = [];
  for (const [index, end] of cuts.entries()) {
    const previous = headers.at(-1);
    const { header, body } = await sealOne(plan, index, previous, end);
    await store.put(batchKey(header.first), body, { if: 'absent' });
    headers.push(header);
  }
  const claimed = 'claimedBatches' in plan ? plan.claimedBatches : cuts.length;
  if (claimed !== undefined) {
    const last = headers[claimed - 1];
    await putClaim(store, descriptor, 2, last?.end ?? 0, last?.chain ?? firstChain(id), 'follow');
  }
  return { store, descriptor, headers };
}

async function sealOne(plan: ArchivePlan, index: number, previous: BatchHeader | undefined, end: number) {
  const { id = ARCHIVE_ID, compression = { name: 'zstd', level: 1 }, frameBytes = 4 * MIB } = plan;
  const first = previous?.end ?? 0;
  const seenMs = FIRST_OBSERVED_MS + index * 1_000;
  const content = {
    archive: id,
    first,
    end,
    records: countRecords(plan, first, end),
    prev: previous?.chain ?? firstChain(id),
    epoch: plan.epoch?.(index) ?? 1,
    observed: plan.observed?.(index, first, end) ?? [[end, seenMs] as const],
  };
  const payload = chunksOf(plan.journal.subarray(first, end), frameBytes);
  return (await sealBatch(content, payload, compression, () => content)).sealed;
}

async function* chunksOf(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    // A copy, because sealing takes it over.
    yield Buffer.from(bytes.subarray(at, at + chunkBytes));
  }
}

function countRecords({ journal, format = 'bytes' }: ArchivePlan, first: number, end: number): number {
  const decoder = findFormat(format)?.createDecoder(first);
  decoder?.push(journal.subarray(first, end));
  return Math.max(1, decoder?.records ?? end - first);
}

async function putClaim(
  store: Store,
  descriptor: Descriptor,
  epoch: number,
  durable: number,
  chain: string,
  mode: WriterMode,
): Promise<void> {
  const owner = `00000000-0000-4000-8000-${String(epoch).padStart(12, '0')}`;
  const startedAt = formatTime(FIRST_OBSERVED_MS);
  const claim = { epoch, owner, mode, host: 'db1', pid: 4711, startedAt, durable, chain, descriptor };
  await store.put(writerKey(epoch), claimBody(claim), { if: 'absent' });
}

/** Stores other bytes under a key, as damage would. */
export async function overwrite(store: Store, key: string, bytes: Uint8Array | string): Promise<void> {
  await store.put(key, bodyOf(bytes), { if: 'any' });
}

/** The bytes of an object. */
export function objectBytes({ namespace }: BuiltArchive, key: string): Buffer {
  return Buffer.from(namespace.objects.get(key)?.bytes ?? []);
}

/** A zstd batch with one thing of its header changed, and the header's checksum right again. */
export function withHeader(batch: Buffer, changes: Record<string, unknown>): Buffer {
  const contentEnd = 8 + batch.readUInt32LE(4);
  const header = JSON.parse(batch.toString('utf8', 12, contentEnd));
  const json = Buffer.from(JSON.stringify({ ...header, ...changes }));
  const start = Buffer.alloc(12);
  batch.copy(start, 0, 0, 4);
  start.writeUInt32LE(json.length + 4, 4);
  start.writeUInt32LE(crc32(json), 8);
  return Buffer.concat([start, json, batch.subarray(contentEnd)]);
}
