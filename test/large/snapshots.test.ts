import { spawnSync } from 'node:child_process';
import { mkdir, mkdtempDisposable, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { snapshotKey } from '../../src/archive/layout.ts';
import { KIB, MIB, parseSize, showSize } from '../../src/kernel/size.ts';
import { Figures } from '../support/figures.ts';
import { writeChunks } from '../support/large-journal.ts';
import { changeLargeTree, makeLargeTree, SPARSE_FILE_BYTES } from '../support/large-tree.ts';
import { mixed, Supply } from '../support/mixed.ts';

const FILES = 100_000;
/** 4 GiB; RIGCTL_TEST_LARGE_BYTES says a quarter of it. */
const FILE_BYTES = 4 * (parseSize(process.env['RIGCTL_TEST_LARGE_BYTES'] ?? '1GiB') ?? Number.NaN);
const BLOCK_BYTES = 64 * KIB;

/** One in so many files or blocks changes. */
const CHANGED = 100;
/** Of what the full snapshot takes: 1 %, and as much again for the index. */
const INCREMENT_LIMIT = 0.02;

const JOURNAL = Buffer.from('what was done since, '.repeat(200));
/** Where in it the snapshots beside it were taken. */
const [FIRST, SECOND] = [1_000, 2_000];

/** Content by one program; kinds, modes, owners, links and times, kept to the microsecond, by another. */
const COMPARE_TREES = `
  list() {
    cd "$1" && find . -printf '%T@ %y %m %U:%G %p %l\\n' | sed -E 's/^([0-9]+[.][0-9]{6})[0-9]*/\\1/' | sort
  }
  export LC_ALL=C
  diff -r --no-dereference "$0" "$1"
  diff <(list "$0") <(list "$1")
`;

/** What a program that compares two things has to say: nothing when they are the same. */
function said(program: string, args: readonly string[]): string {
  const { error, stdout, stderr } = spawnSync(program, args);
  return `${error ?? ''}${stdout}${stderr}`.slice(0, 1_000);
}

/** How many bytes the archive in `directory` holds for the snapshot at `offset`. */
async function storedBytes(directory: string, offset: number): Promise<number> {
  const { size } = await stat(join(directory, 'archive', snapshotKey(offset)));
  console.log(`snapshot at ${offset}: ${showSize(size)} stored`);
  return size;
}

it(`a directory of ${FILES} files comes back as it was, and what changes takes its share`, async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-large-'));
  const figures = new Figures();
  const [snapshots, target] = [join(directory.path, 'snapshots'), join(directory.path, 'restored')];
  const archive = ['--archive', `file:${join(directory.path, 'archive')}`];
  const push = ['push', '--format', 'none', '--snapshots', snapshots, ...archive];
  await mkdir(snapshots);
  const checkRestored = async (name: string, snapshot: string) => {
    expect(await figures.run(name, ['restore', '--to', target, ...archive])).toMatchObject({ exitCode: 0 });
    expect(said('bash', ['-c', COMPARE_TREES, snapshot, target])).toBe('');
    const sparse = await stat(join(target, 'sparse'));
    expect(sparse.size).toBe(SPARSE_FILE_BYTES);
    expect(512 * sparse.blocks).toBeLessThan(MIB);
    await rm(target, { recursive: true });
  };

  makeLargeTree(join(snapshots, '1'), FILES);
  expect(await figures.run('push of a tree', push)).toMatchObject({ exitCode: 0, result: { snapshots: 1 } });
  await checkRestored('restore of a tree', join(snapshots, '1'));

  await rename(join(snapshots, '1'), join(snapshots, '2'));
  changeLargeTree(join(snapshots, '2'), FILES, CHANGED);
  expect(await figures.run('push of a changed tree', push)).toMatchObject({
    exitCode: 0,
    result: { snapshots: 1 },
  });
  const [full, increment] = [await storedBytes(directory.path, 1), await storedBytes(directory.path, 2)];
  expect(increment / full).toBeLessThan(INCREMENT_LIMIT);
  await checkRestored('restore of a changed tree', join(snapshots, '2'));
  figures.print();
});

it(`a file of ${showSize(FILE_BYTES)} comes back as it was, and what changes takes its share`, async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-large-'));
  const figures = new Figures();
  const at = (name: string) => join(directory.path, name);
  const [journal, snapshots, target] = [at('journal'), at('snapshots'), at('restored')];
  const archive = ['--archive', `file:${join(directory.path, 'archive')}`];
  const push = ['push', journal, '--snapshots', snapshots, ...archive];
  await writeFile(journal, JOURNAL);
  await mkdir(snapshots);
  const checkRestored = async (name: string, offset: number) => {
    const args = ['restore', '--state', '--to', target, ...archive];
    expect(await figures.run(name, args)).toMatchObject({ exitCode: 0, result: { base: offset } });
    expect(said('cmp', [join(snapshots, `${offset}`), target])).toBe('');
    expect(await readFile(`${target}.journal`)).toEqual(JOURNAL.subarray(offset));
    await Promise.all([rm(target), rm(`${target}.journal`)]);
  };

  await writeChunks(join(snapshots, `${FIRST}`), mixed(3, FILE_BYTES));
  expect(await figures.run('push of a file', push)).toMatchObject({ exitCode: 0, result: { snapshots: 1 } });
  await checkRestored('restore of a file', FIRST);

  await rename(join(snapshots, `${FIRST}`), join(snapshots, `${SECOND}`));
  await changeBlocks(join(snapshots, `${SECOND}`));
  expect(await figures.run('push of a changed file', push)).toMatchObject({
    exitCode: 0,
    result: { snapshots: 1 },
  });
  const [full, increment] = [
    await storedBytes(directory.path, FIRST),
    await storedBytes(directory.path, SECOND),
  ];
  expect(increment / full).toBeLessThan(INCREMENT_LIMIT);
  await checkRestored('restore of a changed file', SECOND);
  figures.print();
});

/** Changes one in {@link CHANGED} blocks of a file, noise and text in equal parts. */
async function changeBlocks(path: string): Promise<void> {
  const supply = new Supply(4);
  await using file = await open(path, 'r+');
  for (let at = 0; at < FILE_BYTES; at += CHANGED * BLOCK_BYTES) {
    await file.write(supply.take(BLOCK_BYTES), 0, BLOCK_BYTES, at);
  }
}
