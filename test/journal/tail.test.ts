import { fc, test as propertyTest } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { openJournal, READ_CHUNK_BYTES } from '../../src/journal/tail.ts';
import { MemoryFileSystem, systemError } from '../support/memory-filesystem.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { PATH, readAll, setUp, truncated } from './journal-support.ts';

/** Puts bytes over others in a file, as an application that does not only append. */
async function overwrite(fileSystem: MemoryFileSystem, text: string, at: number): Promise<void> {
  const handle = await fileSystem.openForReading(PATH);
  await handle.write(Buffer.from(text), at);
}

describe('openJournal', () => {
  test('refuses a file that is not there, and says what to check', async () => {
    const clock = new SimulatedClock();
    await expect(openJournal(PATH, { fileSystem: new MemoryFileSystem(clock), clock })).rejects.toMatchObject(
      {
        code: 'RIG_LOCAL_IO',
        message: 'journal /journal is not there',
        hint: expect.stringContaining('check the path'),
      },
    );
  });

  test('refuses a directory', async () => {
    const clock = new SimulatedClock();
    const fileSystem = new MemoryFileSystem(clock);
    await fileSystem.makeDirectory(PATH, 0o700);
    await expect(openJournal(PATH, { fileSystem, clock })).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      message: 'journal /journal is a directory',
    });
  });

  test('refuses a path through a file, naming the system error', async () => {
    const { fileSystem, clock } = await setUp();
    await expect(openJournal(`${PATH}/below`, { fileSystem, clock })).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      message: 'cannot open journal /journal/below: ENOTDIR',
    });
  });

  test('refuses a file it may not read, and says which right is missing', async () => {
    const { fileSystem, clock } = await setUp();
    fileSystem.beforeCall = ({ name, path }) => {
      if (name === 'openForReading') {
        throw systemError('EACCES', 'open', path);
      }
    };
    await expect(openJournal(PATH, { fileSystem, clock })).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      message: 'cannot open journal /journal: EACCES',
      hint: expect.stringContaining('right to read'),
    });
  });
});

describe('Journal.observe', () => {
  test('sees the file grow', async () => {
    const { fileSystem, journal } = await setUp();
    expect(journal.seenEnd).toBe(0);
    expect(await journal.observe()).toBe(4);
    fileSystem.append(PATH, 'two\n');
    expect(await journal.observe()).toBe(8);
    expect(journal.seenEnd).toBe(8);
  });

  test('remembers when it saw how much', async () => {
    const { clock, fileSystem, journal } = await setUp();
    const startMs = clock.wallMs();
    await journal.observe();
    await clock.advance(1000);
    await journal.observe();
    fileSystem.append(PATH, 'two\n');
    await clock.advance(10);
    await journal.observe();
    expect(journal.observedWithin(0, 8, 0)).toEqual([
      [4, startMs],
      [4, startMs + 1000],
      [8, startMs + 1010],
    ]);
    expect(journal.reachedAtMs(5)).toBe(startMs + 1010);
    journal.forgetObserved(8);
    expect(journal.observedWithin(7, 8, 0)).toEqual([[8, startMs + 1010]]);
  });

  test('finds a file that got shorter than what was seen', async () => {
    const { fileSystem, journal } = await setUp();
    await journal.observe();
    fileSystem.truncate(PATH, 3);
    await expect(journal.observe()).rejects.toMatchObject(
      truncated('was truncated to 3 bytes after offset 4 (0x4)'),
    );
  });

  test('finds a file that was replaced by renaming another over it, even a longer one', async () => {
    const { fileSystem, journal } = await setUp();
    await journal.observe();
    fileSystem.append('/other', 'one\ntwo\n');
    await fileSystem.rename('/other', PATH);
    await expect(journal.observe()).rejects.toMatchObject(truncated('was replaced'));
  });

  test('finds a file that was removed', async () => {
    const { fileSystem, journal } = await setUp();
    await fileSystem.remove(PATH);
    await expect(journal.observe()).rejects.toMatchObject(truncated('was removed'));
  });

  test('is not misled by a look whose answer comes after that of a later one', async () => {
    const clock = new SimulatedClock();
    const memory = new MemoryFileSystem(clock);
    memory.append(PATH, 'one\n');
    const handle = await memory.openForReading(PATH);
    let held: Promise<void> | undefined;
    const stat: typeof handle.stat = async () => {
      const [answer] = await Promise.all([handle.stat(), held]);
      return answer;
    };
    memory.openForReading = async () => ({ ...handle, stat });
    const journal = await openJournal(PATH, { fileSystem: memory, clock });
    const gate = Promise.withResolvers<void>();
    held = gate.promise;
    const early = journal.observe();
    held = undefined;
    memory.append(PATH, 'two\n');
    await journal.observe();
    gate.resolve();
    expect(await early).toBe(4);
    expect(journal.seenEnd).toBe(8);
  });

  test('names the system error of a file system in trouble', async () => {
    const { fileSystem, journal } = await setUp();
    fileSystem.beforeCall = ({ path }) => {
      throw systemError('EIO', 'fstat', path);
    };
    await expect(journal.observe()).rejects.toMatchObject({
      code: 'RIG_LOCAL_IO',
      message: 'cannot look at journal /journal: EIO',
    });
  });
});

