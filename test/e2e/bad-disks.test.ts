import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  expectRefusal,
  expectRefusalInJson,
  JOURNAL,
  type Refusal,
  resultOf,
  Scene,
} from '../support/scene.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { isMountingPossible, SmallDisk } from '../support/small-disk.ts';

/** The smallest disk there is: one file fills it. */
const ONE_FILE_KIB = 4;

const DISK_FULL: Refusal = {
  exitCode: 15,
  code: 'RIG_LOCAL_IO',
  message: 'ENOSPC',
  hint: 'free space on that file system',
};

// A machine that builds changes may mount, so that nothing is skipped there: where it may not it fails.
const mayRun = isMountingPossible() || process.env['CI'] === 'true';

describe.runIf(mayRun)('a disk', { concurrent: true }, () => {
  it('that is full at the target keeps what it has', async () => {
    await using scene = await Scene.create();
    using disk = await SmallDisk.mount(scene.path('disk'), ONE_FILE_KIB);
    await cp(scene.path('precious'), `${disk.path}/precious`);
    await expectRefusal(scene, ['restore', '--to', 'disk/new'], DISK_FULL);
    await expectRefusal(scene, ['restore', '--to', 'disk/precious', '--force'], DISK_FULL);
  });

  it('that is read-only at the target keeps what it has', async () => {
    await using scene = await Scene.create();
    using disk = await SmallDisk.mount(scene.path('disk'), ONE_FILE_KIB);
    await cp(scene.path('precious'), `${disk.path}/precious`);
    disk.makeReadOnly();
    const refusal = {
      exitCode: 15,
      code: 'RIG_LOCAL_IO',
      message: 'EROFS',
      hint: 'restore to a file system that is not read-only',
    };
    await expectRefusal(scene, ['restore', '--to', 'disk/new'], refusal);
    await expectRefusal(scene, ['restore', '--to', 'disk/precious', '--force'], refusal);
  });

  it('that is read-only under the archive gives everything and takes nothing', async () => {
    await using scene = await Scene.create();
    using disk = await SmallDisk.mount(scene.path('disk'), 64);
    await cp(scene.path('archive'), `${disk.path}/archive`, { recursive: true });
    disk.makeReadOnly();
    const archive = ['--archive', 'file:disk/archive'];
    for (const command of [['status'], ['ls'], ['verify', '--level', 'replay']]) {
      expect(resultOf(await scene.run([...command, ...archive, '--json']))).toMatchObject({ ok: true });
    }
    expect((await scene.run(['restore', '--to', '-', ...archive])).stdout).toBe(JOURNAL);
    await writeFile(scene.path('app.log'), `${JOURNAL}eight\n`);
    await expectRefusal(scene, ['push', 'app.log', ...archive], {
      exitCode: 12,
      code: 'RIG_STORE_DENIED',
      message: 'the file system is read-only',
      hint: 'remount it writable',
    });
  });

  it('that is full under the archive is given a minute, and what is there stays good', async () => {
    await using scene = await Scene.create();
    using disk = await SmallDisk.mount(scene.path('disk'), 64);
    const journal = Buffer.from(Array.from({ length: 100_000 }, seededRandom(1).next).map((at) => at * 256));
    await writeFile(scene.path('big.log'), journal);
    const push = ['push', 'big.log', '--batch-bytes', '16KiB'];
    const archive = ['--archive', 'file:disk/archive'];

    const [said, words] = await Promise.all([
      scene.run([...push, '--json', ...archive]),
      scene.run([...push, '--archive', 'file:disk/other']),
    ]);
    expectRefusalInJson(said, {
      exitCode: 13,
      code: 'RIG_STORE_UNAVAILABLE',
      message: 'no space left on the file system',
      hint: 'free or add space on the disk of the archive',
    });
    expect(words.stderr).toMatch(/\nerror: .*no space left.*\nhint: free or add space .*\n$/);
    expect(await readdir(`${disk.path}/archive/.rigctl-tmp`)).toEqual([]);
    expect(resultOf(await scene.run(['verify', '--json', ...archive]))).toMatchObject({ ok: true });

    disk.grow(1024);
    expect(await scene.run([...push, ...archive])).toMatchObject({ exitCode: 0 });
    expect(await scene.run(['restore', '--to', 'new', ...archive])).toMatchObject({ exitCode: 0 });
    expect(await readFile(scene.path('new'))).toEqual(journal);
  });
});
