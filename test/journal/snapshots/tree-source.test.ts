import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '@fast-check/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LocalSource } from '../../../src/journal/snapshots/local-source.ts';
import { openTreeSource } from '../../../src/journal/snapshots/tree-source.ts';
import { type FileTree, nodeFileTree, type TreeKind } from '../../../src/kernel/file-tree.ts';
import { systemError } from '../../support/memory-filesystem.ts';
import { arbitraryTree, describeTree, makeTree } from '../../support/random-tree.ts';
import { watchTree } from '../../support/watched-tree.ts';

const EXACT = 1n;

let directory = '';
let tree = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rigctl-tree-'));
  tree = join(directory, 'tree');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function readAll(source: LocalSource): Promise<Buffer> {
  const pieces = await Array.fromAsync(source.open());
  return Buffer.concat(pieces.map(({ bytes }) => bytes));
}

function tar(cwd: string, input: Buffer, ...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync('tar', args, {
    cwd,
    input,
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
  return `${stdout}${stderr}`;
}

/** As if `/` were the smallest byte. */
function inTreeOrder(a: string, b: string): number {
  const [one, other] = [a.replaceAll('/', '\0'), b.replaceAll('/', '\0')];
  return one === other ? 0 : one < other ? -1 : 1;
}

describe('a directory as a snapshot', () => {
  test.prop([arbitraryTree], { numRuns: 30 })(
    'is a tar stream that GNU tar unpacks to the same',
    async (node) => {
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory);
      makeTree(tree, node);
      const source = await openTreeSource(tree, nodeFileTree);
      const stream = await readAll(source);
      expect(stream.length).toBe(source.atMostBytes);
      expect(tar(tree, stream, 'df', '-')).toBe('');
      const copy = join(directory, 'copy');
      mkdirSync(copy);
      // A time far from now is worth a word to tar, and no more.
      expect(tar(copy, stream, 'xpf', '-', '--same-owner', '--warning=no-timestamp')).toBe('');
      expect(describeTree(copy, EXACT)).toEqual(describeTree(tree, EXACT));
    },
  );

  test.prop([arbitraryTree], { numRuns: 30 })(
    'comes in pieces that belong to one entry each',
    async (node) => {
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory);
      makeTree(tree, node);
      const pieces = await Array.fromAsync((await openTreeSource(tree, nodeFileTree)).open());
      const keys = pieces.flatMap(({ key }) => (key === undefined ? [] : [key]));
      expect(keys.slice(0, 1)).toEqual(['.']);
      expect(keys.slice(1)).toEqual(keys.slice(1).toSorted(inTreeOrder));
      expect(new Set(keys).size).toBe(describeTree(tree, EXACT).length);
      expect(pieces[0]?.key).toBe('.');
      expect(pieces.at(-1)).toEqual({ bytes: new Uint8Array(1024) });
      for (const { bytes } of pieces) {
        expect(bytes.length).toBeGreaterThan(0);
        expect(bytes.length).toBeLessThanOrEqual(65_536 + 511);
      }
    },
  );

  it('cuts a file every 64 KiB, its padding with the last piece', async () => {
    mkdirSync(tree);
    writeFileSync(join(tree, 'a'), Buffer.alloc(3 * 1024 * 1024 + 100, 'x'));
    writeFileSync(join(tree, 'b'), '');
    writeFileSync(join(tree, 'c'), Buffer.alloc(65_536 + 1, 'x'));
    const pieces = await Array.fromAsync((await openTreeSource(tree, nodeFileTree)).open());
    const groups: number[][] = [];
    for (const { key, bytes } of pieces) {
      if (key === undefined) {
        groups.at(-1)?.push(bytes.length);
      } else {
        groups.push([]);
      }
    }
    expect(groups).toEqual([[], [...new Array(48).fill(65_536), 512], [], [65_536, 512, 1024]]);
  });

  it('sorts what is in a directory behind it, and before what has its name and goes on', async () => {
    for (const name of ['a', 'a/z', 'a b']) {
      mkdirSync(join(tree, name), { recursive: true });
    }
    writeFileSync(join(tree, 'a-b'), '');
    writeFileSync(join(tree, 'a/!'), '');
    const pieces = await Array.fromAsync((await openTreeSource(tree, nodeFileTree)).open());
    expect(pieces.flatMap(({ key }) => key ?? [])).toEqual(['.', 'a', 'a/!', 'a/z', 'a b', 'a-b']);
  });

  it('stores hard links as files of their own', async () => {
    mkdirSync(tree);
    writeFileSync(join(tree, 'a'), 'same');
    spawnSync('ln', [join(tree, 'a'), join(tree, 'b')]);
    const stream = await readAll(await openTreeSource(tree, nodeFileTree));
    expect(tar(directory, stream, 'tf', '-')).toBe('./\na\nb\n');
    expect(tar(directory, stream, 'xOf', '-', 'b')).toBe('same');
  });

  it('is read through sparse files as they are', async () => {
    mkdirSync(tree);
    writeFileSync(join(tree, 'sparse'), 'x');
    truncateSync(join(tree, 'sparse'), 20_000_001);
    const stream = await readAll(await openTreeSource(tree, nodeFileTree));
    expect(tar(tree, stream, 'df', '-')).toBe('');
  });

  it.each(['pipe', 'socket', 'device'] as const)('with a %s in it is refused by name', async (kind) => {
    mkdirSync(tree);
    writeFileSync(join(tree, 'odd'), '');
    const odd = withKind(`${tree}/odd`, kind);
    await expect(openTreeSource(tree, odd)).rejects.toMatchObject({
      code: 'RIG_INCOMPLETE',
      message: `snapshot holds a ${kind}, which cannot be stored: ${tree}/odd`,
    });
  });

  it('tells a real pipe, and names what is not UTF-8 so that it can be found', async () => {
    mkdirSync(tree);
    // The shell's printf makes the byte that no argument can carry.
    spawnSync('sh', ['-c', 'mkfifo "$(printf "caf\\351")"'], { cwd: tree });
    await expect(openTreeSource(tree, nodeFileTree)).rejects.toThrow(
      `snapshot holds a pipe, which cannot be stored: ${tree}/caf\\xe9`,
    );
  });

  it('that may not be read is a local error that names the file', async () => {
    mkdirSync(tree);
    writeFileSync(join(tree, 'secret'), 'x');
    const closed = watchTree(nodeFileTree, ({ name, path }) => {
      if (name === 'openForReading') {
        throw systemError('EACCES', 'open', path);
      }
    });
    const source = await openTreeSource(tree, closed);
    await expect(readAll(source)).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      message: `cannot read snapshot ${join(tree, 'secret')}: EACCES`,
    });
  });
});

