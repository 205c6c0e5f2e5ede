import { describe, expect, it } from 'vitest';
import { RigError } from '../../src/kernel/errors.ts';
import { KIB } from '../../src/kernel/size.ts';
import { type PushRun, PushWorld } from '../support/push-world.ts';

const JOURNAL = '/app.journal';
const COPY = '/copy.journal';

function worldWith(content: string | Uint8Array): PushWorld {
  const world = new PushWorld();
  world.fileSystem.append(JOURNAL, content);
  return world;
}

const puts = (run: PushRun) => run.store.calls.filter((call) => call.startsWith('put LOG/')).length;

describe('a follower', () => {
  it('makes what is appended durable within the interval', async () => {
    const world = worldWith('first\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(1_500);
    expect(run.durable()).toBe(6);
    world.fileSystem.append(JOURNAL, 'second\n');
    await world.clock.advance(900);
    expect(run.durable()).toBe(6);
    await world.clock.advance(200);
    expect(run.durable()).toBe(13);
    run.stop();
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ durable: 13, batches: 2 });
  });

  it('makes no request while the journal is idle, for ten minutes', async () => {
    const world = worldWith('first\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(5_000);
    const before = run.store.calls.length;
    expect(before).toBeGreaterThan(0);
    await world.clock.advance(600_000);
    expect(run.store.calls.length).toBe(before);
    run.stop();
    await world.clock.runUntil(run.ended);
  });

  it('with interval 0 seals as soon as the previous put is done, sharing puts', async () => {
    const world = worldWith('');
    const store = world.store();
    store.script.put = async (_, proceed) => {
      await world.clock.sleep(50);
      return proceed();
    };
    const run = world.start({ journal: JOURNAL, follow: true, intervalMs: 0 }, store);
    await world.clock.advance(1_000);
    const before = puts(run);
    for (let append = 0; append < 100; append += 1) {
      world.fileSystem.append(JOURNAL, 'x'.repeat(99).concat('\n'));
      await world.clock.advance(5);
    }
    await world.clock.advance(200);
    expect(run.durable()).toBe(10_000);
    expect(puts(run) - before).toBeLessThanOrEqual(12);
    run.stop();
    await world.clock.runUntil(run.ended);
  });

  it('lags by no more than the interval and one put, also in what comes during a put', async () => {
    const world = worldWith('');
    const store = world.store();
    store.script.put = async (_, proceed) => {
      await world.clock.sleep(3_000);
      return proceed();
    };
    const run = world.start({ journal: JOURNAL, follow: true }, store);
    await world.clock.advance(20_000);
    world.fileSystem.append(JOURNAL, 'first\n');
    await world.clock.advance(1_500);
    world.fileSystem.append(JOURNAL, 'during its put\n');
    await world.clock.advance(2_600);
    expect(run.durable()).toBe(6);
    await world.clock.advance(3_200);
    expect(run.durable()).toBe(21);
    run.stop();
    await world.clock.runUntil(run.ended);
  });

  it('does not wait for the interval when a batch is full', async () => {
    const world = worldWith('');
    const run = world.start({ journal: JOURNAL, follow: true, intervalMs: 60_000, batchBytes: 4 * KIB });
    await world.clock.advance(1_000);
    world.fileSystem.append(JOURNAL, 'x'.repeat(10 * KIB));
    await world.clock.advance(1_000);
    expect(run.durable()).toBe(8 * KIB);
    await world.clock.advance(60_000);
    expect(run.durable()).toBe(10 * KIB);
    run.stop();
    await world.clock.runUntil(run.ended);
  });

  it('waits for the rest of a torn record without a request', async () => {
    const world = worldWith('whole\nto');
    const run = world.start({ journal: JOURNAL, follow: true, format: 'lines' });
    await world.clock.advance(10_000);
    expect(run.durable()).toBe(6);
    const before = run.store.calls.length;
    await world.clock.advance(60_000);
    expect(run.store.calls.length).toBe(before);
    world.fileSystem.append(JOURNAL, 'rn\n');
    await world.clock.advance(2_000);
    expect(run.durable()).toBe(11);
    run.stop();
    await world.clock.runUntil(run.ended);
  });

  it('ends when the journal is truncated, and what was durable stays', async () => {
    const world = worldWith('one\ntwo\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(3_000);
    world.fileSystem.truncate(JOURNAL, 4);
    await expect(world.clock.runUntil(run.ended)).rejects.toMatchObject({ code: 'RIG_JOURNAL_TRUNCATED' });
    expect((await world.archived()).toString()).toBe('one\ntwo\n');
  });

  it('keeps on trying while the store is away, and says so', async () => {
    const world = worldWith('one\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(3_000);
    run.store.script.put = async () => {
      throw new RigError('RIG_STORE_UNAVAILABLE', 'no route to host');
    };
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.clock.advance(3_600_000 / 2);
    expect(run.durable()).toBe(4);
    expect(run.reports.filter(({ type }) => type === 'retry').length).toBeGreaterThan(50);
    run.store.script = {};
    await world.clock.advance(30_000);
    expect(run.durable()).toBe(8);
    run.stop();
    await world.clock.runUntil(run.ended);
  });
});

describe('stopping a follower', () => {
  it('stores what is there before it ends', async () => {
    const world = worldWith('one\n');
    const run = world.start({ journal: JOURNAL, follow: true, intervalMs: 60_000 });
    await world.clock.advance(61_000);
    world.fileSystem.append(JOURNAL, 'last words\n');
    await world.clock.advance(500);
    run.stop();
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ durable: 15 });
  });

  it('drops the batch in flight after ten seconds when the store is away', async () => {
    const world = worldWith('one\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(3_000);
    run.store.script.put = async () => {
      throw new RigError('RIG_STORE_UNAVAILABLE', 'no route to host');
    };
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.clock.advance(60_000);
    const stoppedMs = world.clock.monotonicMs();
    run.stop();
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ durable: 4 });
    expect(world.clock.monotonicMs() - stoppedMs).toBeLessThanOrEqual(11_000);
  });

  it('ends at once at the second signal', async () => {
    const world = worldWith('one\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(3_000);
    run.store.script.put = async () => {
      throw new RigError('RIG_STORE_UNAVAILABLE', 'no route to host');
    };
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.clock.advance(5_000);
    run.stop();
    run.abort();
    await world.clock.settle();
    await expect(run.ended).rejects.toMatchObject({ code: 'RIG_INTERRUPTED' });
  });
});

