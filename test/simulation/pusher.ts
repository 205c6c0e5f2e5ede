import type { Compression } from '../../src/archive/compression.ts';
import { isRigError, RigError } from '../../src/kernel/errors.ts';
import { nodeFileTree } from '../../src/kernel/file-tree.ts';
import type { Report } from '../../src/kernel/report.ts';
import { retry } from '../../src/store/layers/retry.ts';
import { type PushResult, push, type SnapshotOptions } from '../../src/workflows/push.ts';
import { decodeBatch } from './archive-oracle.ts';
import type { Dice } from './dice.ts';
import {
  isWarningJustified,
  judgeDone,
  judgeFailed,
  judgeOnePut,
  judgePut,
  judgeRequests,
  judgeSnapshotPut,
  type PushRun,
} from './judge.ts';
import { JOURNAL, type Machine, SNAPSHOTS } from './machine.ts';
import { Process } from './process.ts';
import { filesOf } from './process-files.ts';
import { ProcessStore, type StoreCall } from './process-store.ts';
import type { Scene } from './scene.ts';

/** As the command line has it. */
const ONE_SHOT_DEADLINE_MS = 60_000;
/** What a writer found that must look at the archive anew. */
const MOVED = /appeared beyond the durable offset|was listed and is gone/;

export interface PusherSettings {
  readonly follow: boolean;
  readonly batchBytes: number | undefined;
  readonly intervalMs: number;
  readonly compression: Compression;
  readonly fileFailureRate: number;
  readonly pushesSnapshots: boolean;
  /** Of the application's snapshots, how many stay on the machine; undefined: all. */
  readonly pruneLocal: number | undefined;
  readonly journalSnapshot: boolean;
  /** After each snapshot it removes what has been superseded. */
  readonly expires: boolean;
  readonly fullRatio: number;
}

export function drawSettings(dice: Dice, hasSnapshots: boolean): PusherSettings {
  return {
    follow: dice.chance(0.65),
    batchBytes: dice.chance(0.2) ? undefined : Math.floor(dice.scaled(300, 8_000)),
    intervalMs: dice.chance(0.3) ? 0 : dice.scaled(20, 3_000),
    compression: dice.chance(0.8) ? { name: 'zstd', level: 1 } : { name: 'gzip', level: 1 },
    fileFailureRate: dice.chance(0.05) ? 0.005 : 0,
    pushesSnapshots: hasSnapshots && dice.chance(0.85),
    pruneLocal: dice.chance(0.7) ? undefined : dice.whole(1, 3),
    journalSnapshot: hasSnapshots && dice.chance(0.4),
    expires: dice.chance(0.2),
    fullRatio: dice.pick([0, 0.5, 0.5, 4]),
  };
}

/** One run of `push`: what it did and said is checked while it runs. */
export class Pusher implements PushRun {
  readonly process: Process;
  readonly store: ProcessStore;
  readonly settings: PusherSettings;
  /** How long the journal was when it was started. */
  readonly goal: number;
  durable: number | undefined;
  result: PushResult | undefined;
  stopAsked = false;
  /** The codes of its warnings. */
  readonly warned = new Set<string>();
  readonly #scene: Scene;
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  #onPut: ((call: StoreCall) => void) | undefined;

