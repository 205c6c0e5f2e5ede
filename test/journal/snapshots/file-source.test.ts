import { describe, expect, it } from 'vitest';
import { openFileSource } from '../../../src/journal/snapshots/file-source.ts';
import type { LocalSource } from '../../../src/journal/snapshots/local-source.ts';
import type { FileHandle } from '../../../src/kernel/filesystem.ts';
import { MemoryFileSystem, systemError } from '../../support/memory-filesystem.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const PATH = '/s/7';

async function withFile(lengthBytes: number): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem(new SimulatedClock());
  await fileSystem.makeDirectory('/s', 0o700);
  fileSystem.append(PATH, Buffer.alloc(lengthBytes, 'snapshot '));
  return fileSystem;
}

async function readAll(source: LocalSource): Promise<Buffer> {
  const pieces = await Array.fromAsync(source.open());
  return Buffer.concat(pieces.map(({ bytes }) => bytes));
}

describe('a file as a snapshot', () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 1_048_576, 3_000_000])(
    'of %d bytes comes in pieces',
    async (length) => {
      const fileSystem = await withFile(length);
      const source = await openFileSource(PATH, fileSystem);
      expect(source).toMatchObject({ content: 'file', atMostBytes: length });
      for (const _ of ['once', 'and again']) {
        const pieces = await Array.fromAsync(source.open());
        expect(
          pieces.every(({ bytes, key }) => bytes.length > 0 && bytes.length <= 65_536 && key === undefined),
        ).toBe(true);
        expect(pieces.length).toBe(Math.ceil(length / 65_536));
        expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(fileSystem.contentOf(PATH))).toBe(true);
      }
    },
  );

  it('is read whole where the system gives less than it was asked for', async () => {
    const fileSystem = await withFile(200_000);
    const { openForReading } = fileSystem;
    fileSystem.openForReading = async (path) => {
      const handle = await openForReading.call(fileSystem, path);
      return { ...handle, read: (buffer, position) => handle.read(buffer.subarray(0, 7_777), position) };
    };
    const source = await openFileSource(PATH, fileSystem);
    expect((await readAll(source)).equals(fileSystem.contentOf(PATH))).toBe(true);
  });

  const changes: [
    what: string,
    change: (fileSystem: MemoryFileSystem, handle: FileHandle) => void | Promise<void>,
  ][] = [
    ['grows', (fileSystem) => fileSystem.append(PATH, 'more')],
    ['is cut', (fileSystem) => fileSystem.truncate(PATH, 1_500_000)],
    ['is overwritten in place', (_, handle) => handle.write(Buffer.from('SNAP'), 2_000_000)],
    ['is removed', (fileSystem) => fileSystem.remove(PATH)],
    [
      'is replaced by the same content',
      async (fileSystem) => {
        fileSystem.append('/s/new', fileSystem.contentOf(PATH));
        await fileSystem.rename('/s/new', PATH);
      },
    ],
    [
      'becomes a directory',
      async (fileSystem) => {
        await fileSystem.remove(PATH);
        await fileSystem.makeDirectory(PATH, 0o700);
      },
    ],
  ];

  it.each(changes)('that %s before any call of a reading is not taken for good', async (_, change) => {
    const calls = await (async () => {
      const fileSystem = await withFile(2_500_000);
      const source = await openFileSource(PATH, fileSystem);
      let count = 0;
      fileSystem.beforeCall = () => {
        count += 1;
      };
      await readAll(source);
      return count;
    })();
    expect(calls).toBeGreaterThan(6);
    // Before each call but the closing one; the stat of the path is the last that looks at it.
    for (let at = 0; at < calls - 1; at += 1) {
      const fileSystem = await withFile(2_500_000);
      const source = await openFileSource(PATH, fileSystem);
      const handle = await fileSystem.openForReading(PATH);
      let [left, changed] = [at, Promise.resolve<void>(undefined)];
      fileSystem.beforeCall = () => {
        left -= 1;
        if (left === -1) {
          fileSystem.beforeCall = () => undefined;
          changed = Promise.resolve(change(fileSystem, handle));
        }
      };
      const reading = readAll(source);
      await expect(reading, `before call ${at}`).rejects.toMatchObject({
        code: 'RIG_INCOMPLETE',
        message: `snapshot changed while it was read: ${PATH}`,
      });
      await changed;
    }
  });

  it('that changed between two readings is not taken for the same', async () => {
    const fileSystem = await withFile(10);
    const source = await openFileSource(PATH, fileSystem);
    await readAll(source);
    fileSystem.append(PATH, 'more');
    await expect(readAll(source)).rejects.toMatchObject({ code: 'RIG_INCOMPLETE' });
  });

  it('that the disk cannot give is a local error', async () => {
    const fileSystem = await withFile(10);
    const source = await openFileSource(PATH, fileSystem);
    fileSystem.beforeCall = ({ name, path }) => {
      if (name === 'handle.read') {
        throw systemError('EIO', 'read', path);
      }
    };
    await expect(readAll(source)).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      message: `cannot read snapshot ${PATH}: EIO`,
    });
  });
});