/** The real tree, but for what it says of one path. */
function withKind(odd: string, kind: TreeKind): FileTree {
  return Object.assign(Object.create(nodeFileTree) as FileTree, {
    lstat: async (path: string) => {
      const stat = await nodeFileTree.lstat(path);
      return path === odd && stat !== undefined ? { ...stat, kind } : stat;
    },
  });
}

/** The clock of file times ticks slowly on some systems; what happens after this has a later time. */
function tick(): void {
  const path = join(directory, 'tick');
  writeFileSync(path, '');
  const { ctimeNs } = statSync(path, { bigint: true });
  do {
    chmodSync(path, 0o600);
  } while (statSync(path, { bigint: true }).ctimeNs === ctimeNs);
}

function makeSmallTree(): void {
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(join(tree, 'b/inner'), { recursive: true });
  writeFileSync(join(tree, 'a'), 'first');
  writeFileSync(join(tree, 'b/inner/large'), Buffer.alloc(300_000, 'large '));
  writeFileSync(join(tree, 'b/small'), 'small');
  symlinkSync('a', join(tree, 'link'));
  writeFileSync(join(tree, 'z'), 'last');
}

const CHANGES: Record<string, () => void> = {
  'a file grows': () => appendFileSync(join(tree, 'b/inner/large'), 'more'),
  'a file is cut': () => truncateSync(join(tree, 'b/inner/large'), 70_000),
  'a file is overwritten by as much': () => writeFileSync(join(tree, 'a'), 'FIRST', { flag: 'r+' }),
  'a file gets another mode': () => chmodSync(join(tree, 'z'), 0o600),
  'a file vanishes': () => rmSync(join(tree, 'b/small')),
  'the last file vanishes': () => rmSync(join(tree, 'z')),
  'a file appears': () => writeFileSync(join(tree, 'b/new'), 'new'),
  'a file appears at the end': () => writeFileSync(join(tree, 'zz'), 'new'),
  'a file gets another name': () => renameSync(join(tree, 'a'), join(tree, 'aa')),
  'a file is replaced by its like': () => {
    writeFileSync(join(directory, 'like'), 'last');
    renameSync(join(directory, 'like'), join(tree, 'z'));
  },
  'a file becomes a link': () => {
    rmSync(join(tree, 'z'));
    symlinkSync('a', join(tree, 'z'));
  },
  'a file becomes a directory': () => {
    rmSync(join(tree, 'z'));
    mkdirSync(join(tree, 'z'));
  },
  'a file becomes a pipe': () => {
    rmSync(join(tree, 'z'));
    spawnSync('mkfifo', [join(tree, 'z')]);
  },
  'a link says something else': () => {
    rmSync(join(tree, 'link'));
    symlinkSync('b', join(tree, 'link'));
  },
  'a directory becomes a link to its like': () => {
    renameSync(join(tree, 'b'), join(directory, 'elsewhere'));
    symlinkSync('../elsewhere', join(tree, 'b'));
  },
  'the whole tree vanishes': () => rmSync(tree, { recursive: true }),
};

