import { describe, expect, it } from 'vitest';
import { readHead } from '../../src/archive/batch-object.ts';
import { readDescriptor } from '../../src/archive/descriptor.ts';
import { readSnapshotHead } from '../../src/archive/snapshot-object.ts';
import { RigError } from '../../src/kernel/errors.ts';
import { KIB } from '../../src/kernel/size.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { Store } from '../../src/store/contract.ts';

import {
  contentAt,
  DIRECTORY,
  JOURNAL,
  latest,
  noisy,
  SNAPSHOTS,
  take,
  worldWith,
} from '../support/snapshot-world.ts';

const DAY_MS = 86_400_000;

/** A body of LATEST that breaks off, and by the time it is asked for again another one is there. */
async function* replaced(store: Store): AsyncGenerator<Uint8Array> {
  yield* [];
  await store.put('LATEST', bodyOf('a'), { if: 'any' });
  throw new RigError('RIG_STORE_UNAVAILABLE', 'connection reset');
}

describe('push with snapshots', () => {
  it('stores what is durable, between cuts too, and LATEST names the newest', async () => {
    const world = await worldWith(10_000);
    take(world, '0x100', 'early');
    take(world, '9999', 'late');
    const result = await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS, batchBytes: 4 * KIB });
    expect(result).toMatchObject({ durable: 10_000, snapshots: 2, skippedSnapshots: 0 });
    expect(await latest(world)).toBe('270f');
    expect((await contentAt(world, 0x100)).toString()).toBe('early');
    expect((await contentAt(world, 9_999)).toString()).toBe('late');
    const head = await readSnapshotHead(world.store(), 'SNAPSHOT/000000000000270f');
    const following = await readSnapshotHead(world.store(), 'SNAPSHOT/0000000000000100');
    expect([head?.header.cut, following?.header.cut]).toEqual([8_192, 0]);
  });

  it('links a snapshot to the batch that starts at its cut', async () => {
    const world = await worldWith(10_000);
    take(world, '5000', 'state');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS, batchBytes: 4 * KIB });
    const snapshot = await readSnapshotHead(world.store(), 'SNAPSHOT/0000000000001388');
    const batch = await readHead(world.store(), 'LOG/0000000000001000');
    expect(snapshot?.header).toMatchObject({ cut: 4_096, chain: batch?.header.prev });
  });

  it('stores nothing twice, and claims nothing when there is nothing to store', async () => {
    const world = await worldWith(100);
    take(world, '50', 'state');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
    const store = world.store();
    const again = await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS }, store);
    expect(again).toMatchObject({ snapshots: 0, skippedSnapshots: 0 });
    expect(store.calls.filter((call) => call.startsWith('put'))).toEqual([]);
  });

  it('leaves out what is ahead of the journal, and says so', async () => {
    const world = await worldWith(100);
    take(world, '101', 'state');
    const run = world.start({ journal: JOURNAL, snapshots: SNAPSHOTS });
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ snapshots: 0, skippedSnapshots: 1 });
    expect(run.reports).toContainEqual(expect.objectContaining({ code: 'snapshot-ahead' }));
    expect(await latest(world)).toBeUndefined();
  });

  it('says so when other bytes come under an offset that is archived', async () => {
    const world = await worldWith(100);
    take(world, '50', 'state');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
    take(world, '50', ' and more');
    const run = world.start({ journal: JOURNAL, snapshots: SNAPSHOTS });
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ snapshots: 0, skippedSnapshots: 1 });
    expect(run.reports).toContainEqual(expect.objectContaining({ code: 'snapshot-differs' }));
    expect((await contentAt(world, 50)).toString()).toBe('state');
  });

  it('pushes snapshots without a journal', async () => {
    const world = await worldWith(0);
    take(world, '7', 'seven');
    take(world, '90000000', 'far');
    const result = await world.once({ journal: undefined, snapshots: SNAPSHOTS });
    expect(result).toMatchObject({ durable: 90_000_000, batches: 0, snapshots: 2 });
    expect((await readDescriptor(world.store()))?.format).toBe('none');
    expect((await contentAt(world, 7)).toString()).toBe('seven');
    expect(await latest(world)).toBe('55d4a80');
  });

  it('stores what changed as an increment, and a full one when the increments grow large', async () => {
    const world = await worldWith(100);
    const state = noisy(512 * KIB, 1);
    const bases: (number | undefined)[] = [];
    for (const [index, at] of [10, 20, 30, 40, 50, 60, 70].entries()) {
      const changed = Buffer.from(state);
      changed.set(noisy(100 * KIB, 2 + index), index * 64 * KIB);
      take(world, String(at), changed);
      await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
      const head = await readSnapshotHead(world.store(), `SNAPSHOT/${at.toString(16).padStart(16, '0')}`);
      bases.push(head?.header.base);
      expect((await contentAt(world, at)).equals(changed)).toBe(true);
    }
    expect(bases[0]).toBeUndefined();
    expect(bases[1]).toBe(10);
    expect(bases.slice(2)).toContain(undefined);
  });

  it('sets LATEST although another one replaces it while it is read', async () => {
    const world = await worldWith(100);
    take(world, '10', 'state 10');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
    take(world, '20', 'state 20');
    const store = world.store();
    store.script.get = async (key, proceed) => {
      const object = await proceed();
      return object && key === 'LATEST' ? { ...object, body: replaced(world.store()) } : object;
    };
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS }, store);
    expect(await latest(world)).toBe('14');
  });

  it('pushes the journal before it complains of the directory', async () => {
    const world = await worldWith(100);
    take(world, '1234567890123456', 'hex or decimal?');
    await expect(world.once({ journal: JOURNAL, snapshots: SNAPSHOTS })).rejects.toMatchObject({
      code: 'RIG_CONFIG_INVALID',
    });
    expect(await world.archived()).toHaveLength(100);
  });

  it('makes no archive when there is no journal and the directory cannot be read', async () => {
    const world = await worldWith(0);
    const snapshots = { ...SNAPSHOTS, directory: '/nowhere' };
    await expect(world.once({ journal: undefined, snapshots })).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
    });
    expect(await world.keys()).toEqual([]);
  });

  it('makes LATEST right after a put whose answer was lost', async () => {
    const world = await worldWith(100);
    take(world, '50', 'state');
    const store = world.store();
    let lost = false;
    store.script.put = async (key, proceed) => {
      const result = await proceed();
      if (key.startsWith('SNAPSHOT/') && !lost) {
        lost = true;
        throw new RigError('RIG_STORE_UNAVAILABLE', 'connection reset');
      }
      return result;
    };
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS }, store);
    expect([lost, await latest(world)]).toEqual([true, '32']);
  });

  it('repairs LATEST when it is lost or stale', async () => {
    const world = await worldWith(100);
    take(world, '50', 'state');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
    await world.store().put('LATEST', bodyOf('7'), { if: 'any' });
    world.fileSystem.append(JOURNAL, 'y');
    await world.once({ journal: JOURNAL });
    expect(await latest(world)).toBe('32');
    await world.store().delete(['LATEST']);
    world.fileSystem.append(JOURNAL, 'z');
    await world.once({ journal: JOURNAL });
    expect(await latest(world)).toBe('32');
  });

  it('does not store again what a prune removed', async () => {
    const world = await worldWith(100);
    take(world, '10', 'old');
    take(world, '50', 'new');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
    await world.store().delete(['SNAPSHOT/000000000000000a']);
    world.fileSystem.append(JOURNAL, 'y');
    const run = world.start({ journal: JOURNAL, snapshots: SNAPSHOTS });
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ snapshots: 0 });
    expect(run.reports).toContainEqual(expect.objectContaining({ code: 'snapshot-outdated' }));
    expect(await world.keys()).not.toContain('SNAPSHOT/000000000000000a');
  });

  it('stores a state although a newer snapshot of the journal is there', async () => {
    const world = await worldWith(100);
    await world.once({ journal: JOURNAL, journalSnapshot: true });
    take(world, '50', 'state');
    expect(await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS })).toMatchObject({ snapshots: 1 });
    expect((await contentAt(world, 50)).toString()).toBe('state');
  });
});

