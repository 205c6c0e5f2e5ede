import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { checkPayload, readHead, readStored, takeFrame } from '../../src/archive/batch-object.ts';
import { readClaim } from '../../src/archive/claim.ts';
import type { CompressionName } from '../../src/archive/codec.ts';
import { readDescriptor } from '../../src/archive/descriptor.ts';
import { batchKey, DESCRIPTOR_KEY, LATEST_KEY, meaningOf, writerKey } from '../../src/archive/layout.ts';
import { type CutOptions, findCut } from '../../src/journal/cut.ts';
import { JOURNAL_FORMATS } from '../../src/journal/registry.ts';
import { startSha256 } from '../../src/kernel/digest.ts';
import { isRigError } from '../../src/kernel/errors.ts';
import type { Store } from '../../src/store/contract.ts';
import { ls } from '../../src/workflows/ls.ts';
import { type RestoreOptions, restore } from '../../src/workflows/restore.ts';
import { status } from '../../src/workflows/status.ts';
import { VERIFY_LEVELS, verify } from '../../src/workflows/verify.ts';
import { FIRST_OBSERVED_MS, objectBytes, overwrite } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { LINE_CUTS, LINES, lineArchive, options } from '../support/line-archive.ts';
import { byteMutation, headerMutation, jsonMutation, type Mutation } from '../support/mutations.ts';
import { PushWorld } from '../support/push-world.ts';
import { testContext } from '../support/workflow-context.ts';

/** For a night: RIGCTL_TEST_FUZZ_RUNS=1000000. To see a finding again: RIGCTL_TEST_FUZZ_SEED, which its title names. */
const RUNS = Number(process.env['RIGCTL_TEST_FUZZ_RUNS'] ?? 400);
const SEED = process.env['RIGCTL_TEST_FUZZ_SEED'];
const often = { numRuns: RUNS, ...(SEED === undefined ? {} : { seed: Number(SEED) }) };
/** For what reads an archive a dozen times. */
const seldom = { ...often, numRuns: Math.ceil(RUNS / 4) };

const COMPRESSIONS: readonly CompressionName[] = ['zstd', 'gzip'];

/** The journal later: a push has work to do. */
const GROWN = Buffer.concat([LINES, Buffer.from('eight\n')]);

/** Whole archives of the same journal, of several frames a batch. They are copied, not changed. */
const archives = {
  zstd: await lineArchive({ compression: { name: 'zstd', level: 1 }, frameBytes: 5 }),
  gzip: await lineArchive({ compression: { name: 'gzip', level: 6 }, frameBytes: 5 }),
};
const compression = fc.constantFrom(...COMPRESSIONS);
const keys = [...archives.zstd.namespace.objects.keys()];
const allObjects = COMPRESSIONS.flatMap((name) => keys.map((key) => objectBytes(archives[name], key)));

const documentMutation = fc.oneof(byteMutation(allObjects), jsonMutation);
const batchMutation = fc.oneof(byteMutation(allObjects), headerMutation);
const mutationOf = (key: string) => (meaningOf(key).kind === 'batch' ? batchMutation : documentMutation);
const damage = fc.constantFrom(...keys).chain((key) => fc.tuple(fc.constant(key), mutationOf(key)));

/** A world with a copy of the archive, in which the object `key` has other bytes. */
async function worldWith(name: CompressionName, key: string, mutate: Mutation): Promise<PushWorld> {
  const world = new PushWorld();
  for (const [present, object] of archives[name].namespace.objects) {
    world.namespace.objects.set(present, object);
  }
  await overwrite(world.store(), key, mutate(objectBytes(archives[name], key)));
  return world;
}

/** What the work gives, or undefined when it refuses with an error of these kinds. Anything else is a finding. */
async function orRefusal<Result>(work: Promise<Result>, ...kinds: string[]): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isRigError(error) && kinds.includes(error.kind)) {
      return undefined;
    }
    throw error;
  }
}

/** Reads a batch as every reader does: to its last checksum. */
async function payloadOf(store: Store, key: string): Promise<Buffer> {
  const batch = (await readStored(store, key)) ?? expect.fail('it is there');
  const chunks: Uint8Array[] = [];
  const hash = startSha256();
  for (const index of batch.head.header.frames.keys()) {
    const bytes = await takeFrame(batch, index);
    hash.update(bytes);
    chunks.push(bytes);
  }
  checkPayload(batch.head, hash);
  return Buffer.concat(chunks);
}

