import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { batchKey } from '../../src/archive/layout.ts';
import { openThreadUnpacker } from '../../src/archive/thread-unpacker.ts';
import type { BatchUnpacker } from '../../src/archive/unpacker.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { RigError } from '../../src/kernel/errors.ts';
import { nodeFileSystem } from '../../src/kernel/filesystem.ts';
import type { Report } from '../../src/kernel/report.ts';
import { MIB } from '../../src/kernel/size.ts';
import type { Context } from '../../src/workflows/context.ts';
import { type RestoreOptions, restore } from '../../src/workflows/restore.ts';
import {
  type BuiltArchive,
  buildArchive,
  objectBytes,
  overwrite,
  withHeader,
} from '../support/archive-builder.ts';
import { options, refusal } from '../support/line-archive.ts';
import { noise } from '../support/noise.ts';
import { ScriptedStore } from '../support/scripted-store.ts';
import { isMountingPossible, SmallDisk } from '../support/small-disk.ts';
import { testContext } from '../support/workflow-context.ts';

/** 12 MiB that do not compress, and 3 MiB of zeros. */
const JOURNAL = Buffer.concat([
  ...noise('unpacking', 9 * MIB),
  Buffer.alloc(3 * MIB),
  ...noise('more', 3 * MIB),
]);
const CUTS = [MIB, 3 * MIB + 1, 5 * MIB, 9 * MIB - 7, 12 * MIB + 9, 14 * MIB, JOURNAL.length];
const FRAME_BYTES = 512 * 1024;
const ALL_KEYS = [0, ...CUTS.slice(0, -1)].map(batchKey);

let archive: BuiltArchive;
let directory: string;
let unpackers: BatchUnpacker[];
/** The keys of what threads have unpacked. */
let unpacked: string[];
const path = (name: string) => join(directory, name);

beforeAll(async () => {
  archive = await buildArchive({ journal: JOURNAL, cuts: CUTS, frameBytes: FRAME_BYTES });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rigctl-unpacking-'));
  unpackers = [];
  unpacked = [];
});
afterEach(() => rm(directory, { recursive: true }));

/** Notes what threads unpack, and whether they were ended. */
async function watchedUnpacker(closed: () => void): Promise<BatchUnpacker> {
  const unpacker = await openThreadUnpacker();
  unpackers.push(unpacker);
  return {
    unpack: async (batch, place) => {
      await unpacker.unpack(batch, place);
      unpacked.push(batch.head.key);
    },
    close: async () => {
      await unpacker.close();
      closed();
    },
  };
}

/** Restores to `out` on the real disk, with threads, which begin after `signal`. */
async function restoreWithThreads(
  { store }: Pick<Context, 'store'> = archive,
  changes: Partial<RestoreOptions> = {},
  surroundings: Partial<Context> = {},
  signal: Promise<void> = Promise.resolve(),
) {
  let closed = 0;
  const context: Context = {
    ...testContext(store),
    fileSystem: nodeFileSystem,
    openUnpacker: () => signal.then(() => watchedUnpacker(() => (closed += 1))),
    ...surroundings,
  };
  const target = { kind: 'file', path: path('out') } as const;
  const running = restore(context, options({ target, ...changes }));
  return running.finally(() => expect(closed).toBe(unpackers.length));
}

/** Surroundings in which no thread can be started, and time goes on by itself. */
const NO_THREADS: Partial<Context> = {
  clock: systemClock,
  openUnpacker: () => Promise.reject(new Error('too many open files')),
};

/** The archive, and when its first batch is fetched. `answer`: of that batch. */
function watchedStore(answer?: () => undefined) {
  const fetched = Promise.withResolvers<void>();
  const store = new ScriptedStore(archive.store);
  store.script.get = async (key, proceed) => {
    if (key !== batchKey(0)) {
      return proceed();
    }
    fetched.resolve();
    return answer === undefined ? proceed() : answer();
  };
  return { store, fetched: fetched.promise };
}

function at(offset: number): Partial<RestoreOptions> {
  return { at: { kind: 'offset', offset } };
}

async function expectOut(end: number): Promise<void> {
  const out = await readFile(path('out'));
  expect(out.length).toBe(end);
  expect(out.equals(JOURNAL.subarray(0, end))).toBe(true);
  expect(await readdir(directory)).toEqual(['out']);
}

