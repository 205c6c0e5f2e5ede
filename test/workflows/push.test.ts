import { describe, expect, it } from 'vitest';
import { readHead } from '../../src/archive/batch-object.ts';
import { RigError } from '../../src/kernel/errors.ts';
import { MIB } from '../../src/kernel/size.ts';
import { bodyOf } from '../../src/store/body.ts';
import { PushWorld } from '../support/push-world.ts';

const JOURNAL = '/app.journal';

function lines(from: number, to: number): string {
  let text = '';
  for (let index = from; index < to; index += 1) {
    text += `{"event":${index}}\n`;
  }
  return text;
}

function worldWith(content: string): PushWorld {
  const world = new PushWorld();
  world.fileSystem.append(JOURNAL, content);
  return world;
}

describe('push once', () => {
  it('stores the journal and says what it did', async () => {
    const world = worldWith(lines(0, 100));
    const result = await world.once({ journal: JOURNAL });
    expect(result).toMatchObject({
      durable: lines(0, 100).length,
      batches: 1,
      bytes: lines(0, 100).length,
      tornBytes: 0,
    });
    expect((await world.archived()).toString()).toBe(lines(0, 100));
    expect(await world.keys()).toEqual(['ARCHIVE.json', 'LOG/0000000000000000', 'WRITER/0000000000000001']);
  });

  it('goes on where it ended, with other settings', async () => {
    const world = worldWith(lines(0, 10));
    await world.once({ journal: JOURNAL });
    world.fileSystem.append(JOURNAL, lines(10, 3_000));
    const result = await world.once({
      journal: JOURNAL,
      batchBytes: 4_096,
      compression: { name: 'gzip', level: 6 },
    });
    expect(result.batches).toBeGreaterThan(5);
    expect((await world.archived()).toString()).toBe(lines(0, 3_000));
  });

  it('writes nothing and claims nothing when there is nothing to push', async () => {
    const world = worldWith(lines(0, 10));
    await world.once({ journal: JOURNAL });
    const store = world.store();
    const result = await world.once({ journal: JOURNAL }, store);
    expect(result).toMatchObject({ durable: lines(0, 10).length, batches: 0, bytes: 0 });
    expect(store.calls.filter((call) => call.startsWith('put'))).toEqual([]);
  });

  it('makes the archive of an empty journal', async () => {
    const world = worldWith('');
    expect(await world.once({ journal: JOURNAL })).toMatchObject({ durable: 0, batches: 0 });
    expect(await world.keys()).toEqual(['ARCHIVE.json']);
  });

  it('leaves a torn tail behind and says how long it is', async () => {
    const world = worldWith(`${lines(0, 3)}{"unfini`);
    expect(await world.once({ journal: JOURNAL, format: 'lines' })).toMatchObject({
      durable: lines(0, 3).length,
      tornBytes: 8,
    });
    const store = world.store();
    expect(await world.once({ journal: JOURNAL }, store)).toMatchObject({
      durable: lines(0, 3).length,
      tornBytes: 8,
    });
    expect(store.calls.filter((call) => call.startsWith('put'))).toEqual([]);
  });

  it('refuses another format than the archive has', async () => {
    const world = worldWith(lines(0, 3));
    await world.once({ journal: JOURNAL, format: 'lines' });
    await expect(world.once({ journal: JOURNAL, format: 'bytes' })).rejects.toMatchObject({
      code: 'RIG_CONFIG_INVALID',
    });
  });

  it('compares with a handful of requests however many batches there are', async () => {
    const world = worldWith('');
    world.fileSystem.append(JOURNAL, lines(0, 20_000));
    await world.once({ journal: JOURNAL, batchBytes: 4_096 });
    const store = world.store();
    await world.once({ journal: JOURNAL }, store);
    expect(store.calls.length).toBeLessThanOrEqual(8);
  });

  it('refuses a place that holds something else', async () => {
    const world = worldWith(lines(0, 3));
    await world.store().put('photo.jpg', bodyOf('x'), { if: 'any' });
    await expect(world.once({ journal: JOURNAL })).rejects.toMatchObject({ code: 'RIG_CONFIG_INVALID' });
    expect(await world.keys()).toEqual(['photo.jpg']);
  });

  it('refuses an archive whose descriptor is lost, and names the copy', async () => {
    const world = worldWith(lines(0, 3));
    await world.once({ journal: JOURNAL });
    await world.store().delete(['ARCHIVE.json']);
    await expect(world.once({ journal: JOURNAL })).rejects.toMatchObject({
      code: 'RIG_DESCRIPTOR_LOST',
      details: { copy: 'WRITER/0000000000000001' },
    });
  });
});

