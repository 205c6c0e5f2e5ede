import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { nodeFileSystem } from '../../src/kernel/filesystem.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { bodyOf } from '../../src/store/body.ts';
import { createMemoryNamespace } from '../../src/store/drivers/memory.ts';
import { openStore, STORE_SCHEMES, type StoreEnvironment } from '../../src/store/registry.ts';
import { textOf } from '../support/store-bytes.ts';

const environment: StoreEnvironment = {
  fileSystem: nodeFileSystem,
  clock: systemClock,
  random: systemRandom,
  environment: {},
};

async function failureOf(url: string): Promise<unknown> {
  return openStore(url, environment).then(
    () => 'opened',
    (error: unknown) => error,
  );
}

describe('openStore', () => {
  it.for([
    ['file:archive', resolve('archive')],
    ['file:./a/../archive', resolve('archive')],
    ['FILE:archive', resolve('archive')],
    ['file:/var/archive', '/var/archive'],
    ['file:///var/archive/', '/var/archive'],
    ['file://localhost/var/archive', '/var/archive'],
    ['file:~/archive', resolve('~/archive')],
    ['file:/a%20b/c?d#e@f', '/a%20b/c?d#e@f'],
  ] as const)('takes %s for the directory %s', async ([url, path]) => {
    expect((await openStore(url, environment)).url).toBe(`file:${path}`);
  });

  it('opens a directory that others find through another spelling', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rigctl-registry-'));
    try {
      const store = await openStore(`file:${directory}/archive`, environment);
      await store.put('a', bodyOf('there'), { if: 'absent' });
      expect(await textOf(await openStore(`file://${directory}/archive`, environment), 'a')).toBe('there');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('opens the memory it is given, and knows no memory: without', async () => {
    const shared = { ...environment, memory: createMemoryNamespace() };
    await (await openStore('memory:', shared)).put('a', bodyOf('shared'), { if: 'absent' });
    expect(await textOf(await openStore('memory:', shared), 'a')).toBe('shared');
    await expect(openStore('memory:', environment)).rejects.toMatchObject({ code: 'RIG_CONFIG_INVALID' });
  });

  it.for([
    '',
    'archive',
    './archive',
    '/var/archive',
    'file',
    'file:',
    'file://',
    'file://host/path',
    'file:a\0b',
    's3:',
  ])('refuses %j, with a hint', async (url) => {
    expect(await failureOf(url)).toMatchObject({
      code: 'RIG_CONFIG_INVALID',
      hint: expect.stringMatching(/\S/),
    });
  });

  it.for(['gs://bucket/prefix', 'constructor:x', 'http://host'])(
    'does not know the scheme of %s, and lists those it knows',
    async (url) => {
      expect(await failureOf(url)).toMatchObject({
        code: 'RIG_CONFIG_INVALID',
        hint: `use one of ${STORE_SCHEMES.map((scheme) => `${scheme}:`).join(', ')}`,
      });
    },
  );

  it.for([
    's3://AKIAEXAMPLE:hunter2@bucket/prefix',
    's3://hunter2@bucket',
    'https://me:hunter2@host/',
    'file://me:hunter2@host/',
  ])('refuses credentials in a URL and does not repeat them (%#)', async (url) => {
    const failure = await failureOf(url);
    expect(failure).toMatchObject({ code: 'RIG_CONFIG_INVALID' });
    expect(JSON.stringify([String(failure), failure])).not.toMatch(/hunter2|AKIAEXAMPLE/);
  });
});
