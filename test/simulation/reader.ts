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
import type { Scene } from './scene.ts';
import { stateAt } from './snapshot-oracle.ts';

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

  constructor(scene: Scene, machine: Machine, kind: string, pid: number) {
    this.#scene = scene;
    this.#endAtStart = scene.place.oracle.end;
    this.#archiveExisted = scene.claims.length > 0;
    this.#removedAtStart = scene.place.removed.size;
    this.process = new Process(scene.universe, machine, kind, pid);
    this.#context = contextOf(scene, this.process, (value) => {
      if (value.type === 'warning') {
        scene.universe.count(`read warns: ${value.code}`);
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

  /** Restores a state and the journal after it to two files. */
  async restoreState(at: RecoveryPoint): Promise<void> {
    const { universe, name, machine, pid } = this.process;
    const path = `/restored-${pid}`;
    const options = { at, what: 'state', nearest: 'before', dryRun: false, force: false } as const;
    const wasKept = this.#kept('state', at);
    this.process.note(`restores the state at ${JSON.stringify(at)}`);
    try {
      const { offset, base } = await restore(this.#context, { ...options, target: { kind: 'file', path } });
      const { content, end } = this.#scene.place.oracle;
      universe.count('restore: a state');
      const [state, journal] = [path, `${path}.journal`].map((file) => machine.fileSystem.contentOf(file));
      const isExact =
        base !== null &&
        state?.equals(stateAt(content, base)) === true &&
        journal?.equals(content.bytes(base, offset)) === true;
      if (!isExact || offset > end || (at.kind === 'offset' && offset > at.offset)) {
        universe.violate(
          `${name} restores something else than the state at ${base} and what leads to ${offset}`,
        );
      }
    } catch (error) {
      this.#judgeError(error, this.#refusals(wasKept && this.#kept('state', at)));
    }
    this.process.end();
  }

  /** Is it there still, as far as the one who asks can know? */
  #kept(what: 'state' | 'journal', at: RecoveryPoint): boolean {
    const { oracle, retention } = this.#scene.place;
    const offset = at.kind === 'offset' ? at.offset : oracle.end;
    // Inside a record the one before it is left out, and perhaps the snapshot in it.
    const offsets = [offset, this.#exact(offset)];
    return at.kind !== 'time' && offsets.every((point) => retention.canRestore(what, point));
  }

  /** While prunes run, what is listed may be gone a moment later. */
  #refusals(isKept: boolean): readonly string[] {
    const pruned = this.#scene.place.removed.size > this.#removedAtStart;
    return [
      ...(isKept ? [] : ['RIG_OFFSET_NOT_COVERED']),
      ...(pruned ? ['RIG_OBJECT_NOT_FOUND', 'RIG_OFFSET_NOT_COVERED', 'RIG_CHAIN_GAP'] : []),
    ];
  }

  async verify(level: VerifyLevel): Promise<void> {
    const { universe, name, corruptions } = this.process;
    this.process.note(`verifies, level ${level}`);
    try {
      const result = await verify(this.#context, { level, against: undefined });
      universe.count(`verified ${level}`);
      const warnings = result.warnings.filter(({ code }) => !EXPECTED_WARNINGS.includes(code));
      const found = [...result.findings, ...warnings];
      if (found.length > 0 && this.process.corruptions === corruptions) {
        universe.violate(`${name} finds ${JSON.stringify(found)}`);
      }
      if (found.length === 0 && (result.recoverable.at(-1)?.to ?? 0) < this.#endAtStart) {
        universe.violate(`${name} finds only ${JSON.stringify(result.recoverable)} recoverable`);
      }
    } catch (error) {
      this.#judgeError(error, this.#refusals(true));
    }
    this.process.end();
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
