import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  BATCH_LIMIT_BYTES,
  encodeHeader,
  firstChain,
  OBSERVED_LIMIT,
} from '../../src/archive/batch-header.ts';
import { openFrame, readHead, readStored } from '../../src/archive/batch-object.ts';
import { DEFAULT_COMPRESSION } from '../../src/archive/compression.ts';
import { HEADER_LIMIT_BYTES } from '../../src/archive/envelope.ts';
import { batchKey } from '../../src/archive/layout.ts';
import { sealBatch } from '../../src/archive/seal.ts';
import { READ_CHUNK_BYTES } from '../../src/journal/tail.ts';
import { assert } from '../../src/kernel/assert.ts';
import { KIB, MIB } from '../../src/kernel/size.ts';
import { ARCHIVE_ID, type BuiltArchive, buildArchive, objectBytes } from '../support/archive-builder.ts';
import { noise } from '../support/noise.ts';

const FRAME_BYTES = 64;

/** Lengths around the borders of frames. */
const lengths = fc
  .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: -1, max: 1 }))
  .map(([frames, more]) => Math.max(1, frames * FRAME_BYTES + more));

async function sealed(length: number, name: 'zstd' | 'gzip', level = 1) {
  const journal = Buffer.from(Array.from({ length }, (_, index) => (index * index) % 251));
  const archive = await buildArchive({
    journal,
    cuts: [length],
    frameBytes: FRAME_BYTES,
    compression: { name, level },
  });
  return { journal, archive };
}

async function open({ store }: BuiltArchive, key: string): Promise<Buffer> {
  const batch = await readStored(store, key);
  assert(batch !== undefined, 'the batch is there');
  return Buffer.concat(await Promise.all(batch.frames.map((_, index) => openFrame(batch, index))));
}

describe('a sealed batch', () => {
  test.prop([lengths, fc.constantFrom('zstd' as const, 'gzip' as const), fc.constantFrom(1, 9)])(
    'opens to the bytes it was made of',
    async (length, name, level) => {
      const { journal, archive } = await sealed(length, name, level);
      expect(await open(archive, batchKey(0))).toEqual(journal);
      const head = await readHead(archive.store, batchKey(0));
      expect(head?.header).toEqual(archive.headers[0]);
      expect(head?.header.frames).toHaveLength(Math.ceil(length / FRAME_BYTES));
    },
  );

  const sizes = [64 * KIB, 64 * KIB + 1, 512 * KIB, 4 * MIB].flatMap((frameBytes) => [
    { name: 'zstd' as const, frameBytes },
    { name: 'gzip' as const, frameBytes },
  ]);
  test.each(sizes)(
    'of $name holds noise and zeros in frames of $frameBytes bytes',
    async ({ name, frameBytes }) => {
      const journal = Buffer.concat([...noise(1, 3 * MIB), Buffer.alloc(5 * MIB), ...noise(2, KIB)]);
      const archive = await buildArchive({
        journal,
        cuts: [3 * MIB, 8 * MIB, journal.length],
        frameBytes,
        compression: { name, level: 1 },
      });
      const opened = await Promise.all(archive.headers.map(({ first }) => open(archive, batchKey(first))));
      expect(Buffer.compare(Buffer.concat(opened), journal)).toBe(0);
    },
  );

  test.prop([lengths])('of gzip is a gzip file to everybody else', async (length) => {
    const { journal, archive } = await sealed(length, 'gzip');
    expect(gunzipSync(objectBytes(archive, batchKey(0)))).toEqual(journal);
  });

  test('tells what the next one begins with before it is compressed', async () => {
    const frames = (async function* () {
      yield* noise(1, 3 * MIB);
    })();
    const content = { archive: ARCHIVE_ID, first: 0, prev: firstChain(ARCHIVE_ID), epoch: 1 };
    const end = () => ({ end: 3 * MIB, records: 1, observed: [[3 * MIB, 1]] as const });
    const batch = await sealBatch(content, frames, DEFAULT_COMPRESSION, end);
    const { header } = await Promise.race([batch.sealed, { header: 'not yet there' }]);
    expect(header).toBe('not yet there');
    expect(await batch.sealed).toMatchObject({ header: { end: batch.end, chain: batch.chain } });
  });

  test('has the chain that is written down', async () => {
    const { journal, archive } = await sealed(300, 'zstd');
    const payload = createHash('sha256').update(journal).digest();
    const cuts = Buffer.alloc(16);
    cuts.writeUInt32BE(300, 12);
    const prev = createHash('sha256').update(archive.descriptor.id, 'ascii').digest();
    const chain = createHash('sha256')
      .update(Buffer.concat([prev, cuts, payload]))
      .digest('hex');
    expect(firstChain(archive.descriptor.id)).toBe(prev.toString('hex'));
    expect(archive.headers[0]).toMatchObject({
      prev: prev.toString('hex'),
      chain,
      sha256: payload.toString('hex'),
    });
  });

  test('has a header within its limit, however large its numbers are', async () => {
    const frameCount = BATCH_LIMIT_BYTES / READ_CHUNK_BYTES;
    const { archive } = await sealed(FRAME_BYTES, 'zstd');
    const header = archive.headers[0];
    const first = Number.MAX_SAFE_INTEGER - 64 * 2 ** 20;
    const end = Number.MAX_SAFE_INTEGER;
    const content = { ...header, first, end, bytes: end - first, records: end - first };
    const frames = Array.from({ length: frameCount }, () => [READ_CHUNK_BYTES, 532_999, 4_294_967_295]);
    const observed = Array.from({ length: OBSERVED_LIMIT }, () => [end, 9_999_999_999_999]);
    expect(Buffer.byteLength(JSON.stringify({ ...content, frames, observed }))).toBeLessThan(
      HEADER_LIMIT_BYTES,
    );
    expect(() => encodeHeader({ ...archive.headers[0], end: 0 } as never)).toThrow('range');
  });
});
