import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/kernel/clock.ts';
import { nodeFileSystem } from '../../../src/kernel/filesystem.ts';
import { systemRandom } from '../../../src/kernel/random.ts';
import { bodyOf } from '../../../src/store/body.ts';
import type { Store } from '../../../src/store/contract.ts';
import { openFileStore } from '../../../src/store/drivers/file.ts';
import { MemoryFileSystem } from '../../support/memory-filesystem.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { keysOf, textOf } from '../../support/store-bytes.ts';

const ANY = { if: 'any' } as const;

let directory: string;
let root: string;
let store: Store;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rigctl-layout-'));
  root = join(directory, 'archive');
  store = openFileStore(root, { fileSystem: nodeFileSystem, clock: systemClock, random: systemRandom });
});
afterEach(() => rm(directory, { recursive: true }));

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

describe('a directory store', () => {
  it('keeps an object as a file at the path of its key, for its owner alone', async () => {
    await store.put('LOG/deep/0000', bodyOf('content'), { if: 'absent' });
    await store.put('LATEST', bodyOf('48e'), ANY);
    expect(await readFile(join(root, 'LOG/deep/0000'), 'utf8')).toBe('content');
    expect((await readdir(root)).sort()).toEqual(['.rigctl-tmp', 'LATEST', 'LOG']);
    for (const made of ['', 'LOG', 'LOG/deep', '.rigctl-tmp']) {
      expect(await modeOf(join(root, made)), made).toBe('700');
    }
    expect([await modeOf(join(root, 'LATEST')), await modeOf(join(root, 'LOG/deep/0000'))]).toEqual([
      '600',
      '600',
    ]);
    expect((await stat(join(root, 'LOG/deep/0000'))).nlink).toBe(1);
    expect(await readdir(join(root, '.rigctl-tmp'))).toEqual([]);
  });

  it('creates nothing when it is opened, read, listed or emptied', async () => {
    expect(await store.get('a')).toBeUndefined();
    expect(await store.head('a/b')).toBeUndefined();
    expect(await keysOf(store)).toEqual([]);
    await store.delete(['a', 'b/c']);
    expect(await readdir(directory)).toEqual([]);
  });

  it('uses a directory that is there already, with the mode it has', async () => {
    await mkdir(root);
    await chmod(root, 0o750);
    await store.put('a', bodyOf('x'), ANY);
    expect(await modeOf(root)).toBe('750');
  });

  it('lists files whoever put them there, follows links, and passes over what cannot be an object', async () => {
    await store.put('LOG/0', bodyOf('x'), ANY);
    await mkdir(join(directory, 'elsewhere'));
    await writeFile(join(directory, 'elsewhere', '1'), 'linked');
    await symlink(join(directory, 'elsewhere'), join(root, 'SNAPSHOT'));
    await symlink(join(directory, 'elsewhere', '1'), join(root, 'LOG', '1'));
    await symlink(join(directory, 'nowhere'), join(root, 'LOG', '2'));
    await mkdir(join(root, 'lost+found'));
    await writeFile(join(root, 'lost+found', 'x'), '');
    await writeFile(join(root, 'not a key'), '');
    await writeFile(join(root, 'stray.txt'), '');
    await mkdir(join(root, 'empty'));
    expect(await keysOf(store)).toEqual(['LOG/0', 'LOG/1', 'SNAPSHOT/1', 'stray.txt']);
    for (const key of ['LOG/1', 'SNAPSHOT/1']) {
      expect(await textOf(store, key)).toBe('linked');
    }
    expect(await store.get('LOG/2')).toBeUndefined();
  });

  it('has no object where a directory is, and none below a file', async () => {
    await store.put('a/b', bodyOf('x'), ANY);
    expect([await store.get('a'), await store.head('a'), await store.get('a/b/c')]).toEqual(
      Array(3).fill(undefined),
    );
    expect([await store.head('a/b/c'), await keysOf(store, 'a/b/c')]).toEqual([undefined, []]);
    await store.delete(['a', 'a/b/c']);
    expect(await keysOf(store)).toEqual(['a/b']);
    for (const condition of ['absent', 'any'] as const) {
      await expect(store.put('a', bodyOf('y'), { if: condition })).rejects.toMatchObject({
        code: 'RIG_CONFIG_INVALID',
      });
      await expect(store.put('a/b/c', bodyOf('y'), { if: condition })).rejects.toMatchObject({
        code: 'RIG_CONFIG_INVALID',
      });
    }
    expect(await readdir(join(root, '.rigctl-tmp'))).toEqual([]);
  });

  it('never lists a temporary file, and takes a key among them for a bug', async () => {
    await store.put('a', bodyOf('x'), ANY);
    await writeFile(join(root, '.rigctl-tmp', 'half'), 'half');
    expect(await keysOf(store)).toEqual(['a']);
    expect(await keysOf(store, '.rigctl-tmp/')).toEqual([]);
    await expect(store.get('.rigctl-tmp/half')).rejects.toMatchObject({ code: 'RIG_ASSERTION' });
    await expect(store.delete(['.rigctl-tmp/half'])).rejects.toMatchObject({ code: 'RIG_ASSERTION' });
  });

  it('removes the temporary files of the dead after a day, and never a younger one', async () => {
    await mkdir(join(root, '.rigctl-tmp'), { recursive: true });
    const hours = (count: number) => (systemClock.wallMs() - count * 3_600_000) / 1_000;
    for (const [name, age] of [
      ['dead', 25],
      ['alive', 23],
    ] as const) {
      await writeFile(join(root, '.rigctl-tmp', name), 'half');
      await utimes(join(root, '.rigctl-tmp', name), hours(age), hours(age));
    }
    await store.get('a');
    await keysOf(store);
    expect((await readdir(join(root, '.rigctl-tmp'))).sort()).toEqual(['alive', 'dead']);
    await store.put('a', bodyOf('x'), ANY);
    expect(await readdir(join(root, '.rigctl-tmp'))).toEqual(['alive']);
  });
});

