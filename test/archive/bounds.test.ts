import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deflateRawSync, constants as zlib } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeHeader, firstChain, nextChain } from '../../src/archive/batch-header.ts';
import { openFrame, readHead, readStored } from '../../src/archive/batch-object.ts';
import { readClaim } from '../../src/archive/claim.ts';
import { codecNamed } from '../../src/archive/codec.ts';
import type { CompressionName } from '../../src/archive/compression.ts';
import { readDescriptor } from '../../src/archive/descriptor.ts';
import type { FrameEntry } from '../../src/archive/frame.ts';
import { batchKey, LATEST_KEY, LOG_PREFIX } from '../../src/archive/layout.ts';
import { sealBatch } from '../../src/archive/seal.ts';
import { crc32, sha256 } from '../../src/kernel/digest.ts';
import type { Offset } from '../../src/kernel/offset.ts';
import { KIB, MIB } from '../../src/kernel/size.ts';
import type { ListedObject, ListOptions, Store } from '../../src/store/contract.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { restore } from '../../src/workflows/restore.ts';
import { status } from '../../src/workflows/status.ts';
import { verify } from '../../src/workflows/verify.ts';
import { ARCHIVE_ID, buildArchive, overwrite } from '../support/archive-builder.ts';
import { options, refusal } from '../support/line-archive.ts';
import { longerListing } from '../support/longer-listing.ts';
import { ScriptedStore } from '../support/scripted-store.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { testContext } from '../support/workflow-context.ts';

const GIB = 1024 * MIB;
const KEY = batchKey(0);

function emptyStore(): ScriptedStore {
  return new ScriptedStore(openMemoryStore(createMemoryNamespace(), new SimulatedClock()));
}

/** A store of objects that begin as given and go on far beyond anything that may be read of them. */
function endless(start: Uint8Array, sizeBytes = 2 ** 40) {
  const store = emptyStore();
  const read = { bytes: 0 };
  async function* body(): AsyncGenerator<Uint8Array> {
    for (
      let chunk = Uint8Array.from(start);
      read.bytes < start.length + 8 * MIB;
      chunk = Buffer.alloc(64 * KIB, ' ')
    ) {
      read.bytes += chunk.length;
      yield chunk;
    }
    throw new Error('it was read on and on');
  }
  store.script.get = async () => ({ sizeBytes, modifiedAtMs: 0, version: '', body: body() });
  return { store, read };
}

/** What stands in front of the frames of a batch `[0, bytes)`. */
function startOf(name: CompressionName, frames: readonly FrameEntry[]): Uint8Array {
  const bytes = frames.reduce((total, [frameBytes]) => total + frameBytes, 0);
  const prev = firstChain(ARCHIVE_ID);
  const payload = { sha256: sha256('whatever'), bytes, records: bytes, first: 0, end: bytes };
  const chain = nextChain(prev, 0, bytes, payload.sha256);
  const observed = [[bytes, 1]];
  const json = JSON.stringify({
    v: 1,
    archive: ARCHIVE_ID,
    ...payload,
    prev,
    chain,
    epoch: 1,
    frames,
    observed,
  });
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(Buffer.from(json)));
  return codecNamed(name).wrapHeader(Buffer.concat([crc, Buffer.from(json)]));
}

describe('a batch that claims too much is refused, and no more than its beginning read:', () => {
  const manyFrames = (count: number, frame: FrameEntry) => startOf('zstd', Array(count).fill(frame));

  test.each<[string, Uint8Array, number?]>([
    ['a header of 4 GiB', Uint8Array.of(0x52, 0x2a, 0x4d, 0x18, 255, 255, 255, 255)],
    [
      'a header of 64 KiB in gzip',
      Uint8Array.of(31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 255, 255, 82, 71, 251, 255),
    ],
    ['a header of 100,000 frames', manyFrames(100_000, [1, 1, 0])],
    ['frames that add up to more than there are offsets', manyFrames(800, [2 ** 53 - 1, 2 ** 53 - 1, 0])],
    ['small frames stored in 8 MiB each', manyFrames(1_000, [1, 8 * MIB, 0])],
  ])('%s', async (_title, start) => {
    // As long as the last one says, so that its length is not what gives it away.
    const sizeBytes = start.length + 1_000 * 8 * MIB;
    for (const readBatch of [readHead, readStored]) {
      const { store, read } = endless(start, sizeBytes);
      expect(await refusal(readBatch(store, KEY))).toMatchObject({ kind: 'data', details: { object: KEY } });
      expect(read.bytes - start.length).toBeLessThanOrEqual(128 * KIB);
    }
  });

  test('but a frame that does not compress is not too long', async () => {
    const frame: FrameEntry = [1, 1_024, 0];
    expect(() => encodeHeader(headerOf(frame))).not.toThrow();
  });
});

function headerOf(frame: FrameEntry) {
  const prev = firstChain(ARCHIVE_ID);
  const hash = sha256('');
  const chain = nextChain(prev, 0, 1, hash);
  const range = { first: 0, end: 1, bytes: 1, records: 1 };
  const observed = [[1, 1]] as const;
  return {
    v: 1,
    archive: ARCHIVE_ID,
    ...range,
    sha256: hash,
    prev,
    chain,
    epoch: 1,
    frames: [frame],
    observed,
  } as const;
}

describe('a document without end is refused, and no more than its beginning read:', () => {
  test.each<[string, (store: Store) => Promise<unknown>]>([
    ['the descriptor', (store) => readDescriptor(store)],
    ['a claim', (store) => readClaim(store, 1)],
  ])('%s', async (_title, readDocument) => {
    const { store, read } = endless(Buffer.from('{"version":1'));
    expect(await refusal(readDocument(store))).toMatchObject({ kind: 'data' });
    expect(read.bytes).toBeLessThanOrEqual(192 * KIB);
  });
});

