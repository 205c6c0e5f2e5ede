import { isRigError, RigError } from '../../src/kernel/errors.ts';
import { nodeFileTree } from '../../src/kernel/file-tree.ts';
import type { Reporter } from '../../src/kernel/report.ts';
import { retry } from '../../src/store/layers/retry.ts';
import type { Context } from '../../src/workflows/context.ts';
import { type RecoveryPoint, restore } from '../../src/workflows/restore.ts';
import { type VerifyLevel, verify } from '../../src/workflows/verify.ts';
import type { Dice } from './dice.ts';
import type { Machine } from './machine.ts';
import { Process } from './process.ts';
import { filesOf } from './process-files.ts';
import { ProcessStore } from './process-store.ts';
import { type Restored, RestoredFiles } from './restored-files.ts';
import type { Scene } from './scene.ts';

const DEADLINE_MS = 60_000;
/** What verify may say of a healthy archive that somebody is at work on. */
const EXPECTED_WARNINGS: readonly string[] = ['latest-stale', 'range-unrestorable'];

/** Something that a user may ask for. */
export function anyPoint({ universe, place }: Scene, dice: Dice): RecoveryPoint {
  switch (dice.pick(['latest', 'offset', 'time'])) {
    case 'latest':
      return { kind: 'latest' };
    case 'offset':
      return { kind: 'offset', offset: dice.whole(0, place.oracle.end) };
    default:
      return { kind: 'time', atMs: Math.floor(universe.wallMs - dice.scaled(1, 100_000)) };
  }
}

/** What a command that is no push gets from outside. */
export function contextOf(scene: Scene, process: Process, report: Reporter): Context {
  const { clock } = process;
  const { random } = scene.universe.fork();
  const store = new ProcessStore(process, scene.place, scene.forecast, () => {});
  const never = new AbortController().signal;
  return {
    store: retry(store, { clock, random, deadlineMs: DEADLINE_MS, onRetry: () => {} }),
    clock,
    random,
    fileSystem: filesOf(process, 0),
    fileTree: nodeFileTree,
    report,
    stop: never,
    abort: never,
  };
}

/** A restore or a verify, judged when it ends. */
export class Reader {
  readonly process: Process;
  readonly #scene: Scene;
  readonly #context: Context;
  /** What was archived when it was started can be had from then on. */
  readonly #endAtStart: number;
  readonly #archiveExisted: boolean;
  readonly #removedAtStart: number;
  /** What it is restoring now. */
  #files: RestoredFiles | undefined;
  #wanted: RecoveryPoint = { kind: 'latest' };
  /** Tells whether what it has restored is there. */
  #restored: (() => Promise<boolean>) | undefined;

