import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { assert } from '../../src/kernel/assert.ts';
import { KIB } from '../../src/kernel/size.ts';

/** The program as users run it; `npm run build` comes first. */
export const PROGRAM = fileURLToPath(new URL('../../bin/rigctl.js', import.meta.url));

/**
 * Tells the parent, on file descriptor 3, how much memory the process had at its peak. Not `maxRSS`: that one also
 * counts the memory of the test runner, which the process shared until it became rigctl.
 */
const PEAK_MEMORY_HOOK = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync, writeSync } from 'node:fs';
  process.on('exit', () => writeSync(3, readFileSync('/proc/self/status')));
`)}`;

/** One line of `--json`. */
export interface JsonLine {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface RigctlOptions {
  /** Added to the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gets what comes out of `--to -`; the JSON lines come from stderr then. */
  readonly onData?: (chunk: Uint8Array) => void;
  /** Measure {@link Ended.peakBytes}. */
  readonly peakMemory?: boolean;
  /** The directory it runs in; that of the tests without. */
  readonly cwd?: string;
  /** What Node runs with the arguments; {@link PROGRAM} without. */
  readonly program?: readonly string[];
}

export interface Ended {
  /** Null when a signal killed it. */
  readonly exitCode: number | null;
  readonly lines: readonly JsonLine[];
  /** The last line. */
  readonly result: JsonLine;
  /** Resident memory at its peak; only when it was asked for. */
  readonly peakBytes: number | undefined;
}

/** A run of the built program with `--json`. Leaving its scope (`await using`) kills it if it still runs. */
export class RigctlProcess {
  readonly lines: JsonLine[] = [];
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #waiters = new Set<() => void>();

  constructor(args: readonly string[], options: RigctlOptions = {}) {
    const { env = {}, onData, peakMemory = false, cwd, program = [PROGRAM] } = options;
    const hook = peakMemory ? ['--import', PEAK_MEMORY_HOOK] : [];
    this.#child = spawn(process.execPath, [...hook, ...program, ...args, '--json'], {
      env: { ...process.env, ...env },
      cwd,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = this.#child;
    assert(stdout !== null && stderr !== null, 'both are pipes');
    const [report, other] = onData === undefined ? [stdout, stderr] : [stderr, stdout];
    createInterface({ input: report }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as JsonLine);
      this.#wakeAll();
    });
    const stray = onData === undefined ? textOf(other) : () => '';
    if (onData !== undefined) {
      other.on('data', onData);
    }
    this.ended = this.#end(args, stray);
    this.ended.then(this.#wakeAll, this.#wakeAll);
  }

  get pid(): number {
    assert(this.#child.pid !== undefined, 'it runs');
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The first line, earlier or later, that is wanted. Rejects when the process ends without it. */
  async waitFor(isWanted: (line: JsonLine) => boolean): Promise<JsonLine> {
    for (let next = 0; ; next += 1) {
      while (next === this.lines.length && !this.hasEnded) {
        await this.#change();
      }
      const line = this.lines[next] ?? (await this.ended).lines[next];
      if (line === undefined) {
        throw new Error(`rigctl ended without the line that was waited for: ${JSON.stringify(this.lines)}`);
      }
      if (isWanted(line)) {
        return line;
      }
    }
  }

  /** Sends a signal and waits for the end. */
  end(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<Ended> {
    this.#child.kill(signal);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) {
      await this.end('SIGKILL').catch(() => undefined);
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.add(resolve));
  }

  #wakeAll = (): void => {
    for (const wake of this.#waiters) {
      wake();
    }
    this.#waiters.clear();
  };

  async #end(args: readonly string[], stray: () => string): Promise<Ended> {
    const status = textOf(this.#child.stdio[3]);
    const [exitCode, signal] = (await once(this.#child, 'close')) as [number | null, string | null];
    const result = this.lines.at(-1);
    if (signal === null && (result?.type !== 'result' || stray() !== '')) {
      throw new Error(`rigctl ${args.join(' ')}: exit ${exitCode}, no result, or more than it: ${stray()}`);
    }
    const peakKib = /^VmHWM:\s+(\d+) kB$/m.exec(status())?.[1];
    const peakBytes = peakKib === undefined ? undefined : Number(peakKib) * KIB;
    return { exitCode, lines: this.lines, result: result ?? { type: 'none' }, peakBytes };
  }
}

/** Runs the program to its end. */
export function rigctl(args: readonly string[], options?: RigctlOptions): Promise<Ended> {
  return new RigctlProcess(args, options).ended;
}

/** For {@link RigctlProcess.waitFor}: the journal is durable up to `offset` or beyond. */
export function durableAt(offset: number): (line: JsonLine) => boolean {
  return ({ type, durable }) => type === 'durable' && Number(durable) >= offset;
}

/** Collects what comes out of a pipe. */
function textOf(pipe: ChildProcess['stdio'][number]): () => string {
  let text = '';
  pipe?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text;
}