describe('Journal.read', () => {
  test('gives the bytes asked for, in chunks of 4 MiB but the last, each of its own', async () => {
    const content = Buffer.alloc(2 * READ_CHUNK_BYTES + 10, 'abcdefg').toString();
    const { journal } = await setUp(content);
    await journal.observe();
    const chunks: Uint8Array[] = [];
    for await (const chunk of journal.read(5, content.length - 1)) {
      chunks.push(chunk);
    }
    expect(chunks.map(({ length }) => length)).toEqual([READ_CHUNK_BYTES, READ_CHUNK_BYTES, 4]);
    expect(Buffer.concat(chunks).equals(Buffer.from(content.slice(5, -1)))).toBe(true);
  });

  test('goes on after a short read', async () => {
    const clock = new SimulatedClock();
    const memory = new MemoryFileSystem(clock);
    memory.append(PATH, 'one\ntwo\n');
    const handle = await memory.openForReading(PATH);
    const read: typeof handle.read = (buffer, at) => handle.read(buffer.subarray(0, 3), at);
    memory.openForReading = async () => ({ ...handle, read });
    const journal = await openJournal(PATH, { fileSystem: memory, clock });
    await journal.observe();
    expect((await readAll(journal, 0, 8)).toString()).toBe('one\ntwo\n');
  });

  test('reads nothing that was not observed, though it is there', async () => {
    const { fileSystem, journal } = await setUp();
    await journal.observe();
    fileSystem.append(PATH, 'two\n');
    await expect(readAll(journal, 0, 5)).rejects.toMatchObject({ code: 'RIG_ASSERTION' });
  });

  test('fails when the file ends before what was seen of it', async () => {
    const { fileSystem, journal } = await setUp();
    await journal.observe();
    fileSystem.truncate(PATH, 3);
    await expect(readAll(journal, 0, 4)).rejects.toMatchObject(truncated('ends at offset 3 (0x3)'));
  });
});

