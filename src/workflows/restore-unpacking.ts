import type { StoredBatch } from '../archive/batch-object.ts';
import { batchesOf, type JournalPlan } from '../archive/plan-restore.ts';
import { unpackSteps, unpackTask } from '../archive/unpack-task.ts';
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

/**
 * Restores with threads that unpack into the journal's file, where that is worth it and the surroundings have them.
 * Batches are fetched while the threads begin.
 */
export async function withUnpacking<Result>(
  context: Context,
  overview: Overview,
  plan: JournalPlan,
  file: SharedFile | undefined,
  restore: (unpack: Unpack | undefined) => Promise<Result>,
): Promise<Result> {
  const storedBytes = batchesOf(overview, plan).reduce((total, batch) => total + batch.storedBytes, 0);
  const { openUnpacker } = context;
  if (file === undefined || openUnpacker === undefined || storedBytes < WORTHWHILE_STORED_BYTES) {
    return restore(undefined);
  }
  const opening = openUnpacker().catch((error) => withoutThreads(context, error));
  opening.catch(() => undefined); // told to those who wait for it
  const unpack = async (batch: StoredBatch) => {
    const unpacker = await opening;
    context.stop.throwIfAborted();
    const positionBytes = batch.head.header.first - plan.from;
    await file.fill((descriptor) => unpacker.unpack(batch, { descriptor, positionBytes }));
  };
  try {
    return await restore(unpack);
  } finally {
    await (await opening).close();
  }
}

/** Threads save time, and are not worth a failure: this one does their work. */
function withoutThreads({ report, clock, stop }: Context, error: unknown): BatchUnpacker {
  const message = `no thread could be started, so that this takes longer: ${messageOf(error)}`;
  report({ type: 'note', code: 'no-threads', message });
  return {
    unpack: async (batch, place) => {
      for (const _ of unpackSteps(unpackTask(batch, place))) {
        await clock.sleep(0, stop); // signals and answers have their turn
      }
    },
    close: async () => undefined,
  };
}
