import { beforeEach, describe, expect, test } from 'vitest';
import { MIB } from '../../src/kernel/size.ts';
import { checkTarget, FileTarget } from '../../src/workflows/target.ts';
import { MemoryFileSystem, systemError } from '../support/memory-filesystem.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const PART = Buffer.alloc(MIB, 'x');

let fileSystem: MemoryFileSystem;
let target: FileTarget;
let syncs: string[];

beforeEach(async () => {
  syncs = [];
  fileSystem = new MemoryFileSystem(new SimulatedClock());
  fileSystem.beforeCall = ({ name }) => {
    if (name.startsWith('handle.sync')) {
      syncs.push(name);
    }
  };
  const place = await checkTarget(fileSystem, '/out', false, ['file']);
  target = await FileTarget.create(fileSystem, place, seededRandom(1));
});

async function write(parts: number): Promise<void> {
  for (let part = 0; part < parts; part += 1) {
    await target.write(PART);
  }
}

describe('a large file', () => {
  test('goes to the disk while it is written, and is whole there in the end', async () => {
    await write(70);
    expect(syncs).toEqual(['handle.syncData']);
    await write(70);
    await target.commit();
    expect(syncs).toEqual(['handle.syncData', 'handle.syncData', 'handle.sync']);
    fileSystem.crash();
    expect(fileSystem.contentOf('/out')).toHaveLength(140 * MIB);
  });

  test('fails when the disk fails on the way, which it tells only once', async () => {
    fileSystem.beforeCall = ({ name }) => {
      if (name === 'handle.syncData') {
        throw systemError('EIO', 'fdatasync', '/out');
      }
    };
    await write(140);
    await expect(target.commit()).rejects.toMatchObject({ code: 'RIG_LOCAL_IO' });
    await target.discard();
    expect(await fileSystem.list('/')).toEqual([]);
  });
});
