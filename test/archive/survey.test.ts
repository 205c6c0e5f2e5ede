import { describe, expect, it } from 'vitest';
import { openForReading } from '../../src/archive/survey.ts';
import { PushWorld } from '../support/push-world.ts';

const JOURNAL = '/app.journal';

describe('opening an archive to read', () => {
  it('finds the one that a first push makes in this moment', async () => {
    const world = new PushWorld();
    world.fileSystem.append(JOURNAL, 'one\n');
    const store = world.store();
    store.script.get = async (_, proceed) => {
      store.script = {};
      const nothing = await proceed();
      await world.start({ journal: JOURNAL }).ended;
      return nothing;
    };
    await expect(world.clock.runUntil(openForReading(store))).resolves.toMatchObject({ format: 'bytes' });
  });
});