describe('a journal that does not go on from its archive', () => {
  const other = '/other.journal';

  it.each([
    ['in the first batch', 5],
    ['in the last MiB', 2 * MIB - 77],
  ])('is refused when it differs %s, with the exact end of what they share', async (_, at) => {
    const content = Buffer.alloc(2 * MIB, 'abcdefg\n');
    const world = worldWith(content.toString('latin1'));
    await world.once({ journal: JOURNAL, batchBytes: 256 * 1_024 });
    content[at] = 0x58;
    world.fileSystem.append(other, content);
    world.fileSystem.append(other, 'more');
    const store = world.store();
    await expect(world.once({ journal: other }, store)).rejects.toMatchObject({
      code: 'RIG_DIVERGED',
      details: { commonEnd: at, durable: 2 * MIB, localEnd: 2 * MIB + 4 },
    });
    expect(store.calls.filter((call) => call.startsWith('put'))).toEqual([]);
  });

  it.each([[0], [100], [8_192], [2 * MIB - 1]])('is refused when it ends early, at %i', async (localEnd) => {
    const content = Buffer.alloc(2 * MIB, 'abcdefg\n');
    const world = worldWith(content.toString('latin1'));
    await world.once({ journal: JOURNAL, batchBytes: 8_192 });
    world.fileSystem.append(other, content.subarray(0, localEnd));
    await expect(world.once({ journal: other })).rejects.toMatchObject({
      code: 'RIG_LOCAL_BEHIND',
      details: { commonEnd: localEnd, durable: 2 * MIB, localEnd },
    });
  });

  it('is refused as diverged when it ends early and differs', async () => {
    const world = worldWith(lines(0, 1_000));
    await world.once({ journal: JOURNAL, batchBytes: 4_096 });
    world.fileSystem.append(other, `${lines(0, 600)}X`);
    await expect(world.once({ journal: other })).rejects.toMatchObject({
      code: 'RIG_DIVERGED',
      details: { commonEnd: lines(0, 600).length },
    });
  });

  it('is told from an archive with a missing batch', async () => {
    const world = worldWith(lines(0, 1_000));
    await world.once({ journal: JOURNAL, batchBytes: 4_096 });
    await world.store().delete(['LOG/0000000000001000']);
    world.fileSystem.append(JOURNAL, 'more');
    await expect(world.once({ journal: JOURNAL })).rejects.toMatchObject({ code: 'RIG_CHAIN_GAP' });
  });
});

