import { expect, it } from 'vitest';
import { MemoryFileSystem } from './memory-filesystem.ts';
import { seededRandom } from './seeded-random.ts';
import { SimulatedClock } from './simulated-clock.ts';

const clock = new SimulatedClock();

it('forgets data and names that were not synced, each on its own', async () => {
  const fileSystem = new MemoryFileSystem(clock);
  for (const name of ['/both', '/data', '/name']) {
    const handle = await fileSystem.createNew(name, 0o600);
    await handle.write(Buffer.from('content'), 0);
    if (name === '/both' || name === '/data') {
      await handle.syncData();
    }
    if (name === '/both') {
      await fileSystem.syncDirectory('/');
    }
  }
  fileSystem.crash();
  expect(await fileSystem.list('/')).toEqual([{ name: '/both'.slice(1), kind: 'file' }]);
  expect(fileSystem.contentOf('/both').toString()).toBe('content');
});

it('keeps a synced name without its data, and synced data under later writes', async () => {
  const fileSystem = new MemoryFileSystem(clock);
  const handle = await fileSystem.createNew('/file', 0o600);
  await handle.write(Buffer.from('lost'), 0);
  await fileSystem.syncDirectory('/');
  fileSystem.crash();
  expect(fileSystem.contentOf('/file').toString()).toBe('');

  const again = await fileSystem.openForReading('/file');
  fileSystem.append('/file', 'kept');
  await again.syncData();
  await again.write(Buffer.from('lost'), 0);
  fileSystem.append('/file', ' and more');
  await again.write(Buffer.from('XXXX'), 0);
  expect(fileSystem.contentOf('/file').toString()).toBe('XXXX and more');
  fileSystem.crash();
  expect(fileSystem.contentOf('/file').toString()).toBe('kept');
});

it('lets chance decide what else survives', async () => {
  const survivors = new Set<string>();
  for (let seed = 0; seed < 40; seed += 1) {
    const fileSystem = new MemoryFileSystem(clock);
    fileSystem.append('/a', 'aaaa');
    fileSystem.append('/b', 'bbbb');
    fileSystem.crash(seededRandom(seed));
    const names = (await fileSystem.list('/')).map(({ name }) => name);
    survivors.add(names.map((name) => `${name}${fileSystem.contentOf(`/${name}`).length}`).join(' '));
  }
  expect([...survivors]).toEqual(expect.arrayContaining(['', 'a4', 'b4', 'a4 b4', 'a0']));
});

it('keeps a restored name and the other name of the same file apart', async () => {
  const fileSystem = new MemoryFileSystem(clock);
  const handle = await fileSystem.createNew('/temporary', 0o600);
  await handle.write(Buffer.from('x'), 0);
  await handle.sync();
  await fileSystem.makeDirectory('/kept', 0o700);
  await fileSystem.syncDirectory('/');
  await fileSystem.rename('/temporary', '/kept/final');
  await fileSystem.syncDirectory('/kept');
  fileSystem.crash();
  expect((await fileSystem.list('/')).map(({ name }) => name).sort()).toEqual(['kept', 'temporary']);
  expect(fileSystem.contentOf('/kept/final').toString()).toBe('x');
});

it('runs out of space in the middle of a write', async () => {
  const fileSystem = new MemoryFileSystem(clock);
  fileSystem.freeBytes = 5;
  const handle = await fileSystem.createNew('/full', 0o600);
  await handle.write(Buffer.from('123'), 0);
  await expect(handle.write(Buffer.from('4567'), 3)).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(fileSystem.contentOf('/full').toString()).toBe('12345');
});

it('hints at changes of a file to those who watch it or its directory, until they stop', async () => {
  const fileSystem = new MemoryFileSystem(clock);
  const heard: string[] = [];
  const watcher = fileSystem.watch('/journal', () => heard.push('file'));
  fileSystem.watch('/', () => heard.push('directory'));
  fileSystem.append('/other', 'x');
  fileSystem.append('/journal', 'x');
  await clock.settle();
  expect(heard.filter((what) => what === 'file').length).toBeGreaterThan(0);
  expect(heard.filter((what) => what === 'directory').length).toBeGreaterThan(heard.length / 2);
  watcher.close();
  heard.length = 0;
  fileSystem.truncate('/journal', 0);
  await clock.settle();
  expect(heard).toEqual(['directory']);
});
