import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTreeSource } from '../../src/journal/snapshots/tree-source.ts';
import { nodeFileTree } from '../../src/kernel/file-tree.ts';
import { checkTreeTarget, TreeTarget } from '../../src/workflows/tree-target.ts';
import { systemError } from '../support/memory-filesystem.ts';
import { arbitraryTree, describeTree, makeTree } from '../support/random-tree.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { isMountingPossible, SmallDisk } from '../support/small-disk.ts';
import { restoreTree, tarWith } from '../support/tar-stream.ts';
import { watchTree } from '../support/watched-tree.ts';

/** What Node.js can set. */
const MICROSECOND = 1_000n;

let directory = '';
let target = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rigctl-target-'));
  target = join(directory, 'target');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function tarOf(path: string): Promise<Buffer> {
  const pieces = await Array.fromAsync((await openTreeSource(path, nodeFileTree)).open());
  return Buffer.concat(pieces.map(({ bytes }) => bytes));
}

describe('a directory restored from a tar stream', () => {
  test.prop([arbitraryTree, fc.constantFrom(511, 10_000, 65_536, 1_000_000)], { numRuns: 60 })(
    'is what the stream was made from',
    async (node, chunkBytes) => {
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory);
      const source = join(directory, 'source');
      makeTree(source, node);
      expect(await restoreTree(target, await tarOf(source), { chunkBytes })).toEqual({
        leftBehind: undefined,
      });
      expect(describeTree(target, MICROSECOND)).toEqual(describeTree(source, MICROSECOND));
      expect(spawnSync('diff', ['-r', '--no-dereference', source, target]).stdout.toString()).toBe('');
      expect(readdirSync(directory).sort()).toEqual(['source', 'target']);
    },
  );

  it('is what GNU tar would make of a stream of GNU tar, sorted by name', async () => {
    const source = join(directory, 'source');
    mkdirSync(join(source, 'sub/empty'), { recursive: true });
    writeFileSync(join(source, 'sub/file'), 'content');
    writeFileSync(join(source, 'x'.repeat(200)), 'long');
    symlinkSync('sub/file', join(source, 'link'));
    for (const format of ['gnu', 'posix']) {
      rmSync(target, { recursive: true, force: true });
      const { stdout } = spawnSync('tar', ['-c', `--format=${format}`, '--sort=name', '.'], { cwd: source });
      await restoreTree(target, stdout);
      const stepNs = format === 'gnu' ? 1_000_000_000n : MICROSECOND;
      expect(describeTree(target, stepNs)).toEqual(describeTree(source, stepNs));
    }
  });

  it('has holes where the stream has zeros', async () => {
    const source = join(directory, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'sparse'), 'at the beginning');
    truncateSync(join(source, 'sparse'), 30_000_000);
    writeFileSync(join(source, 'zeros'), Buffer.alloc(100_000));
    await restoreTree(target, await tarOf(source), { chunkBytes: 10_001 });
    expect(readFileSync(join(target, 'sparse')).equals(readFileSync(join(source, 'sparse')))).toBe(true);
    expect(readFileSync(join(target, 'zeros')).equals(Buffer.alloc(100_000))).toBe(true);
    expect(statSync(join(target, 'sparse')).blocks * 512).toBeLessThan(100_000);
    expect(statSync(join(target, 'zeros')).blocks * 512).toBeLessThan(10_000);
  });

  it('is nowhere to be seen, and closed to others, before it is whole', async () => {
    const unpacking = await TreeTarget.create(
      nodeFileTree,
      await checkTreeTarget(nodeFileTree, target, false),
      seededRandom(1),
    );
    await unpacking.write(tarWith({ data: 'secret' }));
    const [temporary = ''] = readdirSync(directory);
    expect(temporary).toMatch(/^\.target\.rigctl-[0-9a-f]{8}$/);
    expect(statSync(join(directory, temporary)).mode & 0o777).toBe(0o700);
    await unpacking.discard();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is removed only when nothing is being written any more', async () => {
    const calls: string[] = [];
    const writing = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const tree = watchTree(nodeFileTree, async ({ name }) => {
      calls.push(name);
      if (name === 'handle.write') {
        writing.resolve();
        await goOn.promise;
      }
    });
    const place = await checkTreeTarget(tree, target, false);
    const unpacking = await TreeTarget.create(tree, place, seededRandom(1));
    await unpacking.write(tarWith({ data: 'x' }));
    await writing.promise;
    const discarded = unpacking.discard();
    goOn.resolve();
    await discarded;
    expect(calls.filter((name) => name === 'remove')).toHaveLength(1);
    expect(calls.at(-1)).toBe('remove');
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is synced, every file and directory of it, before it gets its name, and its name after that', async () => {
    const calls: string[] = [];
    const tree = watchTree(nodeFileTree, ({ name, path }) => {
      calls.push(`${name} ${path.slice(directory.length).replace(/^\/\.target[^/]*/, '')}`);
    });
    await restoreTree(
      target,
      tarWith({ name: 'a' }, { kind: 'directory', name: 'd/' }, { name: 'd/b', data: 'b' }),
      {
        tree,
      },
    );
    const named = calls.findIndex((call) => call.startsWith('rename'));
    const synced = calls.flatMap((call, index) => (/sync/.test(call) && index < named ? [call] : []));
    expect(synced.sort()).toEqual(['handle.sync ', 'handle.sync /a', 'handle.sync /d', 'handle.sync /d/b']);
    expect(calls.slice(named + 1)).toEqual(['syncDirectory ']);
    // What is made in a directory changes its time, so that comes last.
    expect(calls.indexOf('openForReading /d')).toBeGreaterThan(calls.indexOf('handle.close /d/b'));
  });
});