  constructor(scene: Scene, machine: Machine, kind: string, pid: number) {
    this.#scene = scene;
    this.#endAtStart = scene.place.oracle.end;
    this.#archiveExisted = scene.claims.length > 0;
    this.#removedAtStart = scene.place.removed.size;
    this.process = new Process(scene.universe, machine, kind, pid);
    this.#context = contextOf(scene, this.process, (value) => {
      if (value.type === 'warning') {
        scene.universe.count(`read warns: ${value.code}`);
        this.#files?.setAside(`${value.details?.['path']}`, value.details?.['aside']);
      }
    });
  }

  /** Restores to a stream: exactly the archive's first bytes, or an error that is true. */
  async restore(at: RecoveryPoint): Promise<void> {
    const { universe, name } = this.process;
    const chunks: Uint8Array[] = [];
    const write = async (bytes: Uint8Array) => void chunks.push(bytes);
    const options = { at, nearest: 'before', dryRun: false, force: false } as const;
    const wasKept = this.#kept('journal', at);
    this.process.note(`restores ${JSON.stringify(at)}`);
    try {
      const { offset, base } = await restore(this.#context, {
        ...options,
        target: { kind: 'stream', write },
      });
      universe.count(`restore: the journal, ${base === null ? 'from batches alone' : 'with a base'}`);
      const { oracle } = this.#scene.place;
      universe.count(`restored at ${at.kind}`);
      this.#countStale();
      if (!Buffer.concat(chunks).equals(oracle.content.bytes(0, offset)) || offset > oracle.end) {
        universe.violate(`${name} restores something else than the first ${offset} bytes`);
      }
      const least =
        at.kind === 'latest' ? this.#endAtStart : at.kind === 'offset' ? this.#exact(at.offset) : 0;
      if (offset < least || (at.kind === 'offset' && offset > at.offset)) {
        universe.violate(`${name} restores ${offset} bytes where it was asked for ${JSON.stringify(at)}`);
      }
    } catch (error) {
      const covered = at.kind === 'latest' || (at.kind === 'offset' && at.offset <= this.#endAtStart);
      this.#judgeError(error, this.#refusals(covered && wasKept && this.#kept('journal', at)));
    }
    this.process.end();
  }

  /**
   * Restores to files: a journal, or a state and the journal after it. They are whole, or as they were; when the disk
   * is full, another try succeeds once there is space.
   */
  async restoreToFiles(what: Restored, at: RecoveryPoint, isThere: boolean): Promise<void> {
    const { universe, machine, pid } = this.process;
    this.#files = new RestoredFiles(this.#scene, machine, `/restored-${pid}`, what, isThere);
    this.#wanted = at;
    this.process.note(`restores to files: the ${what} at ${JSON.stringify(at)}`);
    await this.#files.prepare();
    const isFull = await this.#restoreTo(this.#files, at, isThere);
    machine.freeDisk();
    if (isFull && !(await this.#restoreTo(this.#files, at, true))) {
      universe.count('restore: tried again with space on the disk');
    }
    this.process.end();
  }

  /** It was killed, or has ended, and perhaps its machine lost its power since: what is left of its files? */
  async judgeWhatIsLeft(): Promise<void> {
    if (this.#restored === undefined) {
      await this.#judgeFiles('killed');
    } else if (!(await this.#restored())) {
      this.process.universe.violate(`${this.process.name} had restored something, and it is gone`);
    }
  }

  /** True: the disk was full. */
  async #restoreTo(files: RestoredFiles, at: RecoveryPoint, force: boolean): Promise<boolean> {
    const { universe, name, fullDisks } = this.process;
    const { path, what } = files;
    const options = { at, what, nearest: 'before', dryRun: false, force } as const;
    const wasKept = this.#kept(what, at);
    try {
      const { offset, base } = await restore(this.#context, { ...options, target: { kind: 'file', path } });
      universe.count(`restore to files: the ${what}`);
      this.#countStale();
      const { end } = this.#scene.place.oracle;
      const isWanted = offset <= end && this.#isWanted(what, at, offset);
      this.#restored = () => files.holds(base, offset);
      if (!isWanted || !(await this.#restored())) {
        universe.violate(`${name} restores something else than the ${what} at ${offset}, from ${base}`);
      }
      return false;
    } catch (error) {
      await this.#judgeFiles('failed');
      if (this.process.fullDisks > fullDisks && isDiskFull(error)) {
        universe.count(`restore: the disk is full`);
        return true;
      }
      this.#judgeError(error, this.#refusals(wasKept && this.#kept(what, at)));
      return false;
    }
  }

  async #judgeFiles(isOver: 'failed' | 'killed'): Promise<void> {
    const files = this.#files;
    const isWanted = (offset: number) =>
      files !== undefined && this.#isWanted(files.what, this.#wanted, offset);
    const flaw = await files?.flaw(isOver, isWanted);
    if (flaw !== undefined) {
      this.process.universe.violate(`${this.process.name} ${isOver}, and ${flaw}`);
    }
  }

  /** Is it what was asked for? Within a record its beginning is, and a state in it; what is gone is not. */
  #isWanted(what: Restored, at: RecoveryPoint, offset: number): boolean {
    return (
      at.kind !== 'offset' ||
      (offset <= at.offset && (offset >= this.#exact(at.offset) || !this.#kept(what, at)))
    );
  }

  /** Is it there still, as far as the one who asks can know? */
  #kept(what: 'state' | 'journal', at: RecoveryPoint): boolean {
    const { oracle, retention } = this.#scene.place;
    const offset = at.kind === 'offset' ? at.offset : oracle.end;
    // Inside a record the one before it is left out, and perhaps the snapshot in it.
    const offsets = [offset, this.#exact(offset)];
    return at.kind !== 'time' && offsets.every((point) => retention.canRestore(what, point));
  }

  /** While prunes run, what is listed may be gone a moment later; and what is not listed yet may be all there is. */
  #refusals(isKept: boolean): readonly string[] {
    return [
      ...(isKept ? [] : ['RIG_OFFSET_NOT_COVERED']),
      ...(this.#isOutdated ? ['RIG_OBJECT_NOT_FOUND', 'RIG_OFFSET_NOT_COVERED', 'RIG_CHAIN_GAP'] : []),
    ];
  }

  /** Was something of the archive not as it was listed, because a prune went by or the listing was stale? */
  get #isOutdated(): boolean {
    return this.process.staleListings > 0 || this.#scene.place.removed.size > this.#removedAtStart;
  }

  async verify(level: VerifyLevel): Promise<void> {
    const { universe, name, corruptions } = this.process;
    this.process.note(`verifies, level ${level}`);
    try {
      const result = await verify(this.#context, { level, against: undefined });
      universe.count(`verified ${level}`);
      const expected =
        this.process.staleListings > 0 ? [...EXPECTED_WARNINGS, 'unknown-writer'] : EXPECTED_WARNINGS;
      const { strayEver } = this.#scene.place.oracle;
      const isStray = ({ code, object }: { readonly code: string; readonly object: string | null }) =>
        code === 'stray-batch' && strayEver.has(object ?? '');
      const warnings = result.warnings.filter((one) => !expected.includes(one.code) && !isStray(one));
      const found = [...result.findings, ...warnings];
      if (found.length > 0 && this.process.corruptions === corruptions) {
        universe.violate(`${name} finds ${JSON.stringify(found)}`);
      }
      if (found.length === 0 && (result.recoverable.at(-1)?.to ?? 0) < this.#endAtStart) {
        universe.violate(`${name} finds only ${JSON.stringify(result.recoverable)} recoverable`);
      }
    } catch (error) {
      // Only the replay restores, to the end: what it needs is kept, but may be replaced while it is read.
      const isReplaced = level === 'replay' && this.#isOutdated;
      this.#judgeError(error, isReplaced ? ['RIG_OBJECT_NOT_FOUND', 'RIG_OFFSET_NOT_COVERED'] : []);
    }
    this.process.end();
  }

  #countStale(): void {
    if (this.process.staleListings > 0) {
      this.process.universe.count('stale listing: restored all the same');
    }
  }

  #judgeError(error: unknown, expected: readonly string[]): void {
    const { universe, name, faults, corruptions } = this.process;
    if (!isRigError(error)) {
      universe.violate(`${name} fails with ${error instanceof Error ? error.stack : String(error)}`);
      return;
    }
    universe.count(`read failed: ${error.code}`);
    const allowed = [
      ...expected,
      ...(this.#archiveExisted ? [] : ['RIG_ARCHIVE_NOT_FOUND']),
      ...(faults > 0 ? ['RIG_STORE_UNAVAILABLE'] : []),
      ...(corruptions > 0 ? ['RIG_CHECKSUM_MISMATCH'] : []),
    ];
    if (!(error instanceof RigError) || !allowed.includes(error.code)) {
      universe.violate(`${name} fails without cause: ${error.code} ${error.message}`);
    }
  }

  /** In format `lines` the record end before it is given. */
  #exact(offset: number): number {
    const { format, place } = this.#scene;
    return format === 'bytes' ? offset : place.oracle.content.bytes(0, offset).lastIndexOf(0x0a) + 1;
  }
}

/** Does it say so, and what to do? */
function isDiskFull(error: unknown): boolean {
  return (
    isRigError(error, 'RIG_LOCAL_IO') &&
    error.details['errno'] === 'ENOSPC' &&
    error.hint?.startsWith('free space') === true
  );
}
