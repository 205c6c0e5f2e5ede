import { Writable } from 'node:stream';
import type { SignalName } from '../../src/cli/exit-status.ts';
import type { CommandIo } from '../../src/cli/io.ts';
import { type Exit, runCommand } from '../../src/cli/run-command.ts';
import { nodeFileTree } from '../../src/kernel/file-tree.ts';
import type { Store } from '../../src/store/contract.ts';
import { createMemoryNamespace } from '../../src/store/drivers/memory.ts';
import { openStore } from '../../src/store/registry.ts';
import { MemoryFileSystem } from './memory-filesystem.ts';
import { seededRandom } from './seeded-random.ts';
import { SimulatedClock } from './simulated-clock.ts';

// What commands load when they need it must not be loaded while simulated time passes: that takes real time.
import 'chalk';
import 'ora';
import '../../src/cli/completion/script.ts';
import '../../src/store/layers/observe.ts';
import '../../src/store/layers/retry.ts';
import '../../src/workflows/lifecycle.ts';
import '../../src/workflows/ls.ts';
import '../../src/workflows/prune.ts';
import '../../src/workflows/push.ts';
import '../../src/workflows/restore.ts';
import '../../src/workflows/status.ts';
import '../../src/workflows/verify.ts';

/** An output that keeps what it gets, and can be slow or broken. */
export class CapturedStream extends Writable {
  isTTY = false;
  /** Errors out the next writes. */
  failure: Error | undefined;
  /** The most that ever waited to be read. */
  mostBufferedBytes = 0;
  #chunks: Buffer[] = [];
  #stalled = false;
  #goOn: (() => void) | undefined;

  constructor() {
    super({ emitClose: false, autoDestroy: false });
  }

  /** As a pipe nobody reads from, until {@link resume}. */
  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
    this.#goOn?.();
    this.#goOn = undefined;
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  /** Every line as JSON; throws when one is not. */
  get json(): JsonLine[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.mostBufferedBytes = Math.max(this.mostBufferedBytes, this.writableLength);
    const take = () => {
      if (this.failure === undefined) {
        this.#chunks.push(chunk);
      }
      done(this.failure);
    };
    if (this.#stalled) {
      this.#goOn = take;
    } else {
      setImmediate(take);
    }
  }
}

export interface JsonLine {
  readonly v: number;
  readonly ts: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A machine with a command line: everything in memory, time simulated. */
export class CliWorld {
  readonly clock = new SimulatedClock();
  readonly fileSystem = new MemoryFileSystem(this.clock);
  readonly namespace = createMemoryNamespace();
  readonly environment: Record<string, string | undefined> = { RIGCTL_ARCHIVE: 'memory:' };
  /** Those of the last command {@link run}, and of the next one {@link start}ed. */
  stdout = new CapturedStream();
  stderr = new CapturedStream();
  /** What whoever sits at the terminal will answer; undefined: nobody sits there. */
  answers: string[] | undefined;
  readonly questions: string[] = [];
  /** Layers of the test's own around the store. */
  wrapStore: (store: Store) => Store = (store) => store;
  readonly #random = seededRandom(1);
  readonly #signalListeners = new Set<(signal: SignalName) => void>();
  readonly #faultListeners = new Set<(error: unknown) => void>();

  /** Runs a command to its end. */
  run(...argv: string[]): Promise<Exit> {
    this.renewOutputs();
    return this.clock.runUntil(this.start(...argv));
  }

  renewOutputs(): void {
    this.stdout = new CapturedStream();
    this.stderr = new CapturedStream();
  }

  /** Starts a command on the outputs as they are; time passes only as the test says. */
  start(...argv: string[]): Promise<Exit> {
    return runCommand(argv, this.io());
  }

  signal(name: SignalName): void {
    for (const listener of [...this.#signalListeners]) {
      listener(name);
    }
  }

  fault(error: unknown): void {
    for (const listener of [...this.#faultListeners]) {
      listener(error);
    }
  }

  /** Nobody listens any more. */
  get quiet(): boolean {
    return this.#signalListeners.size + this.#faultListeners.size === 0;
  }

  io(): CommandIo {
    return {
      stdout: this.stdout,
      stderr: this.stderr,
      environment: this.environment,
      clock: this.clock,
      random: this.#random,
      fileSystem: this.fileSystem,
      fileTree: nodeFileTree,
      openUnpacker: undefined,
      host: 'web1',
      pid: 4711,
      openStore: async (url, environment) =>
        this.wrapStore(await openStore(url, { ...environment, memory: this.namespace })),
      ask: async (question) => {
        this.questions.push(question);
        return this.answers && (this.answers.shift() ?? '');
      },
      onSignal: (listener) => subscribe(this.#signalListeners, listener),
      onFault: (listener) => subscribe(this.#faultListeners, listener),
    };
  }
}

function subscribe<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const JOURNAL = '/app.log';

/** A world whose journal of `lines` lines is archived. */
export async function worldWithArchive(lines = 100): Promise<CliWorld> {
  const world = new CliWorld();
  world.fileSystem.append(JOURNAL, journalLines(lines));
  const { exitCode } = await world.run('push', JOURNAL, '--format', 'lines');
  if (exitCode !== 0) {
    throw new Error(world.stderr.text);
  }
  world.renewOutputs();
  return world;
}

export function journalLines(count: number): string {
  return Array.from({ length: count }, (_, index) => `{"event":${index}}\n`).join('');
}