describe('the target of a directory', () => {
  it.each([
    ['a directory', () => mkdirSync(target)],
    ['a file', () => writeFileSync(target, 'x')],
    ['a link to a directory', () => symlinkSync(directory, target)],
    ['a link to nowhere', () => symlinkSync('nowhere', target)],
  ])('that exists as %s is refused', async (_, make) => {
    make();
    await expect(restoreTree(target, tarWith())).rejects.toMatchObject({ code: 'RIG_TARGET_EXISTS' });
    expect(readdirSync(directory)).toEqual(['target']);
  });

  it.each([
    ['a file', () => writeFileSync(target, 'x')],
    ['a link to a directory', () => symlinkSync(directory, target)],
  ])('that is %s is refused even by force', async (_, make) => {
    make();
    await expect(restoreTree(target, tarWith(), { force: true })).rejects.toMatchObject({
      code: 'RIG_TARGET_EXISTS',
      message: `target ${target} exists and is not a directory`,
    });
  });

  it('that appears meanwhile is left as it is', async () => {
    const unpacking = await TreeTarget.create(
      nodeFileTree,
      await checkTreeTarget(nodeFileTree, target, false),
      seededRandom(1),
    );
    await unpacking.write(tarWith());
    mkdirSync(target);
    writeFileSync(join(target, 'mine'), 'x');
    await expect(unpacking.commit()).rejects.toMatchObject({ code: 'RIG_TARGET_EXISTS' });
    await unpacking.discard();
    expect(readdirSync(directory)).toEqual(['target']);
    expect(readdirSync(target)).toEqual(['mine']);
  });

  it('in a directory that is missing is said how to be made', async () => {
    const path = join(directory, 'none/target');
    await expect(checkTreeTarget(nodeFileTree, path, false)).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      hint: `make it first: mkdir -p ${join(directory, 'none')}`,
    });
  });

  it('may be in a directory behind a link, and end in a slash', async () => {
    symlinkSync(directory, join(directory, 'link'));
    const place = await checkTreeTarget(nodeFileTree, `${directory}/link/target/`, false);
    const unpacking = await TreeTarget.create(nodeFileTree, place, seededRandom(1));
    await unpacking.write(tarWith({ name: 'a' }));
    await unpacking.commit();
    expect(readdirSync(target)).toEqual(['a']);
  });

  it('is replaced by force, read-only directories and all', async () => {
    mkdirSync(join(target, 'old/inner'), { recursive: true });
    writeFileSync(join(target, 'old/inner/file'), 'old');
    spawnSync('chmod', ['-R', 'a-w', target]);
    expect(await restoreTree(target, tarWith({ name: 'new' }), { force: true })).toEqual({
      leftBehind: undefined,
    });
    expect(readdirSync(target)).toEqual(['new']);
    expect(readdirSync(directory)).toEqual(['target']);
  });

  it('that cannot be deleted once it is replaced is named', async () => {
    mkdirSync(target);
    writeFileSync(join(target, 'old'), 'x');
    const tree = watchTree(nodeFileTree, ({ name, path }) => {
      if (name === 'remove') {
        throw systemError('EACCES', 'unlink', path);
      }
    });
    const { leftBehind = '' } = await restoreTree(target, tarWith({ name: 'new' }), { tree, force: true });
    expect(leftBehind).toMatch(/\/\.target\.rigctl-[0-9a-f]{8}\.old$/);
    expect([readdirSync(target), readdirSync(leftBehind)]).toEqual([['new'], ['old']]);
  });
});

