import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Journal, openJournal } from '../../src/journal/tail.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { nodeFileSystem } from '../../src/kernel/filesystem.ts';
import { GIB } from '../../src/kernel/size.ts';
import { readAll } from './journal-support.ts';

let directory: string;
let path: string;
let opened: Journal[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rigctl-tail-'));
  path = join(directory, 'journal');
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((journal) => journal.close()));
  rmSync(directory, { recursive: true });
});

async function openReal(pollMs = 250): Promise<Journal> {
  const journal = await openJournal(path, { fileSystem: nodeFileSystem, clock: systemClock, pollMs });
  opened.push(journal);
  return journal;
}

test('a real file is read at offsets beyond 4 GiB', async () => {
  writeFileSync(path, '');
  truncateSync(path, 5 * GIB);
  appendFileSync(path, 'the end\n');
  const journal = await openReal();
  expect(await journal.observe()).toBe(5 * GIB + 8);
  const tail = await readAll(journal, 5 * GIB - 4, 5 * GIB + 8);
  expect(tail.toString('latin1')).toBe('\0\0\0\0the end\n');
  await journal.checkRead();
});

test('a real file that grows all the while is read as it was written', async () => {
  writeFileSync(path, '');
  const journal = await openReal();
  const signal = new AbortController().signal;
  const lines = Array.from({ length: 3000 }, (_, index) => `line ${index}\n`);
  const expected = lines.join('');
  const writing = (async () => {
    const handle = await open(path, 'a');
    for (const line of lines) {
      await handle.write(line);
    }
    await handle.close();
  })();
  const parts: Buffer[] = [];
  let readBytes = 0;
  while (readBytes < expected.length) {
    const end = await journal.waitForGrowth(readBytes, undefined, signal);
    await journal.checkRead();
    parts.push(await readAll(journal, readBytes, end));
    readBytes = end;
  }
  await writing;
  expect(Buffer.concat(parts).toString()).toBe(expected);
});

test('the operating system hints at growth', async () => {
  writeFileSync(path, 'one\n');
  const journal = await openReal(2 ** 30); // without a hint the second look would never come
  const growth = journal.waitForGrowth(4, undefined, new AbortController().signal);
  const append = setInterval(() => appendFileSync(path, 'two\n'), 20);
  try {
    expect(await growth).toBeGreaterThan(4);
  } finally {
    clearInterval(append);
  }
});

test('a journal opened for reading can be synced', async () => {
  writeFileSync(path, 'one\n');
  await (await openReal()).syncData();
});

test('a real file renamed over the journal is found out', async () => {
  writeFileSync(path, 'one\n');
  const journal = await openReal();
  writeFileSync(`${path}.new`, 'one\ntwo\n');
  renameSync(`${path}.new`, path);
  await expect(journal.observe()).rejects.toMatchObject({ code: 'RIG_JOURNAL_TRUNCATED' });
});

test('a symbolic link to a journal is followed, and pointing it elsewhere is found out', async () => {
  writeFileSync(`${path}.1`, 'one\n');
  symlinkSync(`${path}.1`, path);
  const journal = await openReal();
  expect(await journal.observe()).toBe(4);
  rmSync(path);
  writeFileSync(`${path}.2`, 'one\n');
  symlinkSync(`${path}.2`, path);
  await expect(journal.observe()).rejects.toMatchObject({ message: expect.stringContaining('was replaced') });
});

test('a FIFO is refused at once, without waiting for its writer', async () => {
  execFileSync('/usr/bin/mkfifo', [path]);
  await expect(openReal()).rejects.toMatchObject({
    code: 'RIG_LOCAL_IO',
    message: expect.stringContaining('is not a regular file'),
  });
});

test('a device is refused', async () => {
  path = '/dev/null';
  await expect(openReal()).rejects.toMatchObject({
    code: 'RIG_LOCAL_IO',
    message: 'journal /dev/null is not a regular file',
  });
});
