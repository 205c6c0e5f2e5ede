import type { SnapshotSummary } from '../archive/seal-snapshot.ts';
import { Pause } from '../journal/pause.ts';
import type { LocalSnapshot } from '../journal/snapshots/directory.ts';
import { openSnapshotSource } from '../journal/snapshots/source.ts';
import { isRigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import { withGrace } from './grace.ts';
import type { LocalSnapshots } from './local-snapshots.ts';
import type { MadeSnapshot, SnapshotMaker } from './make-snapshot.ts';

/** While following, the directory is looked at this often although nothing hints at a change. */
const SCAN_EVERY_MS = 1_000;

/** A snapshot that this run has stored. */
export interface StoredSnapshot {
  readonly at: Offset;
  readonly summary: SnapshotSummary;
}

export interface SnapshotPushingOptions {
  /** Called after each snapshot that was stored. */
  readonly onStored: (stored: StoredSnapshot, signal: AbortSignal) => Promise<void>;
}

/** Carries the snapshots of a local directory to an archive, the oldest first. */
export class SnapshotPushing {
  readonly #context: Context;
  readonly #local: LocalSnapshots;
  readonly #maker: SnapshotMaker;
  readonly #options: SnapshotPushingOptions;
  /** What is wrong with the directory, so that it is said once. */
  #trouble: string | undefined;

  constructor(
    context: Context,
    local: LocalSnapshots,
    maker: SnapshotMaker,
    options: SnapshotPushingOptions,
  ) {
    this.#context = context;
    this.#local = local;
    this.#maker = maker;
    this.#options = options;
  }

  /** Puts all that can be put now. Returns early when the user stops it. */
  async once(): Promise<void> {
    const grace = withGrace(this.#context);
    try {
      await this.#putAllDue(grace.signal);
    } finally {
      grace.end();
    }
  }

  /** Puts what is there and what comes, until the user stops it. */
  async forEver(): Promise<void> {
    const { clock, fileSystem, stop } = this.#context;
    const grace = withGrace(this.#context);
    const pause = new Pause(clock);
    const watcher = fileSystem.watch(this.#local.directory, pause.hint);
    try {
      while (!stop.aborted) {
        pause.clear();
        await this.#putWhatCanBeRead(grace.signal);
        await pause.wait(SCAN_EVERY_MS, stop);
      }
    } catch (error) {
      if (!stop.aborted || error !== stop.reason) {
        throw error;
      }
    } finally {
      watcher.close();
      grace.end();
    }
  }

  /** The journal goes on when something is wrong with the directory: that is said, and looked at again. */
  async #putWhatCanBeRead(signal: AbortSignal): Promise<void> {
    try {
      await this.#putAllDue(signal);
      this.#trouble = undefined;
    } catch (error) {
      if (!isRigError(error, 'RIG_CONFIG_INVALID', 'RIG_LOCAL_IO')) {
        throw error;
      }
      const { message, hint } = error;
      if (message !== this.#trouble) {
        this.#trouble = message;
        const code = 'snapshots-unreadable';
        this.#context.report({ type: 'warning', code, message, ...(hint === undefined ? {} : { hint }) });
      }
    }
  }

  async #putAllDue(signal: AbortSignal): Promise<void> {
    for (const snapshot of await this.#local.due(this.#maker.reach)) {
      if (this.#context.stop.aborted) {
        return;
      }
      let made: MadeSnapshot | undefined;
      await this.#local.settle(snapshot, async () => {
        made = await this.#make(snapshot, signal);
        return made;
      });
      if (made?.how === 'stored') {
        await this.#options.onStored({ at: snapshot.at, summary: made.summary }, signal);
      }
    }
    await this.#local.prune();
  }

  async #make(snapshot: LocalSnapshot, signal: AbortSignal): Promise<MadeSnapshot> {
    const { fileSystem, fileTree } = this.#context;
    const source = await openSnapshotSource(snapshot, fileSystem, fileTree);
    const { content } = source;
    return this.#maker.make({ at: snapshot.at, of: 'state', content, source: async () => source }, signal);
  }
}
