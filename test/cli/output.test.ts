import { describe, expect, it } from 'vitest';
import { Output, ReaderGoneError } from '../../src/cli/output.ts';
import type { ListedObject, Store } from '../../src/store/contract.ts';
import { CapturedStream, CliWorld, JOURNAL, journalLines, worldWithArchive } from '../support/cli-world.ts';
import { systemError } from '../support/memory-filesystem.ts';
import { ScriptedStore } from '../support/scripted-store.ts';

/** An archive of so many batches, made up while it is listed. */
class LongListing extends ScriptedStore {
  readonly #length: number;
  /** Objects given out so far. */
  given = 0;

  constructor(store: Store, length: number) {
    super(store);
    this.#length = length;
  }

  override async *list(): AsyncIterable<ListedObject> {
    for (let index = 0; index < this.#length; index += 1) {
      this.given += 1;
      yield { key: `LOG/${index.toString(16).padStart(16, '0')}`, sizeBytes: index, modifiedAtMs: index };
    }
  }
}

describe('a reader who is slow', () => {
  it('gets a long listing whole, and it is never held in memory', async () => {
    const world = new CliWorld();
    const length = 70_000;
    world.wrapStore = (store) => new LongListing(store, length);
    await world.run('ls');
    expect(world.stdout.lines).toHaveLength(length);
    expect(world.stdout.text.length).toBeGreaterThan(5 * 1024 * 1024);
    expect(world.stdout.mostBufferedBytes).toBeLessThan(100_000);
  });

  it('stops the listing while he does not read', async () => {
    const world = new CliWorld();
    let listing: LongListing | undefined;
    world.wrapStore = (store) => {
      listing = new LongListing(store, 70_000);
      return listing;
    };
    world.stdout.stall();
    const ended = world.start('ls', '--json');
    await world.clock.settle();
    expect(listing?.given).toBeLessThan(1_000);
    world.stdout.resume();
    expect(await world.clock.runUntil(ended)).toEqual({ exitCode: 0, atOnce: false });
    expect(world.stdout.lines).toHaveLength(70_001);
  });
});

describe('a reader who goes away', () => {
  it('from stdout ends the program promptly and silently', async () => {
    const world = new CliWorld();
    let listing: LongListing | undefined;
    world.wrapStore = (store) => {
      listing = new LongListing(store, 1_000_000);
      return listing;
    };
    world.stdout.failure = systemError('EPIPE', 'write', 'stdout');
    expect(await world.clock.runUntil(world.start('ls'))).toMatchObject({ exitCode: 141 });
    expect(world.stderr.text).toBe('');
    expect(listing?.given).toBeLessThan(1_000);
  });

  it('from stderr does so too', async () => {
    const world = new CliWorld();
    world.stderr.failure = systemError('EPIPE', 'write', 'stderr');
    expect(await world.clock.runUntil(world.start('status'))).toMatchObject({ exitCode: 141 });
    expect(world.stdout.text).toBe('');
  });

  it('ends a follower that has nothing to say at the moment it says something', async () => {
    const world = new CliWorld();
    world.fileSystem.append(JOURNAL, journalLines(10));
    world.stdout.failure = systemError('EPIPE', 'write', 'stdout');
    const ended = world.start('push', JOURNAL, '--follow', '--json');
    expect(await world.clock.runUntil(ended)).toMatchObject({ exitCode: 141 });
  });
});

describe('a disk that is full behind stdout', () => {
  it('is an error with status 15, told on stderr', async () => {
    const world = await worldWithArchive();
    world.stdout.failure = systemError('ENOSPC', 'write', 'stdout');
    expect(await world.clock.runUntil(world.start('status'))).toMatchObject({ exitCode: 15 });
    expect(world.stderr.text).toMatch(/^error: cannot write to stdout: ENOSPC.*\nhint: make room .*\n$/);
  });

  it('is told once by a restore to it, as JSON where that is asked for', async () => {
    const world = await worldWithArchive();
    world.stdout.failure = systemError('ENOSPC', 'write', 'stdout');
    const restore = world.start('restore', '--to', '-', '--quiet');
    expect(await world.clock.runUntil(restore)).toMatchObject({ exitCode: 15 });
    expect(world.stderr.text).toMatch(/^error: cannot write to stdout: ENOSPC.*\nhint: make room .*\n$/);
    world.renewOutputs();
    world.stdout.failure = systemError('ENOSPC', 'write', 'stdout');
    await world.clock.runUntil(world.start('restore', '--to', '-', '--quiet', '--json'));
    expect(world.stderr.json).toMatchObject([{ type: 'result', error: { code: 'RIG_LOCAL_IO' } }]);
  });
});

describe('an output', () => {
  it('waits for room and for the last byte', async () => {
    const stream = new CapturedStream();
    const output = new Output(stream, 'stdout', () => undefined);
    stream.stall();
    let room = false;
    const written = output.write('x'.repeat(100_000)).then(() => {
      room = true;
    });
    const flushed = output.flush();
    await new Promise((resolve) => setImmediate(resolve));
    expect([room, output.backedUp]).toEqual([false, true]);
    stream.resume();
    await Promise.all([written, flushed]);
    expect(stream.text).toHaveLength(100_000);
    expect(output.backedUp).toBe(false);
  });

  it('fails for ever once its reader is gone, and says so once', async () => {
    const stream = new CapturedStream();
    const told: unknown[] = [];
    const output = new Output(stream, 'stdout', (error) => told.push(error));
    stream.failure = systemError('EPIPE', 'write', 'stdout');
    output.post('a');
    await expect(output.flush()).rejects.toThrow(ReaderGoneError);
    await expect(output.write('b')).rejects.toThrow(ReaderGoneError);
    await expect(output.room()).rejects.toThrow(ReaderGoneError);
    expect(new Set(told).size).toBe(1);
  });

  it('lets go of whoever waits for room when its reader goes away', async () => {
    const stream = new CapturedStream();
    const output = new Output(stream, 'stdout', () => undefined);
    stream.stall();
    const written = output.write('x'.repeat(100_000));
    stream.failure = systemError('EPIPE', 'write', 'stdout');
    stream.resume();
    await expect(written).rejects.toThrow(ReaderGoneError);
  });
});
