import { describe, expect, test } from 'vitest';
import { openJournal } from '../../src/journal/tail.ts';
import type { MemoryFileSystem } from '../support/memory-filesystem.ts';
import { PATH, setUp, truncated } from './journal-support.ts';

/** How often the journal has been looked at from now on. */
function countLooks(fileSystem: MemoryFileSystem): () => number {
  let looks = 0;
  fileSystem.beforeCall = ({ name }) => {
    looks += name === 'handle.stat' ? 1 : 0;
  };
  return () => looks;
}

/** Hints come when the test gives them, and not otherwise. */
async function setUpWithHints() {
  const { clock, fileSystem, signal } = await setUp();
  let onHint = () => {};
  fileSystem.watch = (_, listener) => {
    onHint = listener;
    return { close() {} };
  };
  const journal = await openJournal(PATH, { fileSystem, clock });
  return { clock, fileSystem, journal, signal, hint: () => onHint() };
}

describe('Journal.waitForGrowth', () => {
  test('resolves at once when the file is longer already', async () => {
    const { journal, signal } = await setUp();
    expect(await journal.waitForGrowth(3, undefined, signal)).toBe(4);
  });

  test('resolves on a hint long before the next regular look', async () => {
    const { clock, fileSystem, journal, signal } = await setUp();
    const grown = journal.waitForGrowth(4, undefined, signal);
    await clock.advance(50);
    fileSystem.append(PATH, 'two\n');
    const startMs = clock.monotonicMs();
    expect(await clock.runUntil(grown)).toBe(8);
    expect(clock.monotonicMs() - startMs).toBeLessThanOrEqual(5);
  });

  test('finds growth by looking when no hint comes, within a second and then four times as soon', async () => {
    const { clock, fileSystem, signal } = await setUp();
    fileSystem.watch = () => ({ close() {} });
    const journal = await openJournal(PATH, { fileSystem, clock });
    const foundAfterMs: number[] = [];
    for (let seenEnd = 4; seenEnd < 20; seenEnd += 4) {
      const startedMs = clock.monotonicMs();
      const grown = journal.waitForGrowth(seenEnd, undefined, signal);
      await clock.advance(50);
      fileSystem.append(PATH, 'two\n');
      expect(await clock.runUntil(grown)).toBe(seenEnd + 4);
      foundAfterMs.push(clock.monotonicMs() - startedMs);
    }
    expect(foundAfterMs).toEqual([1_000, 250, 250, 250]);
  });

  test('looks seldom again once hints come again', async () => {
    const { clock, fileSystem, journal, signal, hint } = await setUpWithHints();
    for (const [end, isHinted] of [
      [8, false],
      [12, true],
    ] as const) {
      const grown = journal.waitForGrowth(end - 4, undefined, signal);
      await clock.advance(50);
      fileSystem.append(PATH, 'two\n');
      if (isHinted) {
        hint();
      }
      expect(await clock.runUntil(grown)).toBe(end);
    }
    const looks = countLooks(fileSystem);
    await clock.runUntil(journal.waitForGrowth(12, 2_000, signal));
    expect(looks()).toBe(3); // at 0, 1000 and 2000 ms
  });

  test('gives up when the time is over, with the size seen last', async () => {
    const { clock, journal, signal } = await setUp();
    expect(await clock.runUntil(journal.waitForGrowth(4, 730, signal))).toBe(4);
    expect(clock.monotonicMs()).toBe(730);
  });

  test('looks at most every 5 ms however many hints come', async () => {
    const { clock, fileSystem, journal, signal, hint } = await setUpWithHints();
    const looks = countLooks(fileSystem);
    const waiting = journal.waitForGrowth(4, 100, signal);
    for (let ms = 0; ms < 100; ms += 1) {
      for (let hints = 0; hints < 100; hints += 1) {
        hint();
      }
      await clock.advance(1);
    }
    await waiting;
    expect(looks()).toBeGreaterThan(10);
    expect(looks()).toBeLessThanOrEqual(21);
  });

  test('goes back to regular looks after a hint that meant nothing', async () => {
    const { clock, fileSystem, journal, signal } = await setUp();
    const waiting = journal.waitForGrowth(4, 3_000, signal);
    await clock.advance(50);
    fileSystem.append(PATH, '');
    await clock.advance(5);
    const looks = countLooks(fileSystem);
    await clock.runUntil(waiting);
    expect(looks()).toBe(3); // at 1050, 2050 and 3000 ms
  });

  test('does not miss a hint that comes while it looks', async () => {
    const { clock, fileSystem, journal, signal } = await setUp();
    let appended = false;
    fileSystem.beforeCall = ({ name }) => {
      if (name === 'stat' && !appended) {
        appended = true;
        queueMicrotask(() => fileSystem.append(PATH, 'two\n'));
      }
    };
    expect(await clock.runUntil(journal.waitForGrowth(4, undefined, signal))).toBe(8);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(5);
  });

  test.each([0, 3, 50])('ends with the reason of its signal, aborted after %i ms', async (afterMs) => {
    const { clock, journal } = await setUp();
    const controller = new AbortController();
    const waiting = journal.waitForGrowth(4, undefined, controller.signal);
    const outcome = expect(waiting).rejects.toThrow('enough');
    await clock.advance(afterMs);
    controller.abort(new Error('enough'));
    await outcome;
    expect(clock.sleeping).toBe(0);
  });

  test('does nothing when its signal is aborted already', async () => {
    const { fileSystem, journal } = await setUp();
    fileSystem.beforeCall = ({ name }) => expect.unreachable(`called ${name}`);
    await expect(journal.waitForGrowth(0, 0, AbortSignal.abort(new Error('enough')))).rejects.toThrow(
      'enough',
    );
  });

  test('finds out while waiting that the file was replaced', async () => {
    const { clock, fileSystem, journal, signal } = await setUp();
    const outcome = expect(journal.waitForGrowth(4, undefined, signal)).rejects.toMatchObject(
      truncated('was replaced'),
    );
    fileSystem.append('/other', 'one\n');
    await fileSystem.rename('/other', PATH);
    await clock.advance(1_000);
    await outcome;
  });
});
