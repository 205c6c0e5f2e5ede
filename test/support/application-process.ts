import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { assert } from '../../src/kernel/assert.ts';

const SCRIPT = fileURLToPath(new URL('./application.ts', import.meta.url));

/** A running `application.ts`. Leaving its scope kills it. */
export class ApplicationProcess {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #lines: Interface;
  #written = 0;

  constructor(journal: string, seed: number, sync: boolean) {
    const args = [SCRIPT, journal, String(seed), sync ? 'sync' : 'nosync'];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    assert(this.#child.stdout !== null, 'stdout is a pipe');
    this.#closed = once(this.#child, 'close');
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#lines.on('line', (line) => {
      this.#written = Number(line);
    });
  }

  /** The end of the last record that it said it has written; 0 before the first. */
  get written(): number {
    return this.#written;
  }

  /** Resolves when it has written up to `offset`. */
  async writes(offset: number): Promise<void> {
    while (this.#written < offset) {
      assert(this.#child.exitCode === null && this.#child.signalCode === null, 'the application runs');
      await Promise.race([once(this.#lines, 'line'), this.#closed]);
    }
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
}