/** Reads the small tree with `change` before call `at`. */
async function readWith(
  at: number,
  change: () => void,
): Promise<{ calls: number; outcome: Buffer | Error; moments: string[][] }> {
  rmSync(join(directory, 'elsewhere'), { recursive: true, force: true });
  makeSmallTree();
  const moments = [describeTree(tree, EXACT)];
  tick();
  let calls = 0;
  const watched = watchTree(nodeFileTree, () => {
    if (calls === at) {
      change();
    }
    calls += 1;
  });
  const outcome = await openTreeSource(tree, watched)
    .then(readAll)
    .catch((error: Error) => error);
  return { calls, outcome, moments: existsSync(tree) ? [...moments, describeTree(tree, EXACT)] : moments };
}

function unpacked(stream: Buffer): string[] {
  const copy = join(directory, 'copy');
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy);
  expect(tar(copy, stream, 'xpf', '-', '--same-owner')).toBe('');
  return describeTree(copy, EXACT);
}

describe('a directory that changes while it is read', () => {
  it.each(Object.keys(CHANGES))('(%s) is refused, or is what it was at one moment', async (what) => {
    const change = CHANGES[what] ?? (() => undefined);
    const { calls } = await readWith(-1, change);
    let refused = 0;
    for (let at = 0; at < calls; at += 1) {
      const { outcome, moments } = await readWith(at, change);
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({
          code: 'RIG_INCOMPLETE',
          message: expect.stringContaining(directory),
        });
        refused += 1;
      } else {
        expect(moments, `${what} before call ${at}`).toContainEqual(unpacked(outcome));
      }
    }
    // Only what comes before the first look at it, or after the last, can go unnoticed.
    expect(refused).toBeGreaterThan(calls / 2);
  });

  it('is refused when it changed between two readings', async () => {
    makeSmallTree();
    const source = await openTreeSource(tree, nodeFileTree);
    await readAll(source);
    tick();
    appendFileSync(join(tree, 'z'), 'more');
    await expect(readAll(source)).rejects.toMatchObject({
      code: 'RIG_INCOMPLETE',
      message: `snapshot changed while it was read: ${join(tree, 'z')}`,
    });
  });

  it('is refused when a listing lacks the end of an earlier one', async () => {
    makeSmallTree();
    let lists = 0;
    const forgetful = Object.assign(Object.create(nodeFileTree) as FileTree, {
      list: async (path: string) => {
        lists += 1;
        return (await nodeFileTree.list(path)).filter((name) => lists <= 3 || name !== 'z');
      },
    });
    const source = await openTreeSource(tree, forgetful);
    await expect(readAll(source)).rejects.toMatchObject({ code: 'RIG_INCOMPLETE' });
  });

  it('leaves no file open when nobody wants the rest', async () => {
    makeSmallTree();
    let open = 0;
    const watched = watchTree(nodeFileTree, ({ name }) => {
      open += name === 'openForReading' ? 1 : name === 'handle.close' ? -1 : 0;
    });
    const source = await openTreeSource(tree, watched);
    for await (const { bytes } of source.open()) {
      if (bytes.length > 60_000) {
        break;
      }
    }
    expect(open).toBe(0);
  });
});
