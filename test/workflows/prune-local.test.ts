import { describe, expect, it } from 'vitest';
import { bodyOf } from '../../src/store/body.ts';
import { contentAt, DIRECTORY, JOURNAL, SNAPSHOTS, take, worldWith } from '../support/snapshot-world.ts';

const DAY_MS = 86_400_000;

describe('push that prunes snapshots here', () => {
  it('keeps the newest snapshots here and removes the others once they are archived', async () => {
    const world = await worldWith(100);
    for (const at of [10, 20, 30]) {
      take(world, String(at), `state ${at}`);
    }
    take(world, '1000', 'ahead');
    await world.once({ journal: JOURNAL, snapshots: { ...SNAPSHOTS, pruneLocal: 2 } });
    const names = (await world.fileSystem.list(DIRECTORY)).map(({ name }) => name);
    expect(names.sort()).toEqual(['1000', '30']);
  });

  it('does not mind when the application removes a snapshot just before it would', async () => {
    const world = await worldWith(100);
    for (const at of [10, 20, 30]) {
      take(world, String(at), `state ${at}`);
    }
    const remove = world.fileSystem.remove.bind(world.fileSystem);
    world.fileSystem.remove = async (path, options) => {
      await remove(path, options);
      await remove(path, options);
    };
    const run = world.start({ journal: JOURNAL, snapshots: { ...SNAPSHOTS, pruneLocal: 1 } });
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ snapshots: 3, skippedSnapshots: 0 });
    expect(run.reports).not.toContainEqual(expect.objectContaining({ code: 'snapshot-pruned-here' }));
    expect((await world.fileSystem.list(DIRECTORY)).map(({ name }) => name)).toEqual(['30']);
  });

  it('says so when it may not remove a snapshot here, and all is archived by then', async () => {
    const world = await worldWith(100);
    take(world, '10', 'state 10');
    take(world, '20', 'state 20');
    world.fileSystem.remove = async () => {
      throw Object.assign(new Error('not allowed'), { code: 'EACCES' });
    };
    const push = world.once({ journal: JOURNAL, snapshots: { ...SNAPSHOTS, pruneLocal: 1 } });
    await expect(push).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      message: 'cannot remove snapshot /snapshots/10: EACCES',
      hint: expect.stringContaining('--prune-local'),
    });
    expect((await contentAt(world, 20)).toString()).toBe('state 20');
  });

  it('removes nothing here that an earlier run may have stored with other bytes', async () => {
    const world = await worldWith(100);
    take(world, '10', 'one');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
    const mine = '/mine';
    await world.fileSystem.makeDirectory(mine, 0o700);
    world.fileSystem.append(`${mine}/10`, 'two');
    world.fileSystem.append(`${mine}/20`, 'newer');
    world.clock.jumpWall(-DAY_MS); // so that its age does not tell
    const options = { ...SNAPSHOTS, directory: mine, pruneLocal: 1 };
    const run = world.start({ journal: JOURNAL, snapshots: options });
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ snapshots: 1, skippedSnapshots: 1 });
    expect(run.reports).toContainEqual(expect.objectContaining({ code: 'snapshot-differs' }));
    expect(world.fileSystem.contentOf(`${mine}/10`).toString()).toBe('two');
  });

  it('does not take a snapshot of the journal for a state of the same bytes', async () => {
    const world = await worldWith(100);
    await world.once({ journal: JOURNAL, journalSnapshot: true });
    take(world, '100', world.fileSystem.contentOf(JOURNAL));
    take(world, '90', 'older');
    const run = world.start({ journal: JOURNAL, snapshots: { ...SNAPSHOTS, pruneLocal: 1 } });
    await world.clock.runUntil(run.ended);
    expect(run.reports).toContainEqual(expect.objectContaining({ code: 'snapshot-differs' }));
  });

  it('removes here what an earlier run has stored, once it is compared', async () => {
    const world = await worldWith(100);
    for (const at of [10, 20, 30]) {
      take(world, String(at), `state ${at}`);
    }
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
    await world.once({ journal: JOURNAL, snapshots: { ...SNAPSHOTS, pruneLocal: 1 } });
    expect((await world.fileSystem.list(DIRECTORY)).map(({ name }) => name)).toEqual(['30']);
  });

  it('goes on when an archived snapshot is damaged, leaves its local copy, and stores the next one whole', async () => {
    const world = await worldWith(100);
    take(world, '10', 'state 10');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
    await world.store().put('SNAPSHOT/000000000000000a', bodyOf('rubbish'), { if: 'any' });
    world.fileSystem.append(JOURNAL, 'x'.repeat(100));
    take(world, '150', 'state 150');
    const run = world.start({ journal: JOURNAL, snapshots: { ...SNAPSHOTS, pruneLocal: 1 } });
    expect(await world.clock.runUntil(run.ended)).toMatchObject({
      durable: 200,
      snapshots: 1,
      skippedSnapshots: 1,
    });
    expect(run.reports).toContainEqual(expect.objectContaining({ code: 'snapshot-damaged' }));
    expect((await contentAt(world, 150)).toString()).toBe('state 150');
    expect(await world.fileSystem.stat(`${DIRECTORY}/10`)).toBeDefined();
  });

  it('neither stores again nor removes here what a prune removes there meanwhile', async () => {
    const world = await worldWith(100);
    take(world, '10', 'old');
    take(world, '50', 'new');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS, fullRatio: 0 });
    const store = world.store();
    store.script.put = async (key, proceed) => {
      if (key === 'SNAPSHOT/0000000000000050') {
        await world.store().delete(['SNAPSHOT/000000000000000a']);
      }
      return proceed();
    };
    take(world, '80', 'newer');
    const snapshots = { ...SNAPSHOTS, pruneLocal: 1 };
    const options = { journal: JOURNAL, snapshots, fullRatio: 0, follow: true };
    const run = world.start(options, store);
    await world.clock.advance(300_000);
    const warnings = run.reports.filter(({ type }) => type === 'warning');
    expect(warnings).toEqual([expect.objectContaining({ code: 'snapshot-outdated', details: { at: 10 } })]);
    expect(await world.keys()).not.toContain('SNAPSHOT/000000000000000a');
    expect((await world.fileSystem.list(DIRECTORY)).map(({ name }) => name)).toEqual(['10', '80']);
    run.stop();
    await world.clock.runUntil(run.ended);
  });
});
