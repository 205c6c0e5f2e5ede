import type { ListedSnapshot } from '../archive/catalog.ts';
import { snapshotKey } from '../archive/layout.ts';
import { readSnapshotHead } from '../archive/snapshot-object.ts';
import { SnapshotShelf } from '../archive/snapshot-shelf.ts';
import { type LocalSnapshot, listSnapshots, type SnapshotNames } from '../journal/snapshots/directory.ts';
import { parseTime } from '../kernel/clock.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import type { MadeSnapshot } from './make-snapshot.ts';

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
  /** What this run knows to be archived with the same content. */
  readonly #archived = new Set<Offset>();
  readonly #problems = new Map<Offset, Problem>();
  readonly #ignored = new Set<string>();
  /** What was here at first, is not in the archive, and is older than what is: a prune may have removed it there. */
  #outdated: Set<Offset> | undefined;

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

  /**
   * To be called once when the archive's snapshots are known. What is archived already is taken for the same, unless
   * its size or its age say that it was changed since.
   */
  async compareWith(archive: string, archived: readonly ListedSnapshot[]): Promise<void> {
    const there = new Set(archived.map(({ at }) => at));
    const local = await this.#list();
    if (this.#outdated === undefined) {
      this.#outdated = new Set();
      await this.#findOutdated(
        archive,
        archived,
        local.filter(({ at }) => !there.has(at)),
      );
    }
    for (const snapshot of local) {
      if (there.has(snapshot.at) && !(await this.#seemsChanged(snapshot))) {
        this.#archived.add(snapshot.at);
      }
    }
  }

  /** What can be put when all below `reach` is durable, ascending. */
  async due(reach: Offset): Promise<readonly LocalSnapshot[]> {
    const nowMs = this.#context.clock.monotonicMs();
    return (await this.#list()).filter(({ at }) => {
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
    const { at, path } = snapshot;
    try {
      const { how } = await put();
      if (how === 'stored' || how === 'present') {
        this.#archived.add(at);
        this.#problems.delete(at);
      } else if (how === 'different') {
        const what = `${snapshotKey(at)} in the archive has other bytes than ${path}; it was not overwritten`;
        this.#skip(
          snapshot,
          'snapshot-differs',
          what,
          'find out which one is right, and give the other another offset',
        );
      } else {
        this.#leaveAlone(snapshot);
      }
    } catch (error) {
      if (!isRigError(error, 'RIG_INCOMPLETE')) {
        throw error;
      }
      this.#skip(snapshot, 'snapshot-incomplete', error.message, error.hint, TRY_AGAIN_MS);
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

  /** Removes here what is archived, but the newest ones. */
  async prune(): Promise<void> {
    const { pruneLocal } = this.#options;
    if (pruneLocal === undefined) {
      return;
    }
    const { fileSystem, report } = this.#context;
    const expendable = (await this.#list()).slice(0, -pruneLocal);
    for (const { at, path, kind } of expendable.filter((snapshot) => this.#archived.has(snapshot.at))) {
      await fileSystem.remove(path, { recursive: kind === 'directory' });
      report({
        type: 'note',
        code: 'snapshot-pruned-here',
        message: `removed ${path}: it is archived`,
        details: { at },
      });
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
          this.#leaveAlone(snapshot);
        }
        return;
      }
    }
  }

  #leaveAlone({ at, path }: LocalSnapshot): void {
    this.#outdated?.add(at);
    this.#context.report({
      type: 'warning',
      code: 'snapshot-outdated',
      message: `${path} is left alone: it is not in the archive, which has a newer one and may have pruned it`,
      hint: 'remove it here when it is not needed any more',
      details: { at },
    });
  }

  /** Of a file the length tells, of both the time of the last change; only a closer look is certain. */
  async #seemsChanged({ at, path, kind }: LocalSnapshot): Promise<boolean> {
    const { store, fileSystem, stop: signal } = this.#context;
    const head = await readSnapshotHead(store, snapshotKey(at), { signal });
    const stat = await fileSystem.stat(path);
    if (head === undefined || stat === undefined) {
      return false;
    }
    const isOtherLength = kind === 'file' && stat.sizeBytes !== head.footer.bytes;
    return isOtherLength || stat.modifiedAtMs > (parseTime(head.header.createdAt) ?? 0);
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
