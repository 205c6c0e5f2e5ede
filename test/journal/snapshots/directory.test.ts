import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { listSnapshots, type SnapshotNames } from '../../../src/journal/snapshots/directory.ts';
import { toHex16 } from '../../../src/kernel/offset.ts';
import { MemoryFileSystem, systemError } from '../../support/memory-filesystem.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

async function directoryOf(...names: readonly string[]): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem(new SimulatedClock());
  await fileSystem.makeDirectory('/s', 0o700);
  for (const name of names) {
    await (name.endsWith('/')
      ? fileSystem.makeDirectory(`/s/${name.slice(0, -1)}`, 0o700)
      : fileSystem.append(`/s/${name}`, 'x'));
  }
  return fileSystem;
}

async function offsets(names: SnapshotNames, ...entries: readonly string[]): Promise<number[]> {
  const { snapshots } = await listSnapshots(await directoryOf(...entries), '/s', names);
  return snapshots.map(({ at }) => at);
}

describe('the names in a snapshot directory', () => {
  it.each<[name: string, names: SnapshotNames, at: number]>([
    ['0', undefined, 0],
    ['1166', undefined, 1166],
    ['0x48e', undefined, 0x48e],
    ['0X48E', undefined, 0x48e],
    ['0x1166', 'dec', 0x1166],
    ['000000000000048e', undefined, 0x48e],
    ['000000000000048E', 'dec', 0x48e],
    ['0000000000001166', 'hex', 0x1166],
    ['0000000000001166', 'dec', 1166],
    ['999999999999999', 'hex', 999999999999999],
    ['0x1fffffffffffff', undefined, Number.MAX_SAFE_INTEGER],
    ['9007199254740991', 'dec', Number.MAX_SAFE_INTEGER],
  ])('%s with names %s is offset %d', async (name, names, at) => {
    expect(await offsets(names, name)).toEqual([at]);
  });

  it.each<[name: string, names: SnapshotNames, message: RegExp]>([
    ['0000000000001166', undefined, /0000000000001166 could be named in hexadecimal or in decimal/],
    ['0000000000000000', undefined, /could be named/],
    ['9007199254740992', 'dec', /9007199254740992 is named by an offset above/],
    ['0020000000000000', 'hex', /0020000000000000 is named by an offset above/],
    ['0x20000000000000', undefined, /0x20000000000000 is named by an offset above/],
    ['ffffffffffffffff', undefined, /ffffffffffffffff is named by an offset above/],
  ])('%s with names %s is refused', async (name, names, message) => {
    await expect(offsets(names, name)).rejects.toMatchObject({
      code: 'RIG_CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('hints at the option where a name could be both', async () => {
    await expect(offsets(undefined, '0000000000001166')).rejects.toMatchObject({
      hint: expect.stringContaining('--snapshot-names hex'),
    });
  });

  it.each([[['1166', '0x48e']], [['0x48e', '000000000000048e']], [['7', '007']], [['0x48e', '0x48E']]])(
    '%j name one offset and are refused, both named',
    async (entries) => {
      const refusal = offsets(undefined, ...entries);
      await expect(refusal).rejects.toMatchObject({ code: 'RIG_CONFIG_INVALID' });
      for (const entry of entries) {
        await expect(refusal).rejects.toThrow(entry);
      }
    },
  );

  it('are passed over when they are not final, and listed when they mean nothing', async () => {
    const fileSystem = await directoryOf(
      '.5',
      '6.tmp',
      '7',
      '8/',
      'README',
      '0x',
      '-1',
      '1e3',
      '12345678901234567',
    );
    expect(await listSnapshots(fileSystem, '/s', undefined)).toEqual({
      snapshots: [
        { at: 7, name: '7', path: '/s/7', kind: 'file' },
        { at: 8, name: '8', path: '/s/8', kind: 'directory' },
      ],
      ignored: ['-1', '0x', '12345678901234567', '1e3', 'README'],
    });
  });

  test.prop([
    fc.uniqueArray(fc.maxSafeNat(), { maxLength: 20 }),
    fc.array(fc.constantFrom('0x', 'hex16', 'dec'), { minLength: 20, maxLength: 20 }),
  ])('of any offsets give those, ascending', async (wanted, forms) => {
    const names = wanted.map((at, index) => {
      const form = /^[0-9]{16}$/.test(toHex16(at)) || at > 1e14 ? '0x' : forms[index];
      return form === 'hex16' ? toHex16(at) : form === 'dec' ? `${at}` : `0x${at.toString(16)}`;
    });
    expect(await offsets(undefined, ...names)).toEqual(wanted.toSorted((a, b) => a - b));
  });
});

describe('a snapshot directory', () => {
  it.each([
    ['file', 'a symbolic link'],
    ['directory', 'a symbolic link'],
    [undefined, 'a symbolic link'],
    ['other', 'a pipe, a socket or a device'],
  ] as const)('refuses an offset that names what is %s behind a look', async (behind, what) => {
    const fileSystem = await directoryOf('5');
    fileSystem.list = async () => [{ name: '5', kind: 'other' }];
    const { stat } = fileSystem;
    fileSystem.stat = async (path) => {
      const found = await stat.call(fileSystem, path);
      return found === undefined || behind === undefined ? undefined : { ...found, kind: behind };
    };
    await expect(listSnapshots(fileSystem, '/s', undefined)).rejects.toMatchObject({
      code: 'RIG_CONFIG_INVALID',
      message: `snapshot /s/5 is ${what}, not a file or a directory`,
    });
  });

  it('that is missing is said how to be made', async () => {
    await expect(listSnapshots(await directoryOf(), '/none', undefined)).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      hint: 'make it first: mkdir -p /none',
    });
  });

  it('that cannot be read is named', async () => {
    const fileSystem = await directoryOf();
    fileSystem.beforeCall = ({ path }) => {
      throw systemError('EACCES', 'scandir', path);
    };
    await expect(listSnapshots(fileSystem, '/s', undefined)).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      message: 'cannot list snapshot directory /s: EACCES',
    });
  });
});