describe('two writers on one archive', () => {
  it('the newer of two followers of one journal goes on, the older is told within 15 s and names it', async () => {
    const world = worldWith('one\n');
    const older = world.start({ journal: JOURNAL, follow: true, pid: 1 });
    await world.clock.advance(5_000);
    const newer = world.start({ journal: JOURNAL, follow: true, pid: 2 });
    await world.clock.advance(60_000);
    for (let second = 0; second < 15; second += 1) {
      world.fileSystem.append(JOURNAL, 'more\n');
      await world.clock.advance(1_000);
    }
    await expect(older.ended).rejects.toMatchObject({
      code: 'RIG_FENCED',
      details: { epoch: 2, pid: 2, mode: 'follow' },
    });
    await world.clock.advance(5_000);
    expect(newer.durable()).toBe(79);
    newer.stop();
    await world.clock.runUntil(newer.ended);
    expect((await world.archived()).toString()).toBe(`one\n${'more\n'.repeat(15)}`);
  });

  it('a follower on another host is given 15 s to notice', async () => {
    const world = worldWith('one\n');
    const older = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(5_000);
    const newer = world.start({ journal: JOURNAL, follow: true, host: 'there' });
    await world.clock.advance(1_000);
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.clock.advance(12_000);
    expect(puts(newer)).toBe(0);
    expect(older.durable()).toBe(8);
    world.fileSystem.append(JOURNAL, 'three\n');
    await world.clock.advance(15_000);
    await expect(older.ended).rejects.toMatchObject({ code: 'RIG_FENCED', details: { host: 'there' } });
    await world.clock.advance(10_000);
    expect(newer.durable()).toBe(14);
    newer.stop();
    await world.clock.runUntil(newer.ended);
    expect((await world.archived()).toString()).toBe('one\ntwo\nthree\n');
  });

  it('a one-shot push beside a follower ends neither', async () => {
    const world = worldWith('one\n');
    const follower = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(5_000);
    world.fileSystem.append(JOURNAL, 'two\n'.repeat(5_000));
    const once = world.start({ journal: JOURNAL, batchBytes: 4 * KIB });
    for (let second = 0; second < 60; second += 1) {
      world.fileSystem.append(JOURNAL, 'more\n');
      await world.clock.advance(1_000);
    }
    expect((await once.ended).durable).toBeGreaterThanOrEqual(20_004);
    await world.clock.advance(30_000);
    const content = world.fileSystem.contentOf(JOURNAL);
    expect(follower.durable()).toBe(content.length);
    follower.stop();
    await world.clock.runUntil(follower.ended);
    expect(await world.archived()).toEqual(content);
  });

  it('of two one-shot pushes the older is told, and all is stored once', async () => {
    const world = worldWith('one\n'.repeat(5_000));
    const slow = world.store();
    slow.script.put = async (key, proceed) => {
      await world.clock.sleep(key.startsWith('LOG/') ? 4_000 : 10);
      return proceed();
    };
    const older = world.start({ journal: JOURNAL, batchBytes: 4 * KIB }, slow);
    await world.clock.advance(5_000);
    const newer = world.start({ journal: JOURNAL, batchBytes: 4 * KIB });
    expect(await world.clock.runUntil(newer.ended)).toMatchObject({ durable: 20_000 });
    await expect(world.clock.runUntil(older.ended)).rejects.toMatchObject({ code: 'RIG_FENCED' });
    expect((await world.archived()).toString()).toBe('one\n'.repeat(5_000));
  });

  it('of two journals that start at once one is stored and the other is told that it diverged', async () => {
    const world = worldWith('mine\n'.repeat(100));
    world.fileSystem.append(COPY, 'yours\n'.repeat(100));
    const runs = [
      world.start({ journal: JOURNAL, follow: true, pid: 1 }),
      world.start({ journal: COPY, follow: true, pid: 2 }),
    ];
    for (let second = 0; second < 30; second += 1) {
      world.fileSystem.append(JOURNAL, 'mine\n');
      world.fileSystem.append(COPY, 'yours\n');
      await world.clock.advance(1_000);
    }
    for (const run of runs) {
      run.stop();
    }
    await world.clock.advance(30_000);
    const ends = await Promise.allSettled(runs.map(({ ended }) => ended));
    const codes = ends.map((end) => (end.status === 'rejected' ? (end.reason as RigError).code : 'done'));
    expect(codes).toContain('RIG_DIVERGED');
    expect(codes.filter((code) => code === 'done').length).toBeLessThanOrEqual(1);
    const text = (await world.archived()).toString();
    expect(text === 'mine\n'.repeat(text.length / 5) || text === 'yours\n'.repeat(text.length / 6)).toBe(
      true,
    );
    expect(text.length).toBeGreaterThan(0);
  });
});