describe('a listing of a large directory', () => {
  async function largeStore(files: number) {
    const clock = new SimulatedClock();
    const fileSystem = new MemoryFileSystem(clock);
    await fileSystem.makeDirectory('/archive', 0o700);
    for (const name of ['LOG', 'SNAPSHOT']) {
      await fileSystem.makeDirectory(`/archive/${name}`, 0o700);
    }
    for (let at = 0; at < files; at += 1) {
      fileSystem.append(`/archive/LOG/${at.toString(16).padStart(16, '0')}`, 'x');
    }
    const calls: string[] = [];
    fileSystem.beforeCall = ({ name, path }) => calls.push(`${name} ${path}`);
    return { calls, large: openFileStore('/archive', { fileSystem, clock, random: seededRandom(1) }) };
  }

  it('looks up sizes only as far as it is read', async () => {
    const { large, calls } = await largeStore(2_000);
    for await (const { key } of large.list('LOG/')) {
      expect(key).toBe('LOG/0000000000000000');
      break;
    }
    expect(calls.filter((call) => call.startsWith('stat')).length).toBeLessThan(50);
  });

  it('reads no directory that cannot hold what is asked for', async () => {
    const { large, calls } = await largeStore(1);
    await keysOf(large, 'LOG/');
    await keysOf(large, '', 'LOG/zzz');
    const read = calls.filter((call) => call.startsWith('list')).map((call) => call.slice('list '.length));
    expect(read).toEqual(['/archive', '/archive/LOG', '/archive', '/archive/LOG', '/archive/SNAPSHOT']);
    calls.length = 0;
    await keysOf(large, 'LOG', 'LOG0');
    expect(calls.filter((call) => call.startsWith('list'))).toEqual(['list /archive']);
  });
});
