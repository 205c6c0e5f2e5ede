import { describe, expect, it } from 'vitest';
import { RigError } from '../../src/kernel/errors.ts';
import { PushWorld } from '../support/push-world.ts';

const JOURNAL = '/app.journal';

function worldWith(content: string): PushWorld {
  const world = new PushWorld();
  world.fileSystem.append(JOURNAL, content);
  return world;
}

describe('a one-shot push', () => {
  it('that finds more stored than it was to push is done', async () => {
    const world = worldWith('one\n');
    const follower = world.start({ journal: JOURNAL, follow: true, intervalMs: 60_000 });
    await world.clock.advance(61_000);
    world.fileSystem.append(JOURNAL, 'two\n');
    const store = world.store();
    store.script.put = async (key, proceed) => {
      if (key === 'WRITER/0000000000000002' && follower.durable() === 4) {
        world.fileSystem.append(JOURNAL, 'three\n');
        follower.stop();
        await follower.ended;
      }
      return proceed();
    };
    const result = await world.once({ journal: JOURNAL }, store);
    expect(result).toMatchObject({ durable: 14, batches: 0, tornBytes: 0 });
    expect((await world.archived()).toString()).toBe('one\ntwo\nthree\n');
  });

  it('does not warn of a short archive when writers came between its listings', async () => {
    const world = worldWith('one\n');
    const store = world.store();
    store.script.list = async (prefix) => {
      if (prefix === 'WRITER/' && !(await world.keys()).includes('WRITER/0000000000000001')) {
        await world.start({ journal: JOURNAL }).ended;
        world.fileSystem.append(JOURNAL, 'two\n');
        await world.start({ journal: JOURNAL }).ended;
      }
    };
    const run = world.start({ journal: JOURNAL }, store);
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ durable: 8 });
    expect(run.reports.filter(({ type }) => type === 'warning')).toEqual([]);
  });

  it('warns of an archive that is shorter than a writer saw it', async () => {
    const world = worldWith('one\n');
    await world.once({ journal: JOURNAL });
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.once({ journal: JOURNAL });
    await world.store().delete(['LOG/0000000000000000', 'LOG/0000000000000004']);
    const run = world.start({ journal: JOURNAL });
    await world.clock.runUntil(run.ended);
    expect(run.reports).toContainEqual(
      expect.objectContaining({ type: 'warning', code: 'archive-shorter-than-claim' }),
    );
  });
});

describe('the first push', () => {
  it.each([false, true])('keeps on trying when the store is away (follow: %s)', async (follow) => {
    const world = worldWith('one\n');
    const store = world.store();
    let failures = 3;
    store.script.put = async (key, proceed) => {
      if (key === 'ARCHIVE.json' && failures > 0) {
        failures -= 1;
        throw new RigError('RIG_STORE_UNAVAILABLE', 'connection reset');
      }
      return proceed();
    };
    const run = world.start({ journal: JOURNAL, follow }, store);
    await world.clock.advance(10_000);
    run.stop();
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ durable: 4, batches: 1 });
    expect(run.reports.filter(({ type }) => type === 'retry')).toHaveLength(3);
  });

  it('takes the descriptor that is there, whatever it was answered', async () => {
    const world = worldWith('one\n');
    const store = world.store();
    store.script.put = async (key, proceed) => {
      const result = await proceed();
      if (key === 'ARCHIVE.json') {
        throw new RigError('RIG_OBJECT_EXISTS', `${key} exists already`);
      }
      return result;
    };
    await expect(world.once({ journal: JOURNAL }, store)).resolves.toMatchObject({ durable: 4 });
    expect(store.calls.filter((call) => call === 'put ARCHIVE.json')).toHaveLength(1);
  });
});
