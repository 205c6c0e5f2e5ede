import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import type { Random } from '../../../src/kernel/random.ts';
import { bodyOf } from '../../../src/store/body.ts';
import type { Store } from '../../../src/store/contract.ts';
import { openFileStore } from '../../../src/store/drivers/file.ts';
import { type FileSystemCall, MemoryFileSystem, systemError } from '../../support/memory-filesystem.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { contentOf, keysOf, someBytes, streamOf, textOf } from '../../support/store-bytes.ts';

const KEY = 'LOG/0000000000000000';
const clock = new SimulatedClock();

function open(fileSystem: MemoryFileSystem, seed = 1): Store {
  return openFileStore('/archive', { fileSystem, clock, random: seededRandom(seed) });
}

/** From the call numbered `at` on, every call fails: the process is dead. */
function dieAt(fileSystem: MemoryFileSystem, at: number): void {
  let calls = 0;
  fileSystem.beforeCall = ({ path }) => {
    calls += 1;
    if (calls >= at) {
      throw systemError('EIO', 'dead', path);
    }
  };
}

function restart(fileSystem: MemoryFileSystem, random: Random | undefined): Store {
  fileSystem.beforeCall = () => {};
  fileSystem.crash(random);
  return open(fileSystem, 2);
}

async function failsOn(
  fileSystem: MemoryFileSystem,
  fails: (call: FileSystemCall) => boolean,
  work: () => unknown,
) {
  fileSystem.beforeCall = (call) => {
    if (fails(call)) {
      throw systemError('EIO', call.name, call.path);
    }
  };
  await work();
  fileSystem.beforeCall = () => {};
}

describe('what a put reported is there after a power loss', () => {
  it.for(['absent', 'any'] as const)('at once after the first put (if: %s)', async (condition) => {
    const fileSystem = new MemoryFileSystem(clock);
    await open(fileSystem).put(KEY, bodyOf('kept'), { if: condition });
    expect(await textOf(restart(fileSystem, undefined), KEY)).toBe('kept');
  });

  test.prop([fc.nat(), fc.array(fc.tuple(fc.constantFrom('a', 'LOG/1', 'LOG/2', 'x/y/z'), fc.boolean()))])(
    'after any puts and deletes, whatever else survives',
    async (seed, steps) => {
      const fileSystem = new MemoryFileSystem(clock);
      const store = open(fileSystem);
      const expected = new Map<string, string>();
      for (const [at, [key, keep]] of steps.entries()) {
        if (keep) {
          await store.put(key, bodyOf(`put ${at}`), { if: expected.has(key) ? 'any' : 'absent' });
          expected.set(key, `put ${at}`);
        } else {
          await store.delete([key]);
          expected.delete(key);
        }
      }
      const after = restart(fileSystem, seededRandom(seed));
      expect(await keysOf(after)).toEqual([...expected.keys()].sort());
      for (const [key, text] of expected) {
        expect(await textOf(after, key)).toBe(text);
      }
    },
  );
});

describe('a power loss at any call of a put', () => {
  it.for(['absent', 'any'] as const)('leaves the object whole or not at all (if: %s)', async (condition) => {
    const bytes = someBytes(3_000);
    let stored = 0;
    let absent = 0;
    for (let at = 1; ; at += 1) {
      const outcomes: boolean[] = [];
      for (const seed of [undefined, 1, 2, 3, 4, 5, 6, 7]) {
        const fileSystem = new MemoryFileSystem(clock);
        dieAt(fileSystem, at);
        const put = open(fileSystem).put(KEY, streamOf(bytes, 1_000, bytes.length), { if: condition });
        const reported = await put.then(
          () => true,
          () => false,
        );
        const after = restart(fileSystem, seed === undefined ? undefined : seededRandom(seed));
        const content = await contentOf(after, KEY);
        expect(content === undefined || bytes.equals(content), `call ${at}, seed ${seed}`).toBe(true);
        expect(await keysOf(after)).toEqual(content === undefined ? [] : [KEY]);
        expect(content !== undefined || !reported, `call ${at}, seed ${seed}: reported and lost`).toBe(true);
        outcomes.push(reported);
        [stored, absent] = content === undefined ? [stored, absent + 1] : [stored + 1, absent];
        // And the archive goes on: the same put succeeds, or finds the whole object.
        await after.put(KEY, bodyOf(bytes), { if: 'any' });
        expect(bytes.equals((await contentOf(after, KEY)) ?? Buffer.alloc(0))).toBe(true);
      }
      if (outcomes.every((reported) => reported)) {
        break;
      }
    }
    expect(stored).toBeGreaterThan(0);
    expect(absent).toBeGreaterThan(0);
  });

  it('leaves the old object or the new one when it replaces', async () => {
    const [old, replacement] = [someBytes(2_000, 1), someBytes(3_000, 2)];
    for (let at = 1, reported = false; !reported; at += 1) {
      for (const seed of [undefined, 1, 2, 3, 4]) {
        const fileSystem = new MemoryFileSystem(clock);
        await open(fileSystem, 3).put('LATEST', bodyOf(old), { if: 'any' });
        dieAt(fileSystem, at);
        reported = await open(fileSystem)
          .put('LATEST', bodyOf(replacement), { if: 'any' })
          .then(
            () => true,
            () => false,
          );
        const content = await contentOf(
          restart(fileSystem, seed === undefined ? undefined : seededRandom(seed)),
          'LATEST',
        );
        const isNew = content?.equals(replacement) === true;
        expect(isNew || (!reported && content?.equals(old) === true), `call ${at}, seed ${seed}`).toBe(true);
      }
    }
  });
});

describe('what is shown is durable, whoever wrote it', () => {
  /** A put that named its object and died before it synced the directory. */
  async function dieUnsynced(fileSystem: MemoryFileSystem, store = open(fileSystem)): Promise<void> {
    let named = false;
    const synced = ({ name }: FileSystemCall) => {
      named ||= name === 'link';
      return named && name === 'syncDirectory';
    };
    await failsOn(fileSystem, synced, async () => {
      const put = store.put(KEY, bodyOf('unsynced'), { if: 'absent' });
      await expect(put).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE', retryable: true });
    });
  }

  it('a name that was linked and not synced can be lost', async () => {
    const fileSystem = new MemoryFileSystem(clock);
    await dieUnsynced(fileSystem);
    expect(await contentOf(restart(fileSystem, undefined), KEY)).toBeUndefined();
  });

  it('to whoever lost a create-only put', async () => {
    const fileSystem = new MemoryFileSystem(clock);
    await dieUnsynced(fileSystem);
    const put = open(fileSystem, 2).put(KEY, bodyOf('unsynced'), { if: 'absent' });
    await expect(put).rejects.toMatchObject({ code: 'RIG_OBJECT_EXISTS' });
    expect(await textOf(restart(fileSystem, undefined), KEY)).toBe('unsynced');
  });

  it('to whoever lists it', async () => {
    const fileSystem = new MemoryFileSystem(clock);
    await dieUnsynced(fileSystem);
    expect(await keysOf(open(fileSystem, 2), 'LOG/')).toEqual([KEY]);
    expect(await textOf(restart(fileSystem, undefined), KEY)).toBe('unsynced');
  });

  it.for(['get', 'head'] as const)('to the store whose own sync failed, in %s', async (method) => {
    const fileSystem = new MemoryFileSystem(clock);
    const store = open(fileSystem);
    await dieUnsynced(fileSystem, store);
    expect(await store[method](KEY)).toBeDefined();
    expect(await textOf(restart(fileSystem, undefined), KEY)).toBe('unsynced');
  });
});