describe('push --follow with snapshots', () => {
  it('stores each one as soon as its offset is durable', async () => {
    const world = await worldWith(100);
    const run = world.start({ journal: JOURNAL, snapshots: SNAPSHOTS, follow: true });
    await world.clock.advance(3_000);
    take(world, '.150', 'unfinished');
    take(world, '150', 'ahead of the journal');
    await world.clock.advance(5_000);
    expect(await latest(world)).toBeUndefined();
    world.fileSystem.append(JOURNAL, 'x'.repeat(60));
    await world.clock.advance(5_000);
    expect(await latest(world)).toBe('96');
    run.stop();
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ durable: 160, snapshots: 1 });
  });

  it('goes on with the journal when the directory cannot be read, and says so once', async () => {
    const world = await worldWith(100);
    const run = world.start({ journal: JOURNAL, snapshots: SNAPSHOTS, follow: true });
    await world.clock.advance(2_000);
    take(world, '50', 'one');
    take(world, '0x32', 'the same offset');
    world.fileSystem.append(JOURNAL, 'y');
    await world.clock.advance(10_000);
    expect(run.durable()).toBe(101);
    const warnings = run.reports.filter((report) => report.type === 'warning');
    expect(warnings).toEqual([expect.objectContaining({ code: 'snapshots-unreadable' })]);
    await world.fileSystem.remove(`${DIRECTORY}/0x32`);
    await world.clock.advance(5_000);
    expect(await latest(world)).toBe('32');
    run.stop();
    await world.clock.runUntil(run.ended);
  });

  it('ends the journal too when another writer takes over while only snapshots come', async () => {
    const world = await worldWith(100);
    const older = world.start({ journal: JOURNAL, snapshots: SNAPSHOTS, follow: true });
    await world.clock.advance(2_000);
    const newer = world.start({ journal: JOURNAL, follow: true, pid: 2 });
    await world.clock.advance(2_000);
    take(world, '50', 'state');
    await expect(world.clock.runUntil(older.ended)).rejects.toMatchObject({ code: 'RIG_FENCED' });
    newer.stop();
    await world.clock.runUntil(newer.ended);
  });
});