describe('a restore with threads', () => {
  test('gives the whole journal, and has all of it unpacked by them', async () => {
    const result = await restoreWithThreads();
    await expectOut(JOURNAL.length);
    expect(unpacked.toSorted()).toEqual(ALL_KEYS);
    expect(result).toMatchObject({ bytes: JOURNAL.length, batches: CUTS.length, records: JOURNAL.length });
  });

  test.each([9 * MIB, 12 * MIB, 12 * MIB + 9, 12 * MIB + 10, 14 * MIB - 1, JOURNAL.length - 1])(
    'gives it as it was at offset %i',
    async (offset) => {
      await restoreWithThreads(archive, at(offset));
      await expectOut(offset);
      expect(unpacked.length).toBeGreaterThan(0);
    },
  );

  test('does little without them', async () => {
    await restoreWithThreads(archive, at(5 * MIB));
    await expectOut(5 * MIB);
    expect([unpacked, unpackers]).toEqual([[], []]);
  });

  test('does everything itself when none can be started, and says so', async () => {
    const reports: Report[] = [];
    const report = (told: Report) => void reports.push(told);
    const result = await restoreWithThreads(archive, {}, { ...NO_THREADS, report });
    await expectOut(JOURNAL.length);
    expect(result).toMatchObject({ bytes: JOURNAL.length, batches: CUTS.length, records: JOURNAL.length });
    expect(reports.filter(({ type }) => type === 'note')).toContainEqual({
      type: 'note',
      code: 'no-threads',
      message: 'no thread could be started, so that this takes longer: too many open files',
    });
  });

  test('fetches what they will unpack while they begin', async () => {
    const { store, fetched } = watchedStore();
    await restoreWithThreads({ store }, {}, {}, fetched);
    await expectOut(JOURNAL.length);
    expect(unpacked.toSorted()).toEqual(ALL_KEYS);
  });

  test('writes to a stream without them', async () => {
    const pieces: Uint8Array[] = [];
    const write = async (bytes: Uint8Array) => void pieces.push(Uint8Array.from(bytes));
    await restoreWithThreads(archive, { target: { kind: 'stream', write } });
    expect(Buffer.concat(pieces).equals(JOURNAL)).toBe(true);
    expect(unpackers).toEqual([]);
  });

  test('leaves holes where the journal has zeros', async () => {
    await restoreWithThreads();
    const { blocks } = await stat(path('out'));
    expect(blocks * 512).toBeLessThan(JOURNAL.length - 2 * MIB);
  });
});

describe('a restore with threads leaves nothing behind', () => {
  test.each([
    ['with threads', {}],
    ['without', NO_THREADS],
  ])('when a batch does not match its SHA-256, %s', async (_, surroundings) => {
    const broken = await buildArchive({ journal: JOURNAL, cuts: CUTS, frameBytes: FRAME_BYTES });
    const other = Buffer.from(JOURNAL);
    other[2 * MIB] = (other[2 * MIB] ?? 0) ^ 1;
    const changed = await buildArchive({ journal: other, cuts: CUTS, frameBytes: FRAME_BYTES });
    const { sha256, chain } = broken.headers[1] ?? {};
    const bytes = withHeader(objectBytes(changed, batchKey(MIB)), { sha256, chain });
    await overwrite(broken.store, batchKey(MIB), bytes);
    expect(await refusal(restoreWithThreads(broken, {}, surroundings))).toMatchObject({
      code: 'RIG_CHECKSUM_MISMATCH',
      message: expect.stringContaining('its payload does not match its SHA-256'),
      details: { object: batchKey(MIB), offset: MIB },
    });
    expect(await readdir(directory)).toEqual([]);
  });

  test('when a batch belongs to another history', async () => {
    const broken = await buildArchive({ journal: JOURNAL, cuts: CUTS, frameBytes: FRAME_BYTES });
    const bytes = withHeader(objectBytes(broken, batchKey(5 * MIB)), { prev: '0'.repeat(64) });
    await overwrite(broken.store, batchKey(5 * MIB), bytes);
    expect(await refusal(restoreWithThreads(broken))).toMatchObject({
      details: { object: batchKey(5 * MIB) },
    });
    expect(await readdir(directory)).toEqual([]);
  });

  test('when it is interrupted', async () => {
    const interrupt = new AbortController();
    const stopped = new RigError('RIG_INTERRUPTED', 'stopped by SIGINT');
    const report = ({ type }: Report) => type === 'progress' && interrupt.abort(stopped);
    const running = restoreWithThreads(archive, {}, { stop: interrupt.signal, report });
    expect(await refusal(running)).toBe(stopped);
    expect(await readdir(directory)).toEqual([]);
  });

  test('when it is interrupted before they have begun', async () => {
    const { store, fetched } = watchedStore();
    const interrupt = new AbortController();
    const stopped = new RigError('RIG_INTERRUPTED', 'stopped by SIGINT');
    const signal = fetched.then(() => interrupt.abort(stopped));
    const running = restoreWithThreads({ store }, {}, { stop: interrupt.signal }, signal);
    expect(await refusal(running)).toBe(stopped);
    expect(unpacked).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  test('when it fails before they have begun', async () => {
    const { store, fetched } = watchedStore(() => undefined);
    expect(await refusal(restoreWithThreads({ store }, {}, {}, fetched))).toMatchObject({
      details: { object: batchKey(0) },
    });
    expect(unpackers).not.toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  test('when a thread ends', async () => {
    const openUnpacker = async () => {
      const unpacker = await openThreadUnpacker();
      return {
        ...unpacker,
        unpack: () => Promise.reject(new Error('a thread ended with 134 before its work')),
      };
    };
    const running = restoreWithThreads(archive, {}, { openUnpacker });
    await expect(running).rejects.toThrow('a thread ended');
    expect(await readdir(directory)).toEqual([]);
  });
});

const mayRun = isMountingPossible() || process.env['CI'] === 'true';

test.runIf(mayRun).each([
  ['a restore with threads', {}],
  ['one without threads', NO_THREADS],
])('%s on a disk that is full says so, and what is there stays', async (_, surroundings) => {
  using disk = await SmallDisk.mount(path('disk'), 6 * 1024);
  const target = { kind: 'file', path: join(disk.path, 'out') } as const;
  expect(await refusal(restoreWithThreads(archive, { target }, surroundings))).toMatchObject({
    code: 'RIG_LOCAL_IO',
    message: `cannot write target ${disk.path}/out: ENOSPC`,
    hint: 'free space on that file system, or restore to another one',
  });
  expect(await readdir(disk.path)).toEqual([]);
});
