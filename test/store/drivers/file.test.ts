import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/kernel/clock.ts';
import { nodeFileSystem } from '../../../src/kernel/filesystem.ts';
import { systemRandom } from '../../../src/kernel/random.ts';
import { openFileStore } from '../../../src/store/drivers/file.ts';
import { describeStore } from '../../conformance/store.ts';
import { MemoryFileSystem } from '../../support/memory-filesystem.ts';

const WITHOUT = { without: ['tagging', 'lifecycle'] } as const;

describeStore(
  'file, on real files',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rigctl-store-'));
    const open = () =>
      openFileStore(join(directory, 'archive'), {
        fileSystem: nodeFileSystem,
        clock: systemClock,
        random: systemRandom,
      });
    return {
      store: open(),
      another: async () => open(),
      teardown: () => rm(directory, { recursive: true }),
    };
  },
  WITHOUT,
);

describeStore(
  'file, on a file system in memory',
  async () => {
    const fileSystem = new MemoryFileSystem(systemClock);
    const open = () => openFileStore('/archive', { fileSystem, clock: systemClock, random: systemRandom });
    return { store: open(), another: async () => open(), teardown: async () => {} };
  },
  WITHOUT,
);
