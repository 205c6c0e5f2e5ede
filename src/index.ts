/**
 * rigctl as a library: the commands' workflows as functions. They return results, report progress as values, throw
 * {@link RigError}, and print nothing.
 *
 * ```ts
 * import * as rigctl from 'rigctl';
 *
 * const context = await rigctl.openContext('file:./rig-archive');
 * const { durable } = await rigctl.status(context);
 * await context.store.close();
 * ```
 */
import { type Clock, systemClock } from './kernel/clock.ts';
import { type FileTree, nodeFileTree } from './kernel/file-tree.ts';
import { type FileSystem, nodeFileSystem } from './kernel/filesystem.ts';
import { type Random, systemRandom } from './kernel/random.ts';
import type { Reporter } from './kernel/report.ts';
import { retry } from './store/layers/retry.ts';
import { openStore, type StoreEnvironment } from './store/registry.ts';
import type { Context } from './workflows/context.ts';

export type { Compression } from './archive/compression.ts';
export type { LifecyclePolicy } from './archive/lifecycle-rules.ts';
export type { RetentionPolicy } from './archive/retention-policy.ts';
export type { FormatName } from './journal/contract.ts';
export type { Clock } from './kernel/clock.ts';
export type { Details, DetailValue, ErrorCode, ErrorKind, RigErrorOptions } from './kernel/errors.ts';
export { ERROR_KINDS, EXIT_STATUS, isRigError, RigError } from './kernel/errors.ts';
export type { FileTree } from './kernel/file-tree.ts';
export type { FileSystem } from './kernel/filesystem.ts';
export type { Offset } from './kernel/offset.ts';
export type { Random } from './kernel/random.ts';
export type {
  DurableReport,
  NoteReport,
  ProgressReport,
  Report,
  Reporter,
  RetryReport,
  WarningReport,
} from './kernel/report.ts';
export type * from './store/contract.ts';
export { openStore, STORE_SCHEMES, type StoreEnvironment } from './store/registry.ts';
export type { Context } from './workflows/context.ts';
export {
  type ApplyOptions,
  type AskedChange,
  applyLifecycle,
  type ChangeOptions,
  type LifecycleResult,
  previewLifecycle,
  removeLifecycle,
  type ShownRule,
  showLifecycle,
} from './workflows/lifecycle.ts';
export { type LsEntry, ls } from './workflows/ls.ts';
export {
  type PruneCounts,
  type PruneOptions,
  type PruneResult,
  prune,
} from './workflows/prune.ts';
export { type PushOptions, type PushResult, push, type SnapshotOptions } from './workflows/push.ts';
export {
  type RecoveryPoint,
  type RestoreOptions,
  type RestoreResult,
  type RestoreTarget,
  restore,
} from './workflows/restore.ts';
export { type StatusResult, status } from './workflows/status.ts';
export {
  type Finding,
  type VerifyLevel,
  type VerifyOptions,
  type VerifyResult,
  verify,
} from './workflows/verify.ts';

export interface OpenContextOptions extends Partial<StoreEnvironment> {
  /** For restoring and pushing whole directories; by default the real disk. */
  readonly fileTree?: FileTree | undefined;
  /** Gets progress, warnings and notes; by default nobody does. */
  readonly report?: Reporter | undefined;
  /** Ends what runs, cleanly and soon. */
  readonly stop?: AbortSignal | undefined;
  /** Ends what runs at once. */
  readonly abort?: AbortSignal | undefined;
  /** How long a failing call to the store is tried again; default: for ever. */
  readonly deadlineMs?: number | undefined;
}

/**
 * Opens the archive at a URL (`file:PATH`, `s3://bucket/prefix`) on the real machine, or on what `options` put in its
 * place. Close `store` when you are done.
 * @throws RigError RIG_CONFIG_INVALID for a URL that no store can be opened by.
 */
export async function openContext(url: string, options: OpenContextOptions = {}): Promise<Context> {
  const clock: Clock = options.clock ?? systemClock;
  const random: Random = options.random ?? systemRandom;
  const fileSystem: FileSystem = options.fileSystem ?? nodeFileSystem;
  const fileTree: FileTree = options.fileTree ?? nodeFileTree;
  const openUnpacker = async () => (await import('./archive/thread-unpacker.ts')).openThreadUnpacker();
  const { report = () => undefined, deadlineMs, environment = process.env } = options;
  const never = new AbortController().signal;
  const { stop = never, abort = never } = options;
  const driver = await openStore(url, { ...options, clock, random, fileSystem, environment });
  const store = retry(driver, { clock, random, deadlineMs, onRetry: report });
  return { store, clock, random, fileSystem, fileTree, openUnpacker, report, stop, abort };
}
