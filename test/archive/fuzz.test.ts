import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { nextChain } from '../../src/archive/batch-header.ts';
import { checkPayload, readHead, readStored, takeFrame } from '../../src/archive/batch-object.ts';
import { readClaim } from '../../src/archive/claim.ts';
import type { CompressionName } from '../../src/archive/compression.ts';
import { readDescriptor } from '../../src/archive/descriptor.ts';
import { batchKey, DESCRIPTOR_KEY, LATEST_KEY, meaningOf, writerKey } from '../../src/archive/layout.ts';
import { startSha256 } from '../../src/kernel/digest.ts';
import { isOffset } from '../../src/kernel/offset.ts';
import type { Store } from '../../src/store/contract.ts';
import { ls } from '../../src/workflows/ls.ts';
import { type RestoreOptions, restore } from '../../src/workflows/restore.ts';
import { status } from '../../src/workflows/status.ts';
import { VERIFY_LEVELS, verify } from '../../src/workflows/verify.ts';
import { FIRST_OBSERVED_MS, objectBytes, overwrite } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { OFTEN, orRefusal, SELDOM } from '../support/fuzzing.ts';
import { LINES, lineArchive, options } from '../support/line-archive.ts';
import {
  byteMutation,
  frameMutation,
  headerMutation,
  jsonMutation,
  type Mutation,
} from '../support/mutations.ts';
import { PushWorld } from '../support/push-world.ts';
import { testContext } from '../support/workflow-context.ts';

const COMPRESSIONS: readonly CompressionName[] = ['zstd', 'gzip'];

/** The journal later: a push has work to do. */
const GROWN = Buffer.concat([LINES, Buffer.from('eight\n')]);

const OTHER = Buffer.from(LINES.toString().toUpperCase());

/** Whole archives of the same journal, of several frames a batch. They are copied, not changed. */
const archives = {
  zstd: await lineArchive({ compression: { name: 'zstd', level: 1 }, frameBytes: 5 }),
  gzip: await lineArchive({ compression: { name: 'gzip', level: 6 }, frameBytes: 5 }),
};
/** The same batches of another journal. */
const impostors = {
  zstd: await lineArchive({ journal: OTHER, compression: { name: 'zstd', level: 1 }, frameBytes: 5 }),
  gzip: await lineArchive({ journal: OTHER, compression: { name: 'gzip', level: 6 }, frameBytes: 5 }),
};
const compression = fc.constantFrom(...COMPRESSIONS);
const keys = [...archives.zstd.namespace.objects.keys()];
const batchKeys = keys.filter((key) => meaningOf(key).kind === 'batch');
const allObjects = COMPRESSIONS.flatMap((name) => keys.map((key) => objectBytes(archives[name], key)));

const documentMutation = fc.oneof(byteMutation(allObjects), jsonMutation);
const theirBatches = (name: CompressionName) => batchKeys.map((key) => objectBytes(impostors[name], key));
const batchMutation = (name: CompressionName) =>
  fc.oneof(byteMutation(allObjects), headerMutation, frameMutation(theirBatches(name)));

/** What happens to an object. Only its chain tells a whole batch of another journal; before the first there is none. */
function mutationOf(name: CompressionName, key: string): fc.Arbitrary<Mutation> {
  if (!batchKeys.includes(key)) {
    return documentMutation;
  }
  const exchange: Mutation = () => objectBytes(impostors[name], key);
  return key === batchKeys[0] ? batchMutation(name) : fc.oneof(batchMutation(name), fc.constant(exchange));
}

/** An archive, one of its objects, and what happens to it. */
const damaged = fc
  .tuple(compression, fc.constantFrom(...keys))
  .chain(([name, key]) => fc.tuple(fc.constant(name), fc.constant(key), mutationOf(name, key)));
/** The same, of one batch. */
const damagedBatch = fc
  .tuple(compression, fc.constantFrom(...batchKeys))
  .chain(([name, key]) => fc.tuple(fc.constant(name), fc.constant(key), batchMutation(name)));

