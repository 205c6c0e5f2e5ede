import type { SignalName } from '../../src/cli/exit-status.ts';
import { processIo } from '../../src/cli/io.ts';
import { runCommand } from '../../src/cli/run-command.ts';
import { assert } from '../../src/kernel/assert.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openStore } from '../../src/store/registry.ts';
import { agedStore } from './aged-store.ts';
import { CapturedStream, type JsonLine } from './cli-world.ts';

export interface EndedCommand {
  readonly exitCode: number;
  readonly lines: readonly JsonLine[];
  /** The last line. */
  readonly result: JsonLine | undefined;
}

/**
 * A run of the command line with `--json` in this process, on the real machine, whose store says of every object that
 * it is older than it is. So days pass for the command in no time; nothing else is bent.
 */
export class AgedCommand {
  readonly ended: Promise<EndedCommand>;
  readonly #stdout = new CapturedStream();
  #hasEnded = false;
  readonly #signalListeners = new Set<(signal: SignalName) => void>();

  constructor(args: readonly string[], ageMs: number) {
    this.ended = this.#run(args, ageMs);
  }

  /** So far. */
  get lines(): readonly JsonLine[] {
    return this.#stdout.json;
  }

  /** The first line, earlier or later, that is wanted. Rejects when the command ends without it. */
  async waitFor(isWanted: (line: JsonLine) => boolean): Promise<void> {
    while (!this.lines.some(isWanted)) {
      assert(!this.#hasEnded, 'the command ended without the line that was waited for');
      await systemClock.sleep(20);
    }
  }

  /** As SIGTERM would; leaving its scope (`await using`) does the same. */
  stop(): Promise<EndedCommand> {
    for (const listener of this.#signalListeners) {
      listener('SIGTERM');
    }
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(args: readonly string[], ageMs: number): Promise<EndedCommand> {
    const { exitCode } = await runCommand([...args, '--json'], {
      ...processIo(),
      stdout: this.#stdout,
      stderr: new CapturedStream(),
      openStore: async (url, environment) => agedStore(await openStore(url, environment), ageMs),
      ask: async () => undefined,
      onSignal: (listener) => {
        this.#signalListeners.add(listener);
        return () => this.#signalListeners.delete(listener);
      },
      onFault: () => () => undefined,
    });
    this.#hasEnded = true;
    return { exitCode, lines: this.lines, result: this.lines.at(-1) };
  }
}
