import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { showDuration } from '../../src/kernel/duration.ts';
import { MIB, showSize } from '../../src/kernel/size.ts';
import { type Ended, rigctl } from './rigctl-process.ts';

/** What no command may need, however large the journal is. */
const MEMORY_LIMIT_BYTES = 256 * MIB;

/** Runs commands, holds each one to the memory limit, and remembers what they took. */
export class Figures {
  readonly #rows = new Map<string, { runs: number; totalMs: number; peakBytes: number }>();

  /** Runs rigctl to its end; `name` says under which heading its figures go. */
  async run(name: string, args: readonly string[], onData?: (chunk: Uint8Array) => void): Promise<Ended> {
    const startedMs = systemClock.monotonicMs();
    const ended = await rigctl(args, { peakMemory: true, ...(onData === undefined ? {} : { onData }) });
    const { runs, totalMs, peakBytes } = this.#rows.get(name) ?? { runs: 0, totalMs: 0, peakBytes: 0 };
    this.#rows.set(name, {
      runs: runs + 1,
      totalMs: totalMs + systemClock.monotonicMs() - startedMs,
      peakBytes: Math.max(peakBytes, ended.peakBytes ?? Number.POSITIVE_INFINITY),
    });
    expect(ended.peakBytes, `memory of rigctl ${args.join(' ')}`).toBeLessThan(MEMORY_LIMIT_BYTES);
    return ended;
  }

  /** Restores to stdout: the end, and the SHA-256 of what came out. */
  async restoredDigest(name: string, args: readonly string[]): Promise<{ ended: Ended; digest: string }> {
    const hash = createHash('sha256');
    const ended = await this.run(name, ['restore', '--to', '-', ...args], (chunk) => void hash.update(chunk));
    return { ended, digest: hash.digest('hex') };
  }

  print(): void {
    for (const [name, { runs, totalMs, peakBytes }] of this.#rows) {
      const each = runs === 1 ? '' : `, ${runs} runs, together`;
      console.log(`${name}: peak memory ${showSize(peakBytes)}${each}, ${showDuration(totalMs)}`);
    }
  }
}