  constructor(scene: Scene, machine: Machine, settings: PusherSettings, pid: number) {
    this.#scene = scene;
    this.settings = settings;
    this.goal = machine.journalBytes;
    this.process = new Process(scene.universe, machine, settings.follow ? 'follow' : 'once', pid);
    this.store = new ProcessStore(this.process, scene.place, scene.forecast, (call) => this.#judgeCall(call));
    this.process.note(`starts with ${JSON.stringify(settings)}`);
    void this.#run();
  }

  get isRunning(): boolean {
    return this.process.isAlive;
  }

  get calls(): readonly StoreCall[] {
    return this.store.calls;
  }

  get follow(): boolean {
    return this.settings.follow;
  }

  /** The next batch, when it begins to be sent. */
  nextPut(): Promise<StoreCall> {
    return new Promise((resolve) => {
      this.#onPut = resolve;
    });
  }

  /** The first signal, then the second. */
  stop(): void {
    const signal = this.stopAsked ? this.#abort : this.#stop;
    this.stopAsked = true;
    this.process.deliver(() => signal.abort(new RigError('RIG_INTERRUPTED', 'stopped')));
  }

  async #run(): Promise<void> {
    const { process, settings } = this;
    const { clock, machine } = process;
    const deadlineMs = settings.follow ? undefined : ONE_SHOT_DEADLINE_MS;
    const { random } = process.universe.fork();
    const report = (value: Report) => this.#judgeReport(value);
    try {
      const result = await push(
        {
          store: retry(this.store, { clock, random, deadlineMs, onRetry: report }),
          clock,
          random,
          fileSystem: filesOf(process, settings.fileFailureRate),
          fileTree: nodeFileTree,
          report,
          stop: this.#stop.signal,
          abort: this.#abort.signal,
        },
        {
          ...settings,
          journal: JOURNAL,
          format: this.#scene.format,
          host: machine.host,
          pid: process.pid,
          deadlineMs: ONE_SHOT_DEADLINE_MS,
          unsafeNoFencing: false,
          snapshots: this.#snapshots(),
        },
      );
      this.result = result;
      this.process.end();
      this.process.note(`ends ${JSON.stringify(result)}`);
      judgeDone(this.#scene, this, result);
    } catch (error) {
      this.process.end();
      this.process.note(`fails: ${isRigError(error) ? `${error.code} ${error.message}` : String(error)}`);
      judgeFailed(this.#scene, this, error);
    }
    judgeRequests(this.#scene, this);
  }

  #snapshots(): SnapshotOptions | undefined {
    const { pushesSnapshots, pruneLocal, expires } = this.settings;
    const { policy } = this.#scene.place;
    const expire = expires ? ({ action: 'delete', policy } as const) : undefined;
    return pushesSnapshots ? { directory: SNAPSHOTS, names: undefined, pruneLocal, expire } : undefined;
  }

  #judgeReport(value: Report): void {
    const { universe, machine } = this.process;
    if (value.type === 'note') {
      universe.count(`note: ${value.code}${MOVED.test(value.message) ? ', the archive moved' : ''}`);
    } else if (value.type === 'warning') {
      universe.count(`warning: ${value.code}`);
      this.warned.add(value.code);
      if (!isWarningJustified(this.#scene, this, value)) {
        universe.violate(`${this.process.name} warns: ${value.message}`);
      }
    } else if (value.type === 'durable') {
      this.process.note(`durable ${value.durable}`);
      this.#countMove(value.durable);
      this.durable = value.durable;
      const { oracle } = this.#scene.place;
      if (value.durable > machine.journalBytes || !oracle.holds(machine.history, value.durable)) {
        universe.violate(
          `${this.process.name} reports ${value.durable} durable; the archive ends at ${oracle.end} ` +
            `and has ${oracle.commonEnd(machine.history, machine.journalBytes)} bytes of its journal`,
        );
      }
    }
  }

  #countMove(durable: number): void {
    if (this.durable !== undefined && durable > this.durable) {
      const { universe, pid } = this.process;
      const put = this.calls.findLast(({ name, key }) => name === 'put' && key.startsWith('LOG/'));
      const epoch = this.#scene.place.oracle.epochOfBatchTo(durable);
      const isOwn = this.#scene.claims.some((claim) => claim.pid === pid && claim.epoch === epoch);
      const adopted = isOwn ? 'append: adopted its own' : "append: adopted another one's";
      universe.count(put?.answer?.what === 'ok' ? 'append: stored' : adopted);
      if (put?.answer?.what === 'RIG_OBJECT_EXISTS' && this.process.staleListings > 0) {
        universe.count('stale listing: the batch was there already');
      }
    }
  }

  #judgeCall(call: StoreCall): void {
    if (call.name === 'put' && call.bytes !== undefined && call.key.startsWith('LOG/')) {
      const { machine } = this.process;
      machine.sentEnd = Math.max(machine.sentEnd, decodeBatch(call.bytes).end);
      judgeOnePut(this);
      judgePut(this.#scene, this, call);
      this.#onPut?.(call);
    } else if (call.name === 'put' && call.key.startsWith('SNAPSHOT/')) {
      judgeSnapshotPut(this, call);
    }
  }
}
