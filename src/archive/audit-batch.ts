import { type Limits, mapInOrder } from '../kernel/concurrency.ts';
import { startSha256 } from '../kernel/digest.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import { release } from '../kernel/memory.ts';
import { MIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { FRAME_LIMIT_BYTES } from './batch-header.ts';
import { type BatchHead, checkPayload, type StoredBatch, takeFrame } from './batch-object.ts';
import type { ListedBatch } from './catalog.ts';
import { damaged } from './damage.ts';
import { fetchBatch, needHead } from './reader.ts';

/** What a look at one batch gave. */
export interface BatchAudit {
  readonly listed: ListedBatch;
  /** Undefined when not even the header can be read. */
  readonly head: BatchHead | undefined;
  /** Damage found in the batch itself. */
  readonly damage: readonly RigError[];
  /** It was listed and is not there any more; that is the damage. */
  readonly gone: boolean;
}

/** Looks at a batch's payload beyond its checksums. What it throws of the kinds `data` and `conflict` is damage. */
export interface Inspector {
  /** The payload's next bytes, in order. Their memory is given back when this has resolved. */
  push(bytes: Uint8Array): void | Promise<void>;
  /** After the whole payload was read. */
  end(): void;
}

/** How closely to look. */
export interface AuditOptions extends CallOptions {
  /** Read and check the payloads, not only the headers. */
  readonly payload: boolean;
  /** What else looks at a batch's payload. */
  readonly inspect: (head: BatchHead) => readonly Inspector[];
}

const UNDER_WAY_LIMIT_BYTES = 48 * MIB;
/** A payload is taken to be so many times as long as it is stored; of a longer one one frame is held all the same. */
const TYPICAL_RATIO = 8;

/** Looks at batches, several at a time and within bounded memory; yields in the order given. Damage is not an error. */
export function auditBatches(
  store: Store,
  batches: readonly ListedBatch[],
  options: AuditOptions,
): AsyncGenerator<BatchAudit, void, undefined> {
  const limits: Limits<ListedBatch> = {
    calls: store.capabilities.parallelCalls,
    weight: UNDER_WAY_LIMIT_BYTES,
    weigh: ({ storedBytes }) =>
      options.payload ? storedBytes + Math.min(storedBytes * TYPICAL_RATIO, 2 * FRAME_LIMIT_BYTES) : 0,
  };
  return mapInOrder(batches, limits, (batch) => auditBatch(store, batch, options));
}

async function auditBatch(store: Store, listed: ListedBatch, options: AuditOptions): Promise<BatchAudit> {
  try {
    if (!options.payload) {
      return { listed, head: await needHead(store, listed, options), damage: [], gone: false };
    }
    const batch = await fetchBatch(store, listed, options);
    return { listed, head: batch.head, damage: await auditPayload(batch, listed, options), gone: false };
  } catch (error) {
    const damage = [needDamage(error, listed)];
    const head = await readHeadAnyway(store, listed, options);
    return { listed, head, damage, gone: isRigError(error, 'RIG_OBJECT_NOT_FOUND') };
  }
}

async function auditPayload(
  batch: StoredBatch,
  listed: ListedBatch,
  options: AuditOptions,
): Promise<readonly RigError[]> {
  const hash = startSha256();
  const damage: RigError[] = [];
  const attending = new Set(options.inspect(batch.head));
  const attend = async (look: (inspector: Inspector) => void | Promise<void>) => {
    for (const inspector of attending) {
      try {
        await look(inspector);
      } catch (error) {
        damage.push(needDamage(error, listed));
        attending.delete(inspector);
      }
    }
  };
  for (const index of batch.head.header.frames.keys()) {
    const bytes = await takeFrame(batch, index);
    hash.update(bytes);
    await attend((inspector) => inspector.push(bytes));
    release(bytes);
  }
  checkPayload(batch.head, hash);
  await attend((inspector) => inspector.end());
  return damage;
}

/** The header of a batch with damaged frames tells where the next batch belongs. */
async function readHeadAnyway(
  store: Store,
  listed: ListedBatch,
  options: CallOptions,
): Promise<BatchHead | undefined> {
  try {
    return await needHead(store, listed, options);
  } catch (error) {
    needDamage(error, listed);
    return undefined;
  }
}

function needDamage(error: unknown, { key, first }: ListedBatch): RigError {
  if (isRigError(error, 'RIG_OBJECT_NOT_FOUND')) {
    return damaged(key, 'it was listed and is gone', { code: 'RIG_CHAIN_GAP', details: { offset: first } });
  }
  if (isRigError(error) && (error.kind === 'data' || error.kind === 'conflict')) {
    return error;
  }
  throw error;
}