describe('a disk in trouble', () => {
  const stream = tarWith(
    { kind: 'directory', name: 'a/' },
    { name: 'a/b', data: 'content' },
    { kind: 'symlink', name: 'c', linkName: 'a' },
    { name: 'd', data: 'x'.repeat(300_000) },
    { name: 'e', data: `${'\0'.repeat(8_192)}` },
  );

  /** Restores by force over an old directory, where call `at` fails. */
  async function restoreWith(at: number): Promise<{ calls: string[]; outcome: unknown }> {
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target);
    writeFileSync(join(target, 'old'), 'x');
    const calls: string[] = [];
    const tree = watchTree(nodeFileTree, ({ name, path }) => {
      calls.push(name);
      if (calls.length === at) {
        throw systemError('ENOSPC', name, path);
      }
    });
    const outcome = await restoreTree(target, stream, { tree, force: true }).catch((error: Error) => error);
    return { calls, outcome };
  }

  it('refuses the restore at any call, and the old directory stays', async () => {
    const { calls } = await restoreWith(0);
    expect(calls.length).toBeGreaterThan(30);
    const named = calls.lastIndexOf('syncDirectory') + 1;
    expect(named).toBeGreaterThan(calls.lastIndexOf('rename'));
    for (let at = 1; at <= named; at += 1) {
      const { outcome } = await restoreWith(at);
      expect(outcome, `call ${at}, ${calls[at - 1]}`).toMatchObject({
        code: 'RIG_LOCAL_IO',
        message: expect.stringContaining(`target ${target}: ENOSPC`),
        hint: 'free space on that file system, or restore to another one',
      });
      expect(readdirSync(directory), `call ${at}, ${calls[at - 1]}`).toEqual(['target']);
      expect(readdirSync(target)).toEqual(['old']);
    }
  });

  it.runIf(isMountingPossible())('that is really full is left as it was', async () => {
    using disk = await SmallDisk.mount(join(directory, 'disk'), 256);
    target = join(disk.path, 'target');
    const large = tarWith(
      ...Array.from({ length: 90 }, (_, index) => ({ name: `${index + 10}`, data: 'x'.repeat(5_000) })),
    );
    await expect(restoreTree(target, large)).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      details: { errno: 'ENOSPC' },
    });
    expect(readdirSync(disk.path)).toEqual([]);
    expect(existsSync(target)).toBe(false);
  });
});
