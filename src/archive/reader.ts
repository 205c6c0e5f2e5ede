import type { Hash } from 'node:crypto';
import { type Limits, mapInOrder } from '../kernel/concurrency.ts';
import { startSha256 } from '../kernel/digest.ts';
import type { Offset } from '../kernel/offset.ts';
import { MIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import {
  type BatchHead,
  checkPayload,
  readHead,
  readStored,
  type StoredBatch,
  takeFrame,
} from './batch-object.ts';
import type { ListedBatch } from './catalog.ts';
import { type ChainPosition, follow } from './chain.ts';
import { vanished } from './damage.ts';

/** A piece of the journal that matches every checksum there is for it so far. */
export interface PayloadChunk {
  readonly offset: Offset;
  readonly bytes: Uint8Array;
  readonly head: BatchHead;
}

/**
 * Stored bytes asked for or held, beside those of the batch being decompressed. Garbage doubles what is held, and a
 * restore of 32 MiB batches that do not compress shall stay near 200 MiB.
 */
const STORED_LIMIT_BYTES = 16 * MIB;
/** Frames decompressed at a time, across the borders of batches. */
const FRAMES_AHEAD = 3;

/**
 * The journal's bytes from `start` on, out of these batches, in order and in chunks of at most 4 MiB. Fetches several
 * batches at a time, within bounded memory. The last chunk of a batch comes only once the batch matches its SHA-256.
 * @throws RigError RIG_CHAIN_GAP, RIG_CHECKSUM_MISMATCH or RIG_VERSION_UNKNOWN with the object and offset in its
 *   details; RIG_OBJECT_NOT_FOUND when a batch is gone since it was listed.
 */
export async function* readBatches(
  store: Store,
  batches: readonly ListedBatch[],
  start: ChainPosition,
  options: CallOptions = {},
): AsyncGenerator<PayloadChunk, void, undefined> {
  const stored = mapInOrder(batches, fetchLimits(store), (batch) => fetchBatch(store, batch, options));
  const frames = mapInOrder(framesOf(stored), FRAMES_AHEAD, async ({ batch, index }) => ({
    head: batch.head,
    index,
    bytes: await takeFrame(batch, index),
  }));
  let position = start;
  let offset = start.offset;
  let payload: Hash = startSha256();
  for await (const { head, index, bytes } of frames) {
    if (index === 0) {
      position = follow(position, head);
      offset = head.header.first;
      payload = startSha256();
    }
    payload.update(bytes);
    if (index === head.header.frames.length - 1) {
      checkPayload(head, payload);
    }
    const chunk = { offset, bytes, head };
    offset += bytes.length; // not later: whoever gets the bytes may give their memory back
    yield chunk;
  }
}

/** The headers of these batches, in order. Errors as {@link readBatches}. */
export async function* readHeads(
  store: Store,
  batches: readonly ListedBatch[],
  start: ChainPosition,
  options: CallOptions = {},
): AsyncGenerator<BatchHead, void, undefined> {
  let position = start;
  const heads = mapInOrder(batches, store.capabilities.parallelCalls, (batch) =>
    needHead(store, batch, options),
  );
  for await (const head of heads) {
    position = follow(position, head);
    yield head;
  }
}

/** The header of a batch that was listed. Errors as {@link readHead}, and RIG_OBJECT_NOT_FOUND. */
export async function needHead(
  store: Store,
  batch: ListedBatch,
  options: CallOptions = {},
): Promise<BatchHead> {
  const head = await readHead(store, batch.key, options);
  if (head === undefined) {
    throw vanished(batch.key);
  }
  return head;
}

/** A batch that was listed. Errors as {@link readStored}, and RIG_OBJECT_NOT_FOUND. */
export async function fetchBatch(
  store: Store,
  batch: ListedBatch,
  options: CallOptions = {},
): Promise<StoredBatch> {
  const stored = await readStored(store, batch.key, options);
  if (stored === undefined) {
    throw vanished(batch.key);
  }
  return stored;
}

function fetchLimits(store: Store): Limits<ListedBatch> {
  return {
    calls: store.capabilities.parallelCalls,
    weight: STORED_LIMIT_BYTES,
    weigh: (batch) => batch.storedBytes,
  };
}

async function* framesOf(
  batches: AsyncIterable<StoredBatch>,
): AsyncGenerator<{ batch: StoredBatch; index: number }> {
  for await (const batch of batches) {
    for (const index of batch.head.header.frames.keys()) {
      yield { batch, index };
    }
  }
}
