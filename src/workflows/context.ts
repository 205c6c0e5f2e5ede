import type { BatchUnpacker } from '../archive/unpacker.ts';
import type { Clock } from '../kernel/clock.ts';
import type { FileTree } from '../kernel/file-tree.ts';
import type { FileSystem } from '../kernel/filesystem.ts';
import type { Random } from '../kernel/random.ts';
import type { Reporter } from '../kernel/report.ts';
import type { Store } from '../store/contract.ts';

/** What every workflow gets from outside. Workflows return results and report; they never print. */
export interface Context {
  /** The archive's store, with its layers. */
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly fileSystem: FileSystem;
  /** The same disk, for whole directories. */
  readonly fileTree: FileTree;
  /** Starts threads that write into files; undefined, or when it throws: this thread does everything. */
  readonly openUnpacker?: (() => Promise<BatchUnpacker>) | undefined;
  readonly report: Reporter;
  /**
   * Aborted at the first signal: end cleanly and soon. A workflow that has something to say then (push: the durable
   * offset) returns its result; the others reject with the signal's reason, RIG_INTERRUPTED, leaving nothing behind.
   */
  readonly stop: AbortSignal;
  /** Aborted at the second signal: every call to the store and every sleep ends at once. */
  readonly abort: AbortSignal;
}