/** Restores; what comes must be the journal up to the offset that the result names. */
async function restored(store: Store, changes: Partial<RestoreOptions> = {}): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  const write = async (bytes: Uint8Array) => void chunks.push(bytes);
  const work = restore(testContext(store), options({ ...changes, target: { kind: 'stream', write } }));
  const result = await orRefusal(work, 'data', 'not-found');
  const text = Buffer.concat(chunks).toString();
  if (result !== undefined && !result.dryRun) {
    expect(text).toBe(GROWN.toString('utf8', 0, result.offset));
  }
  return result === undefined ? undefined : text;
}

/** Every way to read an archive. Gives what `verify` found at the levels that read the data, and the latest. */
async function readInEveryWay(store: Store) {
  const verified = new Map(
    await Promise.all(
      VERIFY_LEVELS.map(async (level) => {
        const { findings } = await verify(testContext(store), { level, against: undefined });
        return [level, findings] as const;
      }),
    ),
  );
  await orRefusal(status(testContext(store)), 'data');
  await collect(ls(testContext(store)));
  await restored(store, { dryRun: true });
  await restored(store, { at: { kind: 'offset', offset: 4 } });
  await restored(store, { at: { kind: 'offset', offset: 10 }, nearest: 'after' });
  await restored(store, { at: { kind: 'time', atMs: FIRST_OBSERVED_MS + 500 } });
  await restored(store, { at: { kind: 'time', atMs: FIRST_OBSERVED_MS + 10_000 }, nearest: 'before' });
  return { data: verified.get('data'), replay: verified.get('replay'), latest: await restored(store) };
}

describe('a batch with other bytes', () => {
  test.prop([compression, fc.nat(LINE_CUTS.length - 1), batchMutation], often)(
    'gives the right payload or an error of the kind data',
    async (name, index, mutate) => {
      const [first, end] = [LINE_CUTS[index - 1] ?? 0, LINE_CUTS[index]];
      const key = batchKey(first);
      const store = (await worldWith(name, key, mutate)).store();
      const head = await orRefusal(readHead(store, key), 'data');
      const payload = await orRefusal(payloadOf(store, key), 'data');
      if (payload !== undefined) {
        expect(payload).toEqual(LINES.subarray(first, end));
        expect(head?.header).toMatchObject({ first, end, bytes: payload.length });
      }
    },
  );
});

describe('a document with other bytes', () => {
  test.prop([documentMutation], often)('is a descriptor or an error of the kind data', async (mutate) => {
    const store = (await worldWith('zstd', DESCRIPTOR_KEY, mutate)).store();
    const descriptor = await orRefusal(readDescriptor(store), 'data');
    const strings = {
      format: expect.any(String),
      journal: expect.any(String),
      createdAt: expect.any(String),
    };
    const whole = { version: 1, id: expect.stringMatching(/^[0-9a-f-]{36}$/), ...strings };
    expect(descriptor ?? archives.zstd.descriptor).toMatchObject(whole);
  });

  test.prop([documentMutation], often)('is a claim or an error of the kind data', async (mutate) => {
    const store = (await worldWith('zstd', writerKey(2), mutate)).store();
    const read = await orRefusal(readClaim(store, 2), 'data');
    if (read !== undefined) {
      expect(Number.isSafeInteger(read.claim.durable)).toBe(true);
      expect(read.claim).toMatchObject({ epoch: 2, chain: expect.stringMatching(/^[0-9a-f]{64}$/) });
    }
  });

  test.prop([fc.uint8Array({ maxLength: 100 })], often)('is a stale LATEST', async (bytes) => {
    const store = (await worldWith('zstd', LATEST_KEY, () => Buffer.from(bytes))).store();
    const { warnings, findings } = await verify(testContext(store), { level: 'list', against: undefined });
    expect(findings).toEqual([]);
    expect(warnings.map(({ code }) => code)).toEqual(['latest-stale']);
  });
});

describe('an archive with other bytes in an object', () => {
  test.prop([compression, damage], seldom)(
    'gives a prefix of the journal or refuses, and gives all of it where verify finds nothing',
    async (name, [key, mutate]) => {
      const world = await worldWith(name, key, mutate);
      const { data, replay, latest } = await readInEveryWay(world.store());
      if (data?.length === 0 || replay?.length === 0) {
        expect(latest).toBe(LINES.toString());
      }
    },
  );

  test.prop([compression, damage], seldom)(
    'is pushed to or refused, and gives a prefix of the journal or refuses',
    async (name, [key, mutate]) => {
      const world = await worldWith(name, key, mutate);
      world.fileSystem.append('/journal', GROWN);
      await orRefusal(world.once({ journal: '/journal' }), 'data', 'conflict');
      await restored(world.store());
    },
  );
});

