import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { snapshotKey } from '../../src/archive/layout.ts';
import { sealSnapshot } from '../../src/archive/seal-snapshot.ts';
import { openSnapshotSource } from '../../src/journal/snapshots/source.ts';
import { nodeFileTree } from '../../src/kernel/file-tree.ts';
import { nodeFileSystem } from '../../src/kernel/filesystem.ts';
import { type RestoreOptions, restore } from '../../src/workflows/restore.ts';
import { type BuiltArchive, buildArchive, objectBytes, overwrite } from '../support/archive-builder.ts';
import { LINES, options, refusal } from '../support/line-archive.ts';
import { isMountingPossible, SmallDisk } from '../support/small-disk.ts';
import { putSnapshot } from '../support/snapshot-builder.ts';
import { testContext } from '../support/workflow-context.ts';

let directory: string;
const path = (name: string) => join(directory, name);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rigctl-restore-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** An archive of the lines with one snapshot at 19: a directory with a file, an empty directory and a link. */
async function archiveOfTree(format: 'bytes' | 'none', fileBytes = 5): Promise<BuiltArchive> {
  const cuts = format === 'none' ? [] : [19, 34];
  const archive = await buildArchive({ journal: LINES, cuts, format });
  await mkdir(path('source/empty'), { recursive: true });
  await writeFile(path('source/file'), Buffer.alloc(fileBytes, 'x'), { mode: 0o640 });
  await symlink('file', path('source/link'));
  const local = { at: 19, name: 'source', path: path('source'), kind: 'directory' } as const;
  const source = await openSnapshotSource(local, nodeFileSystem, nodeFileTree);
  const { header } = await putSnapshot(archive.store, { at: 19, content: new Map() });
  const [cut, chain] = format === 'none' ? [0, header.chain] : [19, archive.headers[0]?.chain ?? ''];
  const sealed = sealSnapshot({ ...header, cut, chain }, source, { name: 'zstd', level: 1 });
  await archive.store.put(snapshotKey(19), sealed.body, { if: 'any' });
  return archive;
}

function restoreTree({ store }: BuiltArchive, changes: Partial<RestoreOptions> = {}) {
  const target = { kind: 'file', path: path('out') } as const;
  return restore({ ...testContext(store), fileSystem: nodeFileSystem }, options({ target, ...changes }));
}

async function expectTree(): Promise<void> {
  expect((await readdir(path('out'))).sort()).toEqual(['empty', 'file', 'link']);
  expect(await readFile(path('out/file'), 'utf8')).toBe('xxxxx');
  expect((await stat(path('out/file'))).mode & 0o777).toBe(0o640);
  expect(await readlink(path('out/link'))).toBe('file');
}

describe('a directory', () => {
  test('comes back as a directory', async () => {
    await restoreTree(await archiveOfTree('none'));
    await expectTree();
    expect((await readdir(directory)).sort()).toEqual(['out', 'source']);
  });

  test('comes back with the journal after it', async () => {
    await restoreTree(await archiveOfTree('bytes'), { what: 'state' });
    await expectTree();
    expect(await readFile(path('out.journal'))).toEqual(LINES.subarray(19));
  });

  test.each(['bytes', 'none'] as const)(
    'replaces another one with --force, and only then (%s)',
    async (format) => {
      const archive = await archiveOfTree(format);
      await mkdir(path('out'));
      await writeFile(path('out/mine'), 'mine');
      const error = await refusal(restoreTree(archive, { what: 'state' }));
      expect(error).toMatchObject({ code: 'RIG_TARGET_EXISTS' });
      expect(await readdir(path('out'))).toEqual(['mine']);
      await restoreTree(archive, { what: 'state', force: true });
      await expectTree();
      const journal = format === 'none' ? [] : ['out.journal'];
      expect((await readdir(directory)).sort()).toEqual(['out', ...journal, 'source']);
    },
  );

  test('never replaces a file', async () => {
    const archive = await archiveOfTree('none');
    await writeFile(path('out'), 'mine');
    for (const dryRun of [false, true]) {
      const error = await refusal(restoreTree(archive, { force: true, dryRun }));
      expect(error).toMatchObject({ code: 'RIG_TARGET_EXISTS' });
    }
    expect(await readFile(path('out'), 'utf8')).toBe('mine');
  });

  test('that is damaged leaves nothing behind', async () => {
    const archive = await archiveOfTree('none');
    const bytes = objectBytes(archive, snapshotKey(19));
    const middle = Math.floor(bytes.length / 3);
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    await overwrite(archive.store, snapshotKey(19), bytes);
    expect(await refusal(restoreTree(archive))).toMatchObject({ kind: 'data' });
    expect(await readdir(directory)).toEqual(['source']);
  });

  test.runIf(isMountingPossible())('that does not fit on the disk leaves nothing behind', async () => {
    const archive = await archiveOfTree('bytes', 1_000_000);
    using disk = await SmallDisk.mount(path('small'), 256);
    const target = { kind: 'file', path: join(disk.path, 'out') } as const;
    expect(await refusal(restoreTree(archive, { what: 'state', target }))).toMatchObject({
      code: 'RIG_LOCAL_IO',
      details: { errno: 'ENOSPC' },
    });
    expect(await readdir(disk.path)).toEqual([]);
  });
});
