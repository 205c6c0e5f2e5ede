import { describe, expect, it } from 'vitest';
import { formatTime } from '../../src/kernel/clock.ts';
import { nodeFileTree } from '../../src/kernel/file-tree.ts';
import type { Report } from '../../src/kernel/report.ts';
import { type RestoreResult, restore } from '../../src/workflows/restore.ts';
import { options, refusal } from '../support/line-archive.ts';
import { PushWorld } from '../support/push-world.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { codesOf } from '../support/workflow-context.ts';

const JOURNAL = '/app.log';
const OUTAGE_MS = 600_000;

/** A machine whose follower is stopped and started, and the times that matter. */
class WatchedWorld extends PushWorld {
  readonly #random = seededRandom(11);

  append(text: string): void {
    this.fileSystem.append(JOURNAL, text);
  }

  /** Follows for a while; the rest of what is there is pushed at the end. */
  async followFor(durationMs: number, during: () => Promise<void> = async () => undefined): Promise<void> {
    const run = this.start({ journal: JOURNAL, follow: true, format: 'lines' });
    await during();
    await this.clock.advance(durationMs);
    run.stop();
    await this.clock.runUntil(run.ended);
  }

  /** What a restore of this time gives, and the warnings that came with it. */
  async restoredAt(
    atMs: number,
    nearest?: 'before' | 'after',
  ): Promise<{ text: string; warnings: string[] }> {
    const reports: Report[] = [];
    const signal = new AbortController().signal;
    const context = {
      store: this.store(),
      clock: this.clock,
      random: this.#random,
      fileSystem: this.fileSystem,
      fileTree: nodeFileTree,
      report: (report: Report) => void reports.push(report),
      stop: signal,
      abort: signal,
    };
    const work: Promise<RestoreResult> = restore(
      context,
      options({ at: { kind: 'time', atMs }, nearest, force: true }),
    );
    await this.clock.runUntil(work);
    return { text: this.fileSystem.contentOf('/out').toString(), warnings: codesOf(reports, 'warning') };
  }
}

describe('a time while a follower was watching', () => {
  it('gives the journal as it was then, within one look', async () => {
    const world = new WatchedWorld();
    const lengths: [atMs: number, text: string][] = [];
    let text = 'the first line\n';
    world.append(text);
    await world.followFor(5_000, async () => {
      for (let append = 0; append < 200; append += 1) {
        world.append(`append ${append}\n`);
        text += `append ${append}\n`;
        lengths.push([world.clock.wallMs(), text]);
        await world.clock.advance(370);
      }
    });
    for (const [atMs, expected] of lengths.filter((_, index) => index % 17 === 5)) {
      expect(await world.restoredAt(atMs + 260)).toEqual({ text: expected, warnings: [] });
    }
  });

  it('and the journal stood still for ten minutes gives it, because its end was seen again', async () => {
    const world = new WatchedWorld();
    world.append('one\n');
    let idleMs = 0;
    await world.followFor(5_000, async () => {
      await world.clock.advance(600_000);
      idleMs = world.clock.wallMs() - 1_000;
      world.append('two\n');
    });
    expect(await world.restoredAt(idleMs)).toEqual({ text: 'one\n', warnings: [] });
  });
});

describe('a time in an outage of the pusher', () => {
  /** Watched until "one", away for ten minutes while "two" was written, watched again. */
  async function outage(meanwhile: string) {
    const world = new WatchedWorld();
    world.append('one\n');
    const seenMs = world.clock.wallMs();
    await world.followFor(5_000);
    const stoppedMs = world.clock.wallMs();
    await world.clock.advance(OUTAGE_MS / 2);
    world.append(meanwhile);
    await world.clock.advance(OUTAGE_MS / 2);
    const backMs = world.clock.wallMs();
    await world.followFor(5_000, async () => {
      await world.clock.advance(5_000);
      world.append('three\n');
    });
    return { world, seenMs, stoppedMs, backMs };
  }

  it('is refused naming both sides, and either of them can be chosen', async () => {
    const { world, seenMs, stoppedMs, backMs } = await outage('two\n');
    for (const inside of [stoppedMs + 1, stoppedMs + OUTAGE_MS / 2, backMs - 1]) {
      const error = await refusal(world.restoredAt(inside));
      expect(error).toMatchObject({
        code: 'RIG_TIME_AMBIGUOUS',
        kind: 'not-found',
        details: {
          before: { offset: 4, time: formatTime(seenMs) },
          after: { offset: 8, time: formatTime(backMs) },
        },
      });
      expect(await world.restoredAt(inside, 'before')).toMatchObject({ text: 'one\n' });
      expect(await world.restoredAt(inside, 'after')).toMatchObject({ text: 'one\ntwo\n' });
    }
  });

  it('is not refused on either side of the outage', async () => {
    const { world, seenMs, backMs } = await outage('two\n');
    expect(await world.restoredAt(seenMs)).toEqual({ text: 'one\n', warnings: [] });
    expect(await world.restoredAt(backMs)).toEqual({ text: 'one\ntwo\n', warnings: [] });
    expect(await world.restoredAt(backMs + 9_000)).toEqual({
      text: 'one\ntwo\nthree\n',
      warnings: ['time-after-last'],
    });
  });

  it('gives the journal when nothing was written meanwhile', async () => {
    const { world, stoppedMs } = await outage('');
    expect(await world.restoredAt(stoppedMs + OUTAGE_MS / 2)).toEqual({ text: 'one\n', warnings: [] });
  });
});