/** Names that look like ours, or like nothing a name should be. */
const hostileName = fc.oneof(
  fc.constantFrom(
    ...[
      '',
      '/',
      '//',
      '.',
      '..',
      '../LOG/0',
      '__proto__',
      'constructor',
      '0',
      '-1',
      '1e3',
      'NaN',
      '\u001b[2J',
    ],
    ...['ffffffffffffffff', '0020000000000000', '001fffffffffffff', '001ffffffffffffe', '000000000000000A'],
    ...[
      '000000000000000',
      '00000000000000000',
      '0x00000000000000',
      '0000000000000001.tmp',
      '+000000000000001',
    ],
    ...['0000000000000001/', '0000000000000001/0000000000000001', `${'0'.repeat(1_000)}1`, 'ａ'.repeat(16)],
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.maxSafeInteger().map((number) => Math.abs(number).toString(16).padStart(16, '0')),
);

const hostileKey = fc
  .tuple(fc.constantFrom('LOG/', 'SNAPSHOT/', 'WRITER/', 'log/', ''), hostileName)
  .map(([prefix, name]) => prefix + name)
  .filter((key) => !keys.includes(key));

/** A claim of the epoch that the key names, as good as it can be. */
function claimOf(key: string): Buffer {
  const claim = JSON.parse(objectBytes(archives.zstd, writerKey(2)).toString());
  const meaning = meaningOf(key);
  return Buffer.from(JSON.stringify({ ...claim, epoch: meaning.kind === 'writer' ? meaning.epoch : 3 }));
}

describe('an archive with keys that no writer writes', () => {
  const content = fc.oneof(
    fc.constantFrom(...allObjects),
    fc.uint8Array({ maxLength: 20 }),
    fc.constant('claim'),
  );
  const added = fc.array(fc.tuple(hostileKey, content), { minLength: 1, maxLength: 5 });

  test.prop([added], seldom)('is read and pushed to, or refused', async (objects) => {
    const world = await worldWith('zstd', LATEST_KEY, () => Buffer.from('0'));
    for (const [key, bytes] of objects) {
      const stored = typeof bytes === 'string' ? claimOf(key) : bytes;
      const info = { sizeBytes: stored.length, modifiedAtMs: Number.MAX_SAFE_INTEGER, version: 'hostile' };
      world.namespace.objects.set(key, { ...info, bytes: stored });
    }
    const { data, latest } = await readInEveryWay(world.store());
    expect(data?.length === 0 ? latest : LINES.toString()).toBe(LINES.toString());
    world.fileSystem.append('/journal', GROWN);
    await orRefusal(world.once({ journal: '/journal' }), 'data', 'conflict');
    await restored(world.store());
  });
});

describe('a journal with any bytes', () => {
  const format = fc.constantFrom(...JOURNAL_FORMATS);
  const limits = fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 60 }))
    .map(([targetBytes, more]): CutOptions => ({ targetBytes, limitBytes: targetBytes + more }));
  const journal = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(fc.constantFrom(0x0a, 0x0d, 0x00, 0xff), { maxLength: 300 })
      .map((bytes) => Uint8Array.from(bytes)),
  );

  test.prop([format, journal, limits], often)(
    'is cut into whole records up to its end, its torn tail, or an error of the kind data',
    async (journalFormat, bytes, cutOptions) => {
      const source = {
        readInto: async (buffer: Uint8Array, start: number) =>
          void buffer.set(bytes.subarray(start, start + buffer.length)),
      };
      const decoder = journalFormat.createDecoder(0);
      decoder.push(bytes);
      const cutAt = (start: number) => findCut(source, journalFormat, start, bytes.length, cutOptions);
      let end = 0;
      let records = 0;
      for (;;) {
        const found = await orRefusal(cutAt(end), 'data');
        if (found === undefined) {
          return;
        }
        records += found.records;
        if (found.end === end) {
          expect(found.tornBytes).toBe(decoder.pendingBytes);
          break;
        }
        end = found.end;
      }
      expect({ end, records }).toEqual({ end: decoder.end, records: decoder.records });
    },
  );
});