describe('answers of the store', () => {
  const lost = () => new RigError('RIG_STORE_UNAVAILABLE', 'connection reset');

  it('a put whose answer is lost is recognised, not repeated as another batch', async () => {
    const world = worldWith(lines(0, 1_000));
    const store = world.store();
    store.script.put = async (key, proceed) => {
      await proceed();
      throw key.startsWith('LOG/') ? lost() : new RigError('RIG_STORE_UNAVAILABLE', 'reset');
    };
    // The probe must be refused by the store itself, else no answer would ever be clear.
    const result = await world.once({ journal: JOURNAL, batchBytes: 4_096 }, store);
    expect(result.durable).toBe(lines(0, 1_000).length);
    expect(result.batches).toBe(0);
    expect((await world.archived()).toString()).toBe(lines(0, 1_000));
  });

  it('a put that failed is sent again, the same bytes', async () => {
    const world = worldWith(lines(0, 1_000));
    const store = world.store();
    let failures = 3;
    store.script.put = async (key, proceed) => {
      if (key.startsWith('LOG/') && failures > 0) {
        failures -= 1;
        throw lost();
      }
      return proceed();
    };
    const run = world.start({ journal: JOURNAL }, store);
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ batches: 1 });
    expect(run.reports.filter(({ type }) => type === 'retry').length).toBe(3);
  });

  it('a one-shot push gives up after its deadline', async () => {
    const world = worldWith(lines(0, 10));
    const store = world.store();
    store.script.put = async (key, proceed) => {
      if (key.startsWith('LOG/')) {
        throw lost();
      }
      return proceed();
    };
    await expect(world.once({ journal: JOURNAL, deadlineMs: 30_000 }, store)).rejects.toMatchObject({
      code: 'RIG_STORE_UNAVAILABLE',
    });
  });

  it('a put that lands late, after the caller has given up, is adopted by the next push', async () => {
    const world = worldWith(lines(0, 100));
    const store = world.store();
    const late: (() => Promise<unknown>)[] = [];
    store.script.put = async (key, proceed) => {
      if (key.startsWith('LOG/')) {
        late.push(proceed);
        throw lost();
      }
      return proceed();
    };
    await expect(world.once({ journal: JOURNAL, deadlineMs: 10 }, store)).rejects.toBeInstanceOf(RigError);
    world.fileSystem.append(JOURNAL, lines(100, 200));
    const second = world.store();
    second.script.put = async (key, proceed) => {
      if (key === 'LOG/0000000000000000') {
        await late[0]?.();
      }
      return proceed();
    };
    const result = await world.once({ journal: JOURNAL }, second);
    expect(result.durable).toBe(lines(0, 200).length);
    expect((await world.archived()).toString()).toBe(lines(0, 200));
    expect(await world.keys()).toContain(`LOG/${lines(0, 100).length.toString(16).padStart(16, '0')}`);
  });

  it('a store that ignores create-only puts is refused, and used only when told so', async () => {
    const world = worldWith(lines(0, 10));
    const careless = () => {
      const store = world.store();
      const inner = world.store();
      const put = store.put.bind(store);
      store.put = (key, body, options) =>
        options.if === 'absent' ? inner.put(key, body, { ...options, if: 'any' }) : put(key, body, options);
      return store;
    };
    await expect(world.once({ journal: JOURNAL }, careless())).rejects.toMatchObject({
      code: 'RIG_STORE_UNSUPPORTED',
    });
    expect(await world.keys()).not.toContain('LOG/0000000000000000');
    const run = world.start({ journal: JOURNAL, unsafeNoFencing: true }, careless());
    expect(await world.clock.runUntil(run.ended)).toMatchObject({ batches: 1 });
    expect(run.reports).toContainEqual(expect.objectContaining({ type: 'warning', code: 'no-fencing' }));
  });

  it('a writer that slept until its claim was pruned is overtaken, and the store is not blamed', async () => {
    const world = worldWith(lines(0, 10));
    const store = world.store();
    let claims = 0;
    store.script.put = async (key, proceed) => {
      claims += key === 'WRITER/0000000000000001' ? 1 : 0;
      if (claims === 2) {
        claims += 1;
        await world.start({ journal: JOURNAL, pid: 2 }).ended;
        await world.store().delete(['WRITER/0000000000000001']);
      }
      return proceed();
    };
    const run = world.start({ journal: JOURNAL, follow: true }, store);
    await world.clock.advance(60_000);
    expect(run.durable()).toBe(lines(0, 10).length);
    const notes = run.reports.filter(({ type }) => type === 'note' || type === 'warning');
    expect(notes).toContainEqual(expect.objectContaining({ code: 'starting-again' }));
    run.stop();
    await world.clock.runUntil(run.ended);
  });

  it('no byte is archived that this machine could lose', async () => {
    const world = worldWith('');
    await world.fileSystem.syncDirectory('/');
    world.fileSystem.append(JOURNAL, lines(0, 100));
    await world.fileSystem.syncDirectory('/');
    const store = world.store();
    let survivors = -1;
    store.script.put = async (key, proceed) => {
      if (key.startsWith('LOG/')) {
        world.fileSystem.crash();
        survivors = world.fileSystem.contentOf(JOURNAL).length;
      }
      return proceed();
    };
    await world.once({ journal: JOURNAL }, store);
    expect(survivors).toBe(lines(0, 100).length);
  });
});

it('what is adopted beyond the batch that was to be put is synced here as well', async () => {
  const world = worldWith(lines(0, 10));
  world.fileSystem.append('/twin.journal', lines(0, 20));
  const late: (() => Promise<unknown>)[] = [];
  const twin = world.store();
  twin.script.put = async (key, proceed) => {
    if (key.startsWith('LOG/')) {
      late.push(proceed);
      throw new RigError('RIG_STORE_UNAVAILABLE', 'connection reset');
    }
    return proceed();
  };
  await expect(world.once({ journal: '/twin.journal', deadlineMs: 10 }, twin)).rejects.toBeInstanceOf(
    RigError,
  );

  await world.fileSystem.syncDirectory('/');
  const store = world.store();
  store.script.put = async (key, proceed) => {
    if (key.startsWith('LOG/') && late.length > 0) {
      world.fileSystem.append(JOURNAL, lines(10, 20));
      await late.pop()?.();
    }
    return proceed();
  };
  expect(await world.once({ journal: JOURNAL }, store)).toMatchObject({ durable: lines(0, 20).length });
  world.fileSystem.crash();
  expect(world.fileSystem.contentOf(JOURNAL).toString()).toBe(lines(0, 20));
});

describe('observation times', () => {
  it('say when the journal was seen how long, ascending across batches and writers', async () => {
    const world = worldWith(lines(0, 10));
    const run = world.start({ journal: JOURNAL, follow: true });
    for (let step = 1; step <= 5; step += 1) {
      await world.clock.advance(7_000);
      world.fileSystem.append(JOURNAL, lines(step * 10, step * 10 + 10));
    }
    world.clock.jumpWall(-3_600_000);
    await world.clock.advance(5_000);
    run.stop();
    await world.clock.runUntil(run.ended);
    let last = 0;
    for (const key of (await world.keys()).filter((name) => name.startsWith('LOG/'))) {
      const head = await readHead(world.store(), key);
      for (const [, atMs] of head?.header.observed ?? []) {
        expect(atMs).toBeGreaterThanOrEqual(last);
        last = atMs;
      }
    }
    expect(last).toBeGreaterThan(0);
  });
});
