import { describe, expect, it } from 'vitest';
import { PushWorld } from '../support/push-world.ts';

describe('a journal with other bytes than its archive', () => {
  it('is told the first of them, also where batches further on are alike', async () => {
    const records = Array.from({ length: 25 }, () => 'same\n');
    const world = new PushWorld();
    world.fileSystem.append('/mine', records.with(3, 'mine\n').with(24, 'mine\n').join(''));
    world.fileSystem.append('/yours', records.join(''));
    await world.once({ journal: '/mine', batchBytes: 5 });
    await expect(world.once({ journal: '/yours' })).rejects.toMatchObject({
      code: 'RIG_DIVERGED',
      details: { commonEnd: 15, durable: 125, localEnd: 125 },
    });
  });
});