describe('push that expires', () => {
  it('deletes what the newest snapshot has superseded for a day, and keeps on pushing', async () => {
    const world = await worldWith(10_000);
    const options = {
      journal: JOURNAL,
      snapshots: { ...SNAPSHOTS, expire: { action: 'delete', policy: { keepLast: 1 } } },
      batchBytes: 4 * KIB,
      fullRatio: 0,
    } as const;
    take(world, '5000', 'old');
    await world.once(options);
    await world.clock.advance(DAY_MS / 2);
    take(world, '9000', 'newer');
    await world.once(options);
    expect(await world.keys()).toContain('LOG/0000000000000000');
    await world.clock.advance(2 * DAY_MS);
    world.fileSystem.append(JOURNAL, 'y'.repeat(10_000));
    take(world, '15000', 'newest');
    expect(await world.once(options)).toMatchObject({ snapshots: 1, durable: 20_000 });
    const keys = await world.keys();
    expect(keys).not.toContain('SNAPSHOT/0000000000001388');
    expect(keys.filter((key) => key.startsWith('LOG/'))[0]).toBe('LOG/0000000000002000');
    expect((await contentAt(world, 9_000)).toString()).toBe('newer');
  });

  it('says so and goes on when nothing can be expired', async () => {
    const world = await worldWith(100);
    take(world, '50', 'state');
    const store = world.store();
    Object.assign(store.capabilities, { tagging: undefined });
    const expire = { action: 'mark', policy: { keepLast: 1 } } as const;
    const run = world.start({ journal: JOURNAL, snapshots: { ...SNAPSHOTS, expire } }, store);
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ snapshots: 1 });
    expect(run.reports).toContainEqual(expect.objectContaining({ code: 'expire-failed' }));
  });
});