/** A world with a copy of the archive, in which the object `key` has other bytes. */
async function worldWith(name: CompressionName, key: string, mutate: Mutation): Promise<PushWorld> {
  const world = new PushWorld();
  for (const [present, object] of archives[name].namespace.objects) {
    world.namespace.objects.set(present, object);
  }
  await overwrite(world.store(), key, mutate(objectBytes(archives[name], key)));
  return world;
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
  test.prop([damagedBatch], OFTEN)(
    'gives the right payload or an error of the kind data',
    async ([name, key, mutate]) => {
      const store = (await worldWith(name, key, mutate)).store();
      const head = await orRefusal(readHead(store, key), 'data');
      const payload = await orRefusal(payloadOf(store, key), 'data');
      if (head !== undefined) {
        const { prev, first, end, bytes, sha256, chain, frames, observed } = head.header;
        expect([first, end, bytes, frames, observed].flat(3).every(isOffset)).toBe(true);
        expect(chain).toBe(nextChain(prev, first, end, sha256));
        expect(batchKey(first)).toBe(key);
        expect(payload?.length ?? end - first).toBe(end - first);
      }
      if (payload !== undefined) {
        expect(payload.toString()).toBe(LINES.toString('utf8', head?.header.first, head?.header.end));
      }
    },
  );
});

/** As a reader of its JSON sees it: of -0 and the like there is nothing left. */
function asJson(value: object): object {
  return JSON.parse(JSON.stringify(value));
}

describe('a document with other bytes', () => {
  test.prop([documentMutation], OFTEN)('is a descriptor or an error of the kind data', async (mutate) => {
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

  test.prop([documentMutation], OFTEN)('is a claim or an error of the kind data', async (mutate) => {
    const store = (await worldWith('zstd', writerKey(2), mutate)).store();
    const read = await orRefusal(readClaim(store, 2), 'data');
    if (read !== undefined) {
      const written = mutate(objectBytes(archives.zstd, writerKey(2)))
        .toString()
        .replace(/^\ufeff/, '');
      expect(asJson(JSON.parse(written))).toMatchObject(asJson(read.claim));
      expect(isOffset(read.claim.durable)).toBe(true);
      expect(read.claim.chain).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test.prop([fc.uint8Array({ maxLength: 100 })], OFTEN)('is a stale LATEST', async (bytes) => {
    const store = (await worldWith('zstd', LATEST_KEY, () => Buffer.from(bytes))).store();
    const { warnings, findings } = await verify(testContext(store), { level: 'list', against: undefined });
    expect(findings).toEqual([]);
    expect(warnings.map(({ code }) => code)).toEqual(['latest-stale']);
  });
});

describe('an archive with other bytes in an object', () => {
  test.prop([damaged], SELDOM)(
    'gives a prefix of the journal or refuses, and gives all of it where verify finds nothing',
    async ([name, key, mutate]) => {
      const world = await worldWith(name, key, mutate);
      const { data, replay, latest } = await readInEveryWay(world.store());
      if (data?.length === 0 || replay?.length === 0) {
        expect(latest).toBe(LINES.toString());
      }
    },
  );

  test.prop([damaged], SELDOM)(
    'is pushed to or refused, and gives a prefix of the journal or refuses',
    async ([name, key, mutate]) => {
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

/** Up to 2^53 - 1. */
const OUR_KEY = /^(LOG|SNAPSHOT|WRITER)\/00[01][0-9a-f]{13}$/;

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

  test.prop([added], SELDOM)('is read and pushed to, or refused', async (objects) => {
    const world = await worldWith('zstd', LATEST_KEY, () => Buffer.from('0'));
    for (const [key, bytes] of objects) {
      const stored = typeof bytes === 'string' ? claimOf(key) : bytes;
      const info = { sizeBytes: stored.length, modifiedAtMs: Number.MAX_SAFE_INTEGER, version: 'hostile' };
      world.namespace.objects.set(key, { ...info, bytes: stored });
    }
    const { data, latest } = await readInEveryWay(world.store());
    const mayMeanSomething = objects.some(([key]) => OUR_KEY.test(key));
    expect(data?.length === 0 || !mayMeanSomething ? latest : LINES.toString()).toBe(LINES.toString());
    world.fileSystem.append('/journal', GROWN);
    await orRefusal(world.once({ journal: '/journal' }), 'data', 'conflict');
    await restored(world.store());
  });
});