/** 4 GiB of zeros as one zstd frame that does not say its length: blocks of one byte, repeated. */
function zstdBomb(): Buffer {
  const blockBytes = 128 * KIB;
  const block = Buffer.alloc(4);
  block.writeUIntLE((blockBytes << 3) | (1 << 1), 0, 3);
  const blocks = Array<Buffer>((4 * GIB) / blockBytes).fill(block);
  return Buffer.concat([Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3), ...blocks, Uint8Array.of(1, 0, 0)]);
}

/** 4 GiB of zeros as deflate blocks. */
function gzipBomb(): Buffer {
  const piece = deflateRawSync(Buffer.alloc(16 * MIB), { finishFlush: zlib.Z_FULL_FLUSH });
  return Buffer.concat([...Array<Buffer>((4 * GIB) / (16 * MIB)).fill(piece), Uint8Array.of(3, 0)]);
}

test.each([
  ['zstd', zstdBomb()],
  ['gzip', gzipBomb()],
] as const)('a %s frame that says 4 MiB and gives 4 GiB takes 4 MiB', async (name, bomb) => {
  const store = emptyStore();
  const start = startOf(name, [[4 * MIB, bomb.length, crc32(bomb)]]);
  await overwrite(store, KEY, Buffer.concat([start, bomb]));
  const batch = (await readStored(store, KEY)) ?? expect.fail('it is there');
  const before = process.resourceUsage().maxRSS;
  expect(await refusal(openFrame(batch, 0))).toMatchObject({ kind: 'data', details: { object: KEY } });
  expect((process.resourceUsage().maxRSS - before) * KIB).toBeLessThan(64 * MIB);
});

/** For a closer look: RIGCTL_TEST_FUZZ_KEYS=10000000. */
const KEYS = Number(process.env['RIGCTL_TEST_FUZZ_KEYS'] ?? 100_000);

/** An archive with so many keys more after its batch at 8; they are made while the listing is read. */
class LongListing extends ScriptedStore {
  readonly #keyOf: (index: number) => string;
  /** Runs when `LOG/` has been listed and the next object is read. */
  onListed: () => void = () => {};

  constructor(store: Store, keyOf: (index: number) => string) {
    super(store);
    this.#keyOf = keyOf;
    this.script.get = (key, proceed) => {
      if (key !== LATEST_KEY) {
        this.onListed();
      }
      return proceed();
    };
  }

  override list(prefix: string, listOptions?: ListOptions): AsyncIterable<ListedObject> {
    return longerListing(super.list(prefix, listOptions), this.#more(), prefix, listOptions);
  }

  *#more(): Iterable<ListedObject> {
    for (let index = 0; index < KEYS; index += 1) {
      yield { key: this.#keyOf(index), sizeBytes: 100, modifiedAtMs: 1_795_257_127_000 + index };
    }
  }
}

describe('a listing of very many keys', () => {
  let heapBytes: () => number;

  beforeAll(() => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    heapBytes = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
  });

  /** The most that lived in the heap when an object was read, for each key beyond those before it. */
  async function heapPerKey(keyOf: (index: number) => string, work: (store: Store) => Promise<unknown>) {
    const listing = await longListing(keyOf);
    const before = heapBytes();
    let most = 0;
    listing.onListed = () => {
      most = Math.max(most, heapBytes() - before);
    };
    await work(listing);
    return most / KEYS;
  }

  /** The batches [0, 8) and [8, 16), many keys, and a batch so far up that it comes after them all. */
  async function longListing(keyOf: (index: number) => string): Promise<LongListing> {
    const { store } = await buildArchive({ journal: Buffer.alloc(16), cuts: [8, 16] });
    const first = 16 + KEYS * MIB;
    const content = { archive: ARCHIVE_ID, first, end: first + 1, records: 1, epoch: 1, prev: sha256('') };
    const payload = async function* () {
      yield Buffer.alloc(1);
    };
    const observed = [[first + 1, 1]] as const;
    const end = () => ({ ...content, observed });
    const { sealed } = await sealBatch(content, payload(), { name: 'zstd', level: 1 }, end);
    await store.put(batchKey(first), (await sealed).body, { if: 'absent' });
    return new LongListing(store, keyOf);
  }

  const batchAt = (index: number): string => batchKey(16 + index * MIB);
  const strayAt = (index: number): string => `${LOG_PREFIX}${'x'.repeat(900)}${index}`;
  const dryRun = (at: Offset) => options({ dryRun: true, at: { kind: 'offset', offset: at } });
  const commands: [string, (store: Store) => Promise<unknown>][] = [
    ['verify', (store) => verify(testContext(store), { level: 'list', against: undefined })],
    ['status', (store) => status(testContext(store))],
    ['restore', (store) => restore(testContext(store), dryRun(16))],
  ];

  test.each(commands)('of batches costs %s less than 200 bytes each', async (_name, command) => {
    expect(await heapPerKey(batchAt, command)).toBeLessThan(200);
  });

  test.each(commands)('that are strays costs %s next to nothing', async (_name, command) => {
    expect(await heapPerKey(strayAt, command)).toBeLessThan(50);
  });

  test('that are strays is counted, not told one by one', async () => {
    const store = await longListing(strayAt);
    const { warnings } = await verify(testContext(store), { level: 'list', against: undefined });
    const strays = warnings.filter(({ code }) => code === 'stray-object');
    expect(strays).toHaveLength(101);
    expect(strays.at(-1)?.message).toBe(`and ${KEYS - 100} more that are not rigctl's`);
  });
});
