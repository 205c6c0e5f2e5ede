import { mapInOrder } from '../kernel/concurrency.ts';
import { MIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { BatchHead, StoredBatch } from './batch-object.ts';
import type { ListedBatch } from './catalog.ts';
import type { ChainPosition } from './chain.ts';
import { follow } from './chain.ts';
import { fetchBatch } from './reader.ts';

/** Where a batch's payload belongs: at a place in a file of the system where nothing was written yet. */
export interface FilePlace {
  readonly descriptor: number;
  readonly positionBytes: number;
}

/** Writes whole batches into a file, each at its place, several at a time. */
export interface BatchUnpacker {
  /**
   * Takes the batch's stored bytes over. The payload is written frame by frame, and matches its SHA-256 once this has
   * resolved.
   * @throws RigError RIG_CHECKSUM_MISMATCH; a system's error when the file cannot be written.
   */
  unpack(batch: StoredBatch, place: FilePlace): Promise<void>;
  /** Ends the threads: nothing is written from then on. */
  close(): Promise<void>;
}

/** Stored bytes of batches being fetched, waiting or being unpacked; a longer batch is alone. */
const UNDER_WAY_LIMIT_BYTES = 32 * MIB;

/**
 * Fetches batches, several at a time, and hands each to `unpack` once it continues the one before it. Yields the head
 * of each one that is done, in order. Errors as {@link readBatches}, and those of `unpack`.
 */
export function unpackBatches(
  store: Store,
  batches: readonly ListedBatch[],
  start: ChainPosition,
  unpack: (batch: StoredBatch) => Promise<void>,
  options: CallOptions = {},
): AsyncGenerator<BatchHead, void, undefined> {
  const limits = {
    calls: store.capabilities.parallelCalls,
    weight: UNDER_WAY_LIMIT_BYTES,
    weigh: ({ storedBytes }: ListedBatch) => storedBytes,
  };
  let reached = Promise.resolve(start);
  return mapInOrder(batches, limits, async (listed) => {
    const before = reached;
    const fetched = fetchBatch(store, listed, options);
    reached = fetched.then(async ({ head }) => follow(await before, head));
    reached.catch(() => undefined); // told below, unless this batch could not be fetched
    const batch = await fetched;
    await reached;
    options.signal?.throwIfAborted();
    await unpack(batch);
    return batch.head;
  });
}
