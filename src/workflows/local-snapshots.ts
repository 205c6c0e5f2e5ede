import type { ListedSnapshot } from '../archive/catalog.ts';
import { snapshotKey } from '../archive/layout.ts';
import { readSnapshotHead } from '../archive/snapshot-object.ts';
import { SnapshotShelf } from '../archive/snapshot-shelf.ts';
import {
  type LocalSnapshot,
  listSnapshots,
  removeSnapshot,
  type SnapshotNames,
} from '../journal/snapshots/directory.ts';
import { assert } from '../kernel/assert.ts';
import { parseTime } from '../kernel/clock.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import type { MadeSnapshot } from './make-snapshot.ts';
import { isSameInArchive } from './same-snapshot.ts';

export interface LocalSnapshotsOptions {
  readonly directory: string;
  /** How to read names of 16 digits. */
  readonly names: SnapshotNames;
  /** Keep so many here, the newest ones, once they are archived; undefined: keep all. */
  readonly pruneLocal: number | undefined;
}

/** A snapshot that changed while it was read is tried again after so long. */
const TRY_AGAIN_MS = 60_000;

/** Why a snapshot is left out. */
interface Problem {
  readonly code: string;
  /** Monotonic; undefined: not before the program is started again. */
  readonly againAtMs: number | undefined;
}

/** The application's snapshots on this machine, and what has become of them. */
export class LocalSnapshots {
  readonly #context: Context;
  readonly #options: LocalSnapshotsOptions;
  /** What is archived under the same offset, and seems to be the same. */
  readonly #archived = new Set<Offset>();
  /** What is known to be the same: this run has stored or compared it. */
  readonly #certain = new Set<Offset>();
  readonly #problems = new Map<Offset, Problem>();
  readonly #ignored = new Set<string>();
  /** What was here at first, is not in the archive, and is older than what is: a prune may have removed it there. */
  #outdated: Set<Offset> | undefined;
  #archive: { readonly id: string; readonly snapshots: readonly ListedSnapshot[] } | undefined;
  #isCompared = false;

