import { describe, expect, it } from 'vitest';
import { RigError } from '../../src/kernel/errors.ts';
import type { Store } from '../../src/store/contract.ts';
import { CliWorld, JOURNAL, journalLines, worldWithArchive } from '../support/cli-world.ts';
import { ScriptedStore } from '../support/scripted-store.ts';

/** A follower that has pushed the journal and waits for more. */
async function following(...argv: string[]) {
  const world = new CliWorld();
  world.fileSystem.append(JOURNAL, journalLines(10));
  const ended = world.start('push', JOURNAL, '--follow', ...argv);
  while (!world.namespace.objects.has('LOG/0000000000000000')) {
    await world.clock.advance(1_000);
  }
  await world.clock.advance(10_000);
  return { world, ended };
}

/** A store whose listings never answer, except by an abort. */
function deaf(store: Store): Store {
  const scripted = new ScriptedStore(store);
  scripted.script.list = () => new Promise(() => undefined);
  return scripted;
}

describe('the first signal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends a follower cleanly with status %i and its result', async (signal, exitCode) => {
    const { world, ended } = await following('--json');
    world.signal(signal);
    expect(await world.clock.runUntil(ended)).toEqual({ exitCode, atOnce: false });
    const lines = world.stdout.json;
    expect(lines.filter(({ type }) => type === 'durable').at(-1)).toMatchObject({
      durable: 120,
      lagBytes: 0,
    });
    expect(lines.at(-2)).toMatchObject({ type: 'note', code: 'interrupted' });
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      command: 'push',
      ok: false,
      exitCode,
      durable: 120,
      bytes: 120,
      error: { code: 'RIG_INTERRUPTED', kind: 'interrupted', details: { signal } },
    });
    expect(lines.filter(({ type }) => type === 'result')).toHaveLength(1);
  });

  it('says what goes on, and what is durable', async () => {
    const { world, ended } = await following();
    world.signal('SIGINT');
    await world.clock.runUntil(ended);
    expect(world.stderr.text).toContain(
      'note: SIGINT: finishing the batch in flight; a second signal ends it at once\n',
    );
    expect(world.stdout.text).toMatch(
      /^pushed 120 B in 1 batch \(\d+ B stored\), durable at 120 \(0x78\)\n$/,
    );
    expect(world.stderr.text).toContain('error: interrupted by SIGINT\nhint: ');
  });

  it('ends a restore with nothing at the target', async () => {
    const world = await worldWithArchive();
    world.wrapStore = (store) => {
      const scripted = new ScriptedStore(store);
      scripted.script.get = (key, proceed) => {
        if (key.startsWith('LOG/')) {
          world.signal('SIGTERM');
        }
        return proceed();
      };
      return scripted;
    };
    expect(await world.run('restore', '--to', '/out', '--json')).toEqual({ exitCode: 143, atOnce: false });
    expect(world.stdout.json.at(-1)).toMatchObject({ type: 'result', ok: false, exitCode: 143 });
    expect(await world.fileSystem.list('/')).toEqual([expect.objectContaining({ name: JOURNAL.slice(1) })]);
  });

  it('may arrive twice, as under npm, and counts once', async () => {
    const { world, ended } = await following();
    world.signal('SIGINT');
    world.signal('SIGINT');
    expect(await world.clock.runUntil(ended)).toEqual({ exitCode: 130, atOnce: false });
    expect(world.stdout.text).toMatch(/^pushed 120 B/);
  });
});

describe('the second signal', () => {
  it('ends at once, whatever hangs, and nothing more is written', async () => {
    const world = await worldWithArchive();
    world.wrapStore = deaf;
    const ended = world.start('status', '--json');
    await world.clock.advance(1_000);
    world.signal('SIGINT');
    await world.clock.advance(1_000);
    const before = [world.stdout.text, world.stderr.text];
    world.signal('SIGTERM');
    expect(await world.clock.runUntil(ended)).toEqual({ exitCode: 143, atOnce: true });
    await world.clock.advance(60_000);
    expect([world.stdout.text, world.stderr.text]).toEqual(before);
  });

  it('waits a second for what is under way to clean up, and still writes nothing', async () => {
    const world = await worldWithArchive();
    let cleanedUp = false;
    world.wrapStore = (store) => {
      const scripted = new ScriptedStore(store);
      scripted.script.list = async () => {
        await world.clock.sleep(2_500);
        cleanedUp = true;
      };
      return scripted;
    };
    const ended = world.start('ls');
    await world.clock.advance(1_000);
    world.signal('SIGINT');
    await world.clock.advance(1_000);
    const before = world.stderr.text;
    world.signal('SIGINT');
    expect(await world.clock.runUntil(ended)).toMatchObject({ exitCode: 130 });
    expect(cleanedUp).toBe(true);
    expect([world.stdout.text, world.stderr.text]).toEqual(['', before]);
  });
});

it('a fault of the program is told in one result, and ends it', async () => {
  const world = await worldWithArchive();
  world.wrapStore = deaf;
  const ended = world.start('status', '--json');
  await world.clock.advance(1_000);
  world.fault(new Error('lost rejection'));
  expect(await world.clock.runUntil(ended)).toEqual({ exitCode: 1, atOnce: true });
  expect(world.stdout.json.at(-1)).toMatchObject({
    type: 'result',
    ok: false,
    exitCode: 1,
    error: { code: 'RIG_ASSERTION', message: 'unexpected: lost rejection' },
  });
});

it('a command that has ended listens to nothing', async () => {
  const world = await worldWithArchive();
  expect(world.quiet).toBe(true);
  await world.run('status');
  expect(world.quiet).toBe(true);
});

it('a failing store is tried again for a minute, and then no more', async () => {
  const world = await worldWithArchive();
  world.wrapStore = (store) => {
    const scripted = new ScriptedStore(store);
    scripted.script.list = () => {
      throw new RigError('RIG_STORE_UNAVAILABLE', 'no answer', { hint: 'look at the network' });
    };
    return scripted;
  };
  const startMs = world.clock.monotonicMs();
  expect(await world.run('ls', '--json')).toEqual({ exitCode: 13, atOnce: false });
  const tookMs = world.clock.monotonicMs() - startMs;
  expect(tookMs).toBeGreaterThan(30_000);
  expect(tookMs).toBeLessThan(90_000);
  const lines = world.stdout.json;
  expect(lines.filter(({ type }) => type === 'retry').length).toBeGreaterThan(5);
  expect(lines.at(-1)).toMatchObject({ ok: false, error: { retryable: true, hint: 'look at the network' } });
});
