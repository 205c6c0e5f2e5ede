import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Threads } from '../kernel/threads.ts';
import type { StoredBatch } from './batch-object.ts';
import { type UnpackTask, unpackTask } from './unpack-task.ts';
import type { BatchUnpacker, FilePlace } from './unpacker.ts';

/** Each one holds a batch; more than these are seldom busy, because one thread fetches for all. */
const THREADS_LIMIT = 4;
/** The module lies beside this one, in the sources as when it is built. */
const THREAD = new URL(`unpack-thread${extname(import.meta.url)}`, import.meta.url);

/**
 * Decompresses, hashes and writes a batch on one thread, so that its bytes stay in one core's cache, and nothing waits
 * for the next step of somebody else but once in a batch.
 * @throws whatever keeps a thread from beginning.
 */
export async function openThreadUnpacker(): Promise<BatchUnpacker> {
  const count = Math.min(THREADS_LIMIT, availableParallelism());
  const threads = await Threads.start<UnpackTask, void>(THREAD, count);
  return {
    unpack: (batch: StoredBatch, place: FilePlace) =>
      threads.run(
        unpackTask(batch, place),
        batch.frames.map(({ buffer }) => buffer),
      ),
    close: () => threads.close(),
  };
}
