import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/kernel/errors.ts';
import { bodyOf } from '../../../src/store/body.ts';
import type { PutBody, Store } from '../../../src/store/contract.ts';
import { openFileStore } from '../../../src/store/drivers/file.ts';
import { type FileSystemCall, MemoryFileSystem, systemError } from '../../support/memory-filesystem.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { contentOf, keysOf, someBytes } from '../../support/store-bytes.ts';

const ANY = { if: 'any' } as const;
const clock = new SimulatedClock();

function setUp(root = '/archive'): { fileSystem: MemoryFileSystem; store: Store } {
  const fileSystem = new MemoryFileSystem(clock);
  return { fileSystem, store: openFileStore(root, { fileSystem, clock, random: seededRandom(1) }) };
}

function failWith(fileSystem: MemoryFileSystem, errno: string, ...names: FileSystemCall['name'][]): void {
  fileSystem.beforeCall = ({ name, path }) => {
    if (names.includes(name)) {
      throw systemError(errno, name, path);
    }
  };
}

async function temporaryFiles(fileSystem: MemoryFileSystem): Promise<number> {
  return (await fileSystem.list('/archive/.rigctl-tmp')).length;
}

describe('errors of a directory store', () => {
  it.for([
    ['EACCES', 'RIG_STORE_DENIED'],
    ['EPERM', 'RIG_STORE_DENIED'],
    ['EROFS', 'RIG_STORE_DENIED'],
    ['ENOSPC', 'RIG_STORE_UNAVAILABLE'],
    ['EDQUOT', 'RIG_STORE_UNAVAILABLE'],
    ['EMFILE', 'RIG_STORE_UNAVAILABLE'],
    ['ENFILE', 'RIG_STORE_UNAVAILABLE'],
    ['EIO', 'RIG_STORE_UNAVAILABLE'],
    ['ENOENT', 'RIG_STORE_UNAVAILABLE'],
    ['ENOTDIR', 'RIG_CONFIG_INVALID'],
    ['ENAMETOOLONG', 'RIG_STORE_UNSUPPORTED'],
  ] as const)(
    '%s while creating a file is %s, names the object and the directory, and has a hint',
    async ([errno, code]) => {
      const { fileSystem, store } = setUp();
      failWith(fileSystem, errno, 'createNew');
      await expect(store.put('LOG/0', bodyOf('x'), ANY)).rejects.toMatchObject({
        code: code satisfies ErrorCode,
        retryable: code === 'RIG_STORE_UNAVAILABLE',
        message: expect.stringMatching(/cannot write LOG\/0 in \/archive: /),
        hint: expect.stringMatching(/^\w+ /),
        details: { errno, root: '/archive' },
      });
    },
  );

  it.for(['EPERM', 'ENOTSUP', 'EOPNOTSUPP'])('%s from link means there are no hard links', async (errno) => {
    const { fileSystem, store } = setUp();
    failWith(fileSystem, errno, 'link');
    await expect(store.put('a', bodyOf('x'), { if: 'absent' })).rejects.toMatchObject({
      code: 'RIG_STORE_UNSUPPORTED',
      message: 'the file system of /archive has no hard links',
      hint: expect.stringMatching(/^put /),
    });
    expect(await temporaryFiles(fileSystem)).toBe(0);
  });

  it.for(['rename', 'link'] as const)('EXDEV from %s means another file system inside', async (call) => {
    const { fileSystem, store } = setUp();
    failWith(fileSystem, 'EXDEV', call);
    const put = store.put('a', bodyOf('x'), { if: call === 'link' ? 'absent' : 'any' });
    await expect(put).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
  });

  it('EACCES is denied in every method', async () => {
    const { fileSystem, store } = setUp();
    await store.put('a', bodyOf('x'), ANY);
    failWith(fileSystem, 'EACCES', 'openForReading', 'stat', 'list', 'remove', 'createNew');
    const denied = { code: 'RIG_STORE_DENIED' };
    await expect(store.get('a')).rejects.toMatchObject(denied);
    await expect(store.head('a')).rejects.toMatchObject(denied);
    await expect(store.put('a', bodyOf('y'), ANY)).rejects.toMatchObject(denied);
    await expect(keysOf(store)).rejects.toMatchObject(denied);
    await expect(store.delete(['a'])).rejects.toMatchObject(denied);
  });

  it('a full disk leaves nothing behind, and the next put succeeds when there is space again', async () => {
    const { fileSystem, store } = setUp();
    fileSystem.freeBytes = 2_500;
    const body = bodyOf(someBytes(1_000), someBytes(1_000), someBytes(1_000));
    for (const condition of ['absent', 'any'] as const) {
      await expect(store.put('a', body, { if: condition })).rejects.toMatchObject({
        code: 'RIG_STORE_UNAVAILABLE',
        message: 'cannot write a in /archive: no space left on the file system',
      });
    }
    expect([await keysOf(store), await temporaryFiles(fileSystem)]).toEqual([[], 0]);
    fileSystem.freeBytes = 10_000;
    await store.put('a', body, { if: 'absent' });
    expect(await contentOf(store, 'a')).toHaveLength(3_000);
  });

  it.for(['handle.write', 'handle.sync', 'handle.close', 'link', 'rename'] as const)(
    'a disk that fails in %s leaves no object and no temporary file',
    async (call) => {
      const { fileSystem, store } = setUp();
      failWith(fileSystem, 'EIO', call);
      const put = store.put('a', bodyOf('x'), { if: call === 'link' ? 'absent' : 'any' });
      await expect(put).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
      fileSystem.beforeCall = () => {};
      expect([await keysOf(store), await temporaryFiles(fileSystem)]).toEqual([[], 0]);
    },
  );

  it('an error of the body is the caller’s, whatever its number', async () => {
    const { store } = setUp();
    const failure = systemError('ENOENT', 'open', '/the/journal');
    const body: PutBody = {
      lengthBytes: 1,
      open: () => {
        throw failure;
      },
    };
    await expect(store.put('a', body, ANY)).rejects.toBe(failure);
  });

  it('a body of another length than it said is a bug, and stores nothing', async () => {
    const { store } = setUp();
    const body: PutBody = { lengthBytes: 2, open: () => [Buffer.from('x')] };
    await expect(store.put('a', body, ANY)).rejects.toMatchObject({ code: 'RIG_ASSERTION' });
    expect(await keysOf(store)).toEqual([]);
  });

  it('a file in the place of the archive is not an empty archive', async () => {
    const { fileSystem, store } = setUp();
    fileSystem.append('/archive', 'a file');
    const invalid = { code: 'RIG_CONFIG_INVALID', hint: expect.stringMatching(/^\w+ /) };
    await expect(store.get('a')).rejects.toMatchObject(invalid);
    await expect(store.head('a')).rejects.toMatchObject(invalid);
    await expect(store.put('a', bodyOf('x'), ANY)).rejects.toMatchObject({
      ...invalid,
      message: '/archive is not a directory',
    });
    await expect(keysOf(store)).rejects.toMatchObject(invalid);
    await expect(store.delete(['a'])).rejects.toMatchObject(invalid);
    expect(fileSystem.contentOf('/archive').toString()).toBe('a file');
  });

  it('an archive is not created when its parent is missing', async () => {
    const { fileSystem, store } = setUp('/mnt/backup/archive');
    await expect(store.put('a', bodyOf('x'), ANY)).rejects.toMatchObject({
      code: 'RIG_CONFIG_INVALID',
      message: 'cannot create /mnt/backup/archive: there is no directory /mnt/backup',
      hint: expect.stringContaining('mkdir -p /mnt/backup'),
    });
    expect(await fileSystem.list('/')).toEqual([]);
  });

  it('an archive that vanishes is not made again: its disk was unmounted', async () => {
    const { fileSystem, store } = setUp();
    await store.put('LOG/0', bodyOf('x'), ANY);
    await fileSystem.rename('/archive', '/unmounted');
    await expect(store.put('LOG/1', bodyOf('y'), ANY)).rejects.toMatchObject({
      code: 'RIG_STORE_UNAVAILABLE',
      message: expect.stringContaining('vanished'),
    });
    expect(await fileSystem.stat('/archive')).toBeUndefined();
    await fileSystem.rename('/unmounted', '/archive');
    await store.put('LOG/1', bodyOf('y'), ANY);
    expect(await keysOf(store)).toEqual(['LOG/0', 'LOG/1']);
  });

  it('a file that is cut while it is read is an error, not a short body', async () => {
    const { fileSystem, store } = setUp();
    await store.put('a', bodyOf(someBytes(3 * 1024 * 1024)), ANY);
    const object = await store.get('a');
    const reading = async () => {
      for await (const _ of object?.body ?? []) {
        fileSystem.truncate('/archive/a', 1_100_000);
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
  });

  it('a reader that may not sync directories can list', async () => {
    const { fileSystem, store } = setUp();
    await store.put('a', bodyOf('x'), ANY);
    for (const errno of ['EROFS', 'EINVAL', 'EACCES']) {
      failWith(fileSystem, errno, 'syncDirectory');
      expect(await keysOf(store)).toEqual(['a']);
    }
    failWith(fileSystem, 'EIO', 'syncDirectory');
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
  });
});
