import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatTime, systemClock } from '../../src/kernel/clock.ts';
import { durableAt, RigctlProcess, rigctl } from '../support/rigctl-process.ts';

const INTERVAL_MS = 200;

/** One append: the journal was `sizeBytes` long at a moment not before the first time and not after the second. */
interface Append {
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly sizeBytes: number;
}

it('a time gives the journal as it was then, within one interval', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-time-'));
  const journal = join(directory.path, 'app.log');
  const archive = ['--archive', `file:${join(directory.path, 'archive')}`];
  writeFileSync(journal, 'the first line\n');
  await using follower = new RigctlProcess([
    ...['push', journal, '--follow', '--format', 'lines', '--interval', `${INTERVAL_MS}ms`, ...archive],
  ]);
  await follower.waitFor(durableAt(15));

  const appends: Append[] = [];
  for (let sizeBytes = 15; appends.length < 100; await systemClock.sleep(40)) {
    const line = `append ${appends.length} ${'.'.repeat(appends.length)}\n`;
    const beforeMs = systemClock.wallMs();
    appendFileSync(journal, line);
    sizeBytes += line.length;
    appends.push({ beforeMs, afterMs: systemClock.wallMs(), sizeBytes });
  }
  await follower.waitFor(durableAt(appends.at(-1)?.sizeBytes ?? 0));
  await follower.end();

  const written = readFileSync(journal, 'utf8');
  for (const { beforeMs } of appends.filter((_, index) => index % 10 === 9)) {
    const atMs = beforeMs + 20;
    const restored: string[] = [];
    const { exitCode, result } = await rigctl(
      ['restore', '--at', formatTime(atMs), '--to', '-', ...archive],
      { onData: (chunk) => restored.push(Buffer.from(chunk).toString()) },
    );
    expect(exitCode).toBe(0);
    const offset = Number(result['offset']);
    expect(restored.join('')).toBe(written.slice(0, offset));
    expect(offset).toBeGreaterThanOrEqual(sizeAt(appends, ({ afterMs }) => afterMs <= atMs - INTERVAL_MS));
    expect(offset).toBeLessThanOrEqual(sizeAt(appends, ({ beforeMs: startMs }) => startMs <= atMs));
  }
});

/** The journal's size after the last append that this is true of. */
function sizeAt(appends: readonly Append[], isPast: (append: Append) => boolean): number {
  return appends.findLast(isPast)?.sizeBytes ?? 15;
}
