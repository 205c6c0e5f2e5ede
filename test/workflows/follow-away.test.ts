import { describe, expect, it } from 'vitest';
import { readHead } from '../../src/archive/batch-object.ts';
import type { Claim } from '../../src/archive/claim.ts';
import { DEFAULT_COMPRESSION } from '../../src/archive/compression.ts';
import { batchKey } from '../../src/archive/layout.ts';
import { sealBatch } from '../../src/archive/seal.ts';
import { assert } from '../../src/kernel/assert.ts';
import { bodyOf } from '../../src/store/body.ts';
import { PushWorld } from '../support/push-world.ts';
import { DIRECTORY, JOURNAL, SNAPSHOTS } from '../support/snapshot-world.ts';

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function worldWith(content: string): PushWorld {
  const world = new PushWorld();
  world.fileSystem.append(JOURNAL, content);
  return world;
}

describe('a writer that was away', () => {
  async function claimBy(world: PushWorld, epoch: number): Promise<void> {
    const store = world.store();
    const object = await store.get('WRITER/0000000000000001');
    let json = '';
    for await (const chunk of object?.body ?? []) {
      json += Buffer.from(chunk).toString();
    }
    const claim: Claim = { ...(JSON.parse(json) as Claim), epoch, owner: 'somebody-else', pid: 99 };
    await store.put(`WRITER/${epoch.toString(16).padStart(16, '0')}`, bodyOf(JSON.stringify(claim)), {
      if: 'absent',
    });
  }

  it('looks before it puts when the last look is old', async () => {
    const world = worldWith('one\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(15_000);
    await claimBy(world, 2);
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.clock.advance(5_000);
    await expect(run.ended).rejects.toMatchObject({ code: 'RIG_FENCED', details: { pid: 99 } });
    expect((await world.archived()).toString()).toBe('one\n');
  });

  it('looks for any later writer before a snapshot, since a prune may have taken the claim of the next', async () => {
    const world = worldWith('one\n');
    await world.fileSystem.makeDirectory(DIRECTORY, 0o700);
    const run = world.start({ journal: JOURNAL, follow: true, snapshots: SNAPSHOTS });
    await world.clock.advance(15_000);
    await claimBy(world, 3);
    world.clock.jumpWall(3 * 86_400_000);
    world.fileSystem.append(`${DIRECTORY}/4`, 'state');
    await world.clock.advance(60_000);
    await expect(run.ended).rejects.toMatchObject({ code: 'RIG_FENCED', details: { pid: 99 } });
    expect(await world.keys()).not.toContainEqual(expect.stringMatching(/^SNAPSHOT/));
  });

  it('looks once more when a snapshot is read, which may have taken days', async () => {
    const world = worldWith('one\n');
    await world.fileSystem.makeDirectory(DIRECTORY, 0o700);
    const run = world.start({ journal: JOURNAL, follow: true, snapshots: SNAPSHOTS });
    run.store.script.put = async (key, proceed) => {
      if (key.startsWith('SNAPSHOT/')) {
        await claimBy(world, 3);
        world.clock.jumpWall(3 * 86_400_000);
      }
      return proceed();
    };
    await world.clock.advance(15_000);
    world.fileSystem.append(`${DIRECTORY}/4`, 'state');
    await world.clock.advance(60_000);
    await expect(run.ended).rejects.toMatchObject({ code: 'RIG_FENCED', details: { pid: 99 } });
    expect(await world.keys()).not.toContainEqual(expect.stringMatching(/^SNAPSHOT/));
  });

  it('is told of the newest writer when the one who overtook it has lost its claim to a prune', async () => {
    const world = worldWith('one\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(2_000);
    const head = await readHead(world.store(), batchKey(0));
    assert(head !== undefined, 'the first batch is stored');
    const { archive, end, chain } = head.header;
    const start = { archive, first: end, prev: chain, epoch: 2 };
    const { sealed } = await sealBatch(start, chunks('two\n'), DEFAULT_COMPRESSION, () => ({
      end: end + 4,
      records: 4,
      observed: [[end + 4, 1]],
    }));
    run.store.script.put = async (key, proceed) => {
      if (key === batchKey(end)) {
        await world.store().put(key, (await sealed).body, { if: 'absent' });
        await claimBy(world, 3);
      }
      return proceed();
    };
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.clock.advance(5_000);
    await expect(run.ended).rejects.toMatchObject({ code: 'RIG_FENCED', details: { epoch: 3, pid: 99 } });
  });

  it('does not list for ever where claims are listed that are not there', async () => {
    const world = worldWith('one\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(15_000);
    await claimBy(world, 3);
    run.store.script.get = async (key, proceed) => (key.startsWith('WRITER/') ? undefined : proceed());
    world.clock.jumpWall(3_600_000);
    const before = run.store.calls.length;
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.clock.advance(5_000);
    await expect(run.ended).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
    expect(run.store.calls.slice(before).filter((call) => call.startsWith('list WRITER/'))).toHaveLength(3);
  });

  it('looks beside a put that takes long, and obeys once the put is answered', async () => {
    const world = worldWith('one\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(2_000);
    run.store.script.put = async (_, proceed) => {
      await world.clock.sleep(14_000);
      return proceed();
    };
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.clock.advance(3_000);
    await claimBy(world, 2);
    await world.clock.advance(11_000);
    expect(run.durable()).toBe(4);
    await world.clock.advance(3_000);
    await expect(run.ended).rejects.toMatchObject({ code: 'RIG_FENCED' });
    expect(run.durable()).toBe(8);
  });

  it.each(['wall', 'monotonic'])(
    'for an hour by the %s clock looks fully: a snapshot beyond makes it start again',
    async (kind) => {
      const world = worldWith('one\n');
      const run = world.start({ journal: JOURNAL, follow: true });
      await world.clock.advance(15_000);
      await world.store().put('SNAPSHOT/0000000000000fff', bodyOf('state'), { if: 'absent' });
      if (kind === 'wall') {
        world.clock.jumpWall(3_600_000);
      } else {
        await world.clock.advance(3_600_000);
      }
      const before = run.store.calls.length;
      world.fileSystem.append(JOURNAL, 'two\n');
      await world.clock.advance(5_000);
      const calls = run.store.calls.slice(before);
      expect(calls.slice(0, 2)).toEqual(['list WRITER/', 'list SNAPSHOT/']);
      expect(run.reports).toContainEqual(expect.objectContaining({ type: 'note', code: 'starting-again' }));
      run.stop();
      run.abort();
      await world.clock.settle();
    },
  );

  it('while its put was in flight looks again before it reports it', async () => {
    const world = worldWith('one\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    await world.clock.advance(2_000);
    run.store.script.put = async (key, proceed) => {
      const result = await proceed();
      if (key.startsWith('LOG/')) {
        world.clock.jumpWall(86_400_000);
        await claimBy(world, 2);
      }
      return result;
    };
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.clock.advance(3_000);
    await expect(run.ended).rejects.toMatchObject({ code: 'RIG_FENCED' });
    expect(run.durable()).toBe(4);
  });

  it("believes the store's clock when its own stood still", async () => {
    const world = worldWith('one\n');
    const run = world.start({ journal: JOURNAL, follow: true });
    let storeTimeMs = 1_000;
    run.store.script.put = async (_, proceed) => ({ ...(await proceed()), storeTimeMs });
    await world.clock.advance(2_000);
    storeTimeMs += 3_600_000;
    const before = run.store.calls.length;
    world.fileSystem.append(JOURNAL, 'two\n');
    await world.clock.advance(2_000);
    expect(run.store.calls.slice(before)).toEqual([
      expect.stringMatching(/^put LOG/),
      'list WRITER/',
      'list SNAPSHOT/',
    ]);
    expect(run.durable()).toBe(8);
    run.stop();
    await world.clock.runUntil(run.ended);
  });
});