describe('Journal.checkRead', () => {
  test('is content while the file only grows', async () => {
    const { fileSystem, journal } = await setUp();
    await journal.checkRead();
    await journal.observe();
    await readAll(journal, 0, 4);
    fileSystem.append(PATH, 'two\n');
    await journal.checkRead();
  });

  test('finds other bytes of the same length where some were read', async () => {
    const { fileSystem, journal } = await setUp('one\ntwo\n');
    await journal.observe();
    await readAll(journal, 0, 8);
    await overwrite(fileSystem, 'T', 4);
    expect(await journal.observe()).toBe(8);
    await expect(journal.checkRead()).rejects.toMatchObject(truncated('was rewritten below offset 8 (0x8)'));
  });

  test('finds other bytes also when they were read since', async () => {
    const { fileSystem, journal } = await setUp('one\ntwo\n');
    await journal.observe();
    await readAll(journal, 0, 8);
    await overwrite(fileSystem, 'T', 4);
    fileSystem.append(PATH, 'three\n');
    await journal.observe();
    await readAll(journal, 4, 8);
    await readAll(journal, 2, 14);
    await expect(journal.checkRead()).rejects.toMatchObject(truncated('was rewritten below offset 14 (0xe)'));
  });

  test('finds a file emptied and written anew between two looks', async () => {
    const { fileSystem, journal } = await setUp();
    await journal.observe();
    await readAll(journal, 0, 4);
    fileSystem.truncate(PATH, 0);
    fileSystem.append(PATH, 'other, and longer\n');
    await journal.observe();
    await expect(journal.checkRead()).rejects.toMatchObject(truncated('was rewritten'));
  });

  test('finds a file cut below what was read', async () => {
    const { fileSystem, journal } = await setUp();
    await journal.observe();
    await readAll(journal, 0, 4);
    fileSystem.truncate(PATH, 2);
    await expect(journal.checkRead()).rejects.toMatchObject(truncated('ends at offset 2 (0x2)'));
  });

  test.each([
    ['the byte 64 KiB back', 65_536, true],
    ['a byte further back', 65_537, false],
  ])('compares %s: %i bytes before the end of many small reads', async (_, bytesBack, found) => {
    const content = 'x'.repeat(100_000);
    const { fileSystem, journal } = await setUp(content);
    await journal.observe();
    for (let at = 0; at < content.length; at += 1000) {
      await readAll(journal, at, at + 1000);
    }
    await overwrite(fileSystem, 'y', content.length - bytesBack);
    const outcome = await journal.checkRead().then(
      () => false,
      () => true,
    );
    expect(outcome).toBe(found);
  });

  propertyTest.prop([fc.array(fc.tuple(fc.nat({ max: 255 }), fc.nat({ max: 255 })), { minLength: 1 })])(
    'compares only what was read, whatever was read in whatever order, and always the last byte of it',
    async (reads) => {
      const { fileSystem, journal } = await setUp(Uint8Array.from({ length: 256 }, (_, index) => index));
      await journal.observe();
      let readEnd = 0;
      for (const [a, b] of reads) {
        const [start, last] = [Math.min(a, b), Math.max(a, b)];
        await readAll(journal, start, last + 1);
        readEnd = Math.max(readEnd, last + 1);
      }
      await journal.checkRead();
      fileSystem.append(PATH, 'more');
      await overwrite(fileSystem, 'not read, so nobody minds', readEnd);
      await journal.checkRead();
      await overwrite(fileSystem, readEnd === 0x21 ? '?' : ' ', readEnd - 1);
      await expect(journal.checkRead()).rejects.toMatchObject(truncated('was rewritten'));
    },
  );

  test('keeps to the greatest position read when something below is read again', async () => {
    const { fileSystem, journal } = await setUp('one\ntwo\nthree\n');
    await journal.observe();
    await readAll(journal, 4, 8);
    await readAll(journal, 0, 4);
    await readAll(journal, 6, 14);
    await readAll(journal, 2, 5);
    await overwrite(fileSystem, 'T', 4);
    await expect(journal.checkRead()).rejects.toMatchObject(truncated('below offset 14 (0xe)'));
  });
});

test('syncData makes what was appended survive a power loss', async () => {
  const { fileSystem, journal } = await setUp();
  await fileSystem.syncDirectory('/');
  await journal.syncData();
  fileSystem.append(PATH, 'two\n');
  fileSystem.crash();
  expect(fileSystem.contentOf(PATH).toString()).toBe('one\n');
});

test('close ends the watching and closes the file', async () => {
  const { clock, fileSystem } = await setUp();
  const calls: string[] = [];
  fileSystem.watch = () => ({ close: () => calls.push('watch') });
  const journal = await openJournal(PATH, { fileSystem, clock });
  await journal.waitForGrowth(0, 0, new AbortController().signal);
  fileSystem.beforeCall = ({ name }) => calls.push(name);
  await journal.close();
  expect(calls).toEqual(['watch', 'handle.close']);
});
