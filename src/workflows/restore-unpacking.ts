import type { StoredBatch } from '../archive/batch-object.ts';
import { batchesOf, type JournalPlan } from '../archive/plan-restore.ts';
import type { BatchUnpacker } from '../archive/unpacker.ts';
import { messageOf } from '../kernel/errors.ts';
import { MIB } from '../kernel/size.ts';
import type { Context } from './context.ts';
import type { Overview } from './overview.ts';
import type { SharedFile } from './target.ts';

/** Writes a batch to where it belongs, beside others; takes its stored bytes over. */
export type Unpack = (batch: StoredBatch) => Promise<void>;

/** Less is restored before the threads have begun. */
const WORTHWHILE_STORED_BYTES = 8 * MIB;

/** Restores with threads that unpack into the journal's file, where it is much and there can be any; else without. */
export async function withUnpacking<Result>(
  context: Context,
  overview: Overview,
  plan: JournalPlan,
  file: SharedFile | undefined,
  restore: (unpack: Unpack | undefined) => Promise<Result>,
): Promise<Result> {
  const storedBytes = batchesOf(overview, plan).reduce((total, batch) => total + batch.storedBytes, 0);
  const unpacker =
    file !== undefined && storedBytes >= WORTHWHILE_STORED_BYTES ? await openUnpacker(context) : undefined;
  if (file === undefined || unpacker === undefined) {
    return restore(undefined);
  }
  const unpack = (batch: StoredBatch) =>
    file.fill((descriptor) => {
      const positionBytes = batch.head.header.first - plan.from;
      return unpacker.unpack(batch, { descriptor, positionBytes });
    });
  try {
    return await restore(unpack);
  } finally {
    await unpacker.close();
  }
}

/** Threads save time, and are not worth a failure. */
async function openUnpacker({ openUnpacker: open, report }: Context): Promise<BatchUnpacker | undefined> {
  try {
    return await open?.();
  } catch (error) {
    const message = `no thread could be started, so that this takes longer: ${messageOf(error)}`;
    report({ type: 'note', code: 'no-threads', message });
    return undefined;
  }
}
