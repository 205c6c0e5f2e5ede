import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { assert } from '../../../src/kernel/assert.ts';

const SCRIPT = fileURLToPath(new URL('./application.ts', import.meta.url));

export interface ApplicationOptions {
  readonly journal: string;
  /** Of what it writes. */
  readonly seed: number;
  /** Does it sync each record? */
  readonly sync: boolean;
  /** The snapshots that it takes, and where it puts them. */
  readonly snapshots: { readonly kind: 'file' | 'tree'; readonly directory: string } | undefined;
}

/** A running `application.ts`. Leaving its scope kills it. */
export class ApplicationProcess {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #lines: Interface;
  readonly #said = { full: 0, snapshot: 0 };
  #written = 0;
  /** Where it took the last snapshot that it was asked for. */
  #askedAt = 0;

  constructor({ journal, seed, sync, snapshots }: ApplicationOptions) {
    const takes = snapshots === undefined ? [] : [snapshots.kind, snapshots.directory];
    const args = [SCRIPT, journal, String(seed), sync ? 'sync' : 'nosync', ...takes];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    assert(this.#child.stdout !== null, 'stdout is a pipe');
    this.#closed = once(this.#child, 'close');
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#lines.on('line', (line) => {
      if (line === 'full' || line === 'snapshot') {
        this.#said[line] += 1;
      } else if (line.includes(' ')) {
        this.#askedAt = Number(line.split(' ')[1]);
      } else {
        this.#written = Number(line);
      }
    });
  }

  /** The end of the last record that it said it has written; 0 before the first. */
  get written(): number {
    return this.#written;
  }

  /** Resolves when it has written up to `offset`. */
  writes(offset: number): Promise<void> {
    return this.#until(() => this.#written >= offset);
  }

  /** Resolves when it says, from now on, that there is no room, or that it has taken a snapshot. */
  says(what: 'full' | 'snapshot'): Promise<void> {
    const before = this.#said[what];
    return this.#until(() => this.#said[what] > before);
  }

  /** Makes it take a snapshot, and returns where. */
  async takeSnapshot(size: 'small' | 'large'): Promise<number> {
    const before = this.#askedAt;
    this.#child.stdin?.write(size);
    await this.#until(() => this.#askedAt > before);
    return this.#askedAt;
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name);
  }

  /** Kills it, and waits until all that it said has been heard. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      assert(this.#child.exitCode === null && this.#child.signalCode === null, 'the application runs');
      await Promise.race([once(this.#lines, 'line'), this.#closed]);
    }
  }
}
