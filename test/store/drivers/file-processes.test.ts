import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../src/kernel/clock.ts';
import { nodeFileSystem } from '../../../src/kernel/filesystem.ts';
import { systemRandom } from '../../../src/kernel/random.ts';
import { openFileStore } from '../../../src/store/drivers/file.ts';
import { keysOf, textOf } from '../../support/store-bytes.ts';

const SCRIPT = fileURLToPath(new URL('../../support/create-once.ts', import.meta.url));
const KEY = 'WRITER/0000000000000001';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rigctl-processes-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** A child that waits for `start`; `outcome` is what it printed last. */
async function startChild(archive: string, content: string) {
  const child = spawn(process.execPath, [SCRIPT, archive, KEY, content], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const printed: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => printed.push(text));
  const ended = once(child, 'close');
  await once(child.stdout, 'data');
  return {
    content,
    start: () => child.stdin.write('go\n'),
    outcome: async () => {
      await ended;
      return printed.join('').trim().split('\n').at(-1);
    },
  };
}

it('lets exactly one of several processes create an object, in a directory none of them has made yet', async () => {
  const archive = join(directory, 'archive');
  const names = Array.from({ length: 6 }, (_, at) => `process ${at}`);
  const children = await Promise.all(names.map((name) => startChild(archive, name)));
  for (const child of children) {
    child.start();
  }
  const outcomes = await Promise.all(children.map((child) => child.outcome()));
  const winners = children.filter((_, at) => outcomes[at] === 'stored');
  expect(winners).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'RIG_OBJECT_EXISTS')).toHaveLength(names.length - 1);

  const store = openFileStore(archive, {
    fileSystem: nodeFileSystem,
    clock: systemClock,
    random: systemRandom,
  });
  expect(await textOf(store, KEY)).toBe(winners[0]?.content);
  expect(await keysOf(store)).toEqual([KEY]);
  expect(await readdir(join(archive, '.rigctl-tmp'))).toEqual([]);
});