  constructor(context: Context, options: LocalSnapshotsOptions) {
    this.#context = context;
    this.#options = options;
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** How many are left out for a reason that the user should know. */
  get skipped(): number {
    return this.#problems.size;
  }

  /** The archive to compare with, as it is listed. To be called before anything else. */
  startFrom(id: string, snapshots: readonly ListedSnapshot[]): void {
    this.#archive = { id, snapshots };
    this.#isCompared = false;
  }

  /** Looks whether the directory can be read. Errors as {@link listSnapshots}. */
  async check(): Promise<void> {
    await this.#list();
  }

  /** What can be put when all below `reach` is durable, ascending. Errors as {@link listSnapshots}. */
  async due(reach: Offset): Promise<readonly LocalSnapshot[]> {
    const local = await this.#list();
    if (!this.#isCompared) {
      await this.#compare(local);
      this.#isCompared = true;
    }
    const nowMs = this.#context.clock.monotonicMs();
    return local.filter(({ at }) => {
      const problem = this.#problems.get(at);
      const isWaiting = problem !== undefined && nowMs < (problem.againAtMs ?? Number.POSITIVE_INFINITY);
      return at <= reach && !isWaiting && !this.#archived.has(at) && !this.#outdated?.has(at);
    });
  }

  /** Is there anything to put, now or when the journal is durable further on? */
  async hasWork(): Promise<boolean> {
    return (await this.due(Number.MAX_SAFE_INTEGER)).length > 0;
  }

  /** Runs `put` for a snapshot and remembers what came of it. What makes only this snapshot fail is not thrown on. */
  async settle(snapshot: LocalSnapshot, put: () => Promise<MadeSnapshot>): Promise<void> {
    const { at } = snapshot;
    try {
      const { how } = await put();
      if (how === 'stored' || how === 'present') {
        this.#archived.add(at);
        this.#certain.add(at);
        this.#problems.delete(at);
      } else if (how === 'different') {
        this.#skipDifferent(snapshot);
      } else {
        this.#leaveAlone(snapshot, 'the archive no longer has the batches around its offset');
      }
    } catch (error) {
      this.#skipFailed(snapshot, error);
    }
  }

  /** Warns of those that lie beyond `reach`, where a one-shot push ends. */
  async skipBeyond(reach: Offset): Promise<void> {
    for (const snapshot of await this.#list()) {
      if (snapshot.at > reach) {
        const what = `${snapshot.path} is ahead of the journal, which is durable up to offset ${showOffset(reach)}`;
        this.#skip(snapshot, 'snapshot-ahead', what, 'push again when the journal has got there');
      }
    }
  }

  /**
   * Removes here what is archived, but the newest ones. What an earlier run has stored is compared first, byte for
   * byte: it may be the last copy. Errors as {@link removeSnapshot}.
   */
  async prune(): Promise<void> {
    const { pruneLocal } = this.#options;
    if (pruneLocal === undefined) {
      return;
    }
    const { fileSystem, report, stop } = this.#context;
    for (const snapshot of (await this.#list()).slice(0, -pruneLocal)) {
      const { at, path } = snapshot;
      if (stop.aborted || !this.#archived.has(at) || !(await this.#isCertain(snapshot))) {
        continue;
      }
      if (await removeSnapshot(fileSystem, snapshot)) {
        const message = `removed ${path}: it is archived`;
        report({ type: 'note', code: 'snapshot-pruned-here', message, details: { at } });
      }
    }
  }

  async #isCertain(snapshot: LocalSnapshot): Promise<boolean> {
    const { at } = snapshot;
    if (this.#certain.has(at)) {
      return true;
    }
    try {
      if (await isSameInArchive(this.#context, this.#archive?.id ?? '', snapshot)) {
        this.#certain.add(at);
        return true;
      }
      this.#skipDifferent(snapshot);
    } catch (error) {
      if (isRigError(error, 'RIG_OBJECT_NOT_FOUND') && error.details['object'] === snapshotKey(at)) {
        this.#leaveAlone(snapshot, 'the archive had it, and may have pruned it');
      } else {
        this.#skipFailed(snapshot, error);
      }
    }
    this.#archived.delete(at);
    return false;
  }

  /** Takes what is archived already for the same, unless its size or its age say that it was changed since. */
  async #compare(local: readonly LocalSnapshot[]): Promise<void> {
    assert(this.#archive !== undefined, 'an archive to compare with');
    const { id, snapshots } = this.#archive;
    const there = new Set(snapshots.map(({ at }) => at));
    if (this.#outdated === undefined) {
      this.#outdated = new Set();
      const absent = local.filter(({ at }) => !there.has(at));
      await this.#findOutdated(id, snapshots, absent);
    }
    for (const snapshot of local.filter(({ at }) => there.has(at))) {
      try {
        if (!(await this.#seemsChanged(snapshot))) {
          this.#archived.add(snapshot.at);
        }
      } catch (error) {
        this.#skipFailed(snapshot, error);
      }
    }
  }

  async #list(): Promise<readonly LocalSnapshot[]> {
    const { directory, names } = this.#options;
    const { snapshots, ignored } = await listSnapshots(this.#context.fileSystem, directory, names);
    for (const name of ignored.filter((candidate) => !this.#ignored.has(candidate))) {
      this.#ignored.add(name);
      this.#context.report({
        type: 'warning',
        code: 'snapshot-name',
        message: `${directory} has an entry ${JSON.stringify(name)}, which is no offset: it is left alone`,
        hint: 'name snapshots by their offset, and what is being written with a "." in front',
      });
    }
    return snapshots;
  }

  /** What is older than the newest state in the archive may have been pruned there: it is not put again. */
  async #findOutdated(
    archive: string,
    archived: readonly ListedSnapshot[],
    local: readonly LocalSnapshot[],
  ): Promise<void> {
    const { store, stop: signal } = this.#context;
    if (local.every(({ at }) => at > (archived.at(-1)?.at ?? 0))) {
      return;
    }
    for await (const { at, of } of new SnapshotShelf(store, archive, archived, { signal }).downFrom(
      Number.MAX_SAFE_INTEGER,
    )) {
      if (of === 'state') {
        for (const snapshot of local.filter((candidate) => candidate.at < at)) {
          this.#leaveAlone(snapshot, 'the archive has a newer one and may have pruned it');
        }
        return;
      }
    }
  }

  #leaveAlone({ at, path }: LocalSnapshot, why: string): void {
    this.#outdated?.add(at);
    this.#context.report({
      type: 'warning',
      code: 'snapshot-outdated',
      message: `${path} is not archived and is left alone: ${why}`,
      hint: 'remove it here when it is not needed any more',
      details: { at },
    });
  }

  /** Of a file the length tells, of a tree too the time of the last change; only a closer look is certain. */
  async #seemsChanged({ at, path, kind }: LocalSnapshot): Promise<boolean> {
    const { store, fileSystem, stop: signal } = this.#context;
    const head = await readSnapshotHead(store, snapshotKey(at), { signal });
    const stat = await fileSystem.stat(path);
    if (head === undefined || stat === undefined) {
      return false;
    }
    if (head.header.of !== 'state') {
      return true;
    }
    const isOtherLength = kind === 'file' && stat.sizeBytes !== head.footer.bytes;
    return isOtherLength || stat.modifiedAtMs > (parseTime(head.header.createdAt) ?? 0);
  }

  #skipDifferent(snapshot: LocalSnapshot): void {
    const there = snapshotKey(snapshot.at);
    const what = `${there} in the archive is of something else, or has other bytes, than ${snapshot.path}`;
    const hint = 'find out which one is right, and give the other another offset';
    this.#skip(snapshot, 'snapshot-differs', what, hint);
  }

  /** One snapshot that cannot be read, here or in the archive, is no reason to leave out anything else. */
  #skipFailed(snapshot: LocalSnapshot, error: unknown): void {
    const isPassing = isRigError(error, 'RIG_INCOMPLETE', 'RIG_LOCAL_IO', 'RIG_OBJECT_NOT_FOUND');
    if (!isPassing && !(isRigError(error) && error.kind === 'data')) {
      throw error;
    }
    const code = isPassing ? 'snapshot-unreadable' : 'snapshot-damaged';
    this.#skip(snapshot, code, error.message, error.hint, isPassing ? TRY_AGAIN_MS : undefined);
  }

  #skip(
    { at }: LocalSnapshot,
    code: string,
    message: string,
    hint: RigError['hint'],
    againInMs?: number,
  ): void {
    if (this.#problems.get(at)?.code !== code) {
      this.#context.report({
        type: 'warning',
        code,
        message: `left out: ${message}`,
        ...(hint === undefined ? {} : { hint }),
        details: { at },
      });
    }
    const againAtMs = againInMs === undefined ? undefined : this.#context.clock.monotonicMs() + againInMs;
    this.#problems.set(at, { code, againAtMs });
  }
}
