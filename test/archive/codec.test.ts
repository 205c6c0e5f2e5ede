import { constants, deflateRawSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CODECS, codecNamed } from '../../src/archive/codec.ts';
import { release } from '../../src/kernel/memory.ts';
import { KIB, MIB } from '../../src/kernel/size.ts';
import { someBytes } from '../support/store-bytes.ts';

const FRAMES = [Buffer.alloc(MIB, 'a record\n'), someBytes(MIB)];

describe.each(CODECS)('$name', (codec) => {
  it('gives frames in memory that holds no room beside them, or that can be given back with it', async () => {
    for (const frame of FRAMES) {
      const stored = await codec.compress(frame, 1);
      const { length } = stored;
      const compressed = Uint8Array.from(stored);
      release(stored);
      expect(stored.length === 0 || length < Buffer.poolSize).toBe(true); // Node keeps small ones together
      const bytes = await codec.decompress(compressed, frame.length);
      expect(frame.equals(bytes)).toBe(true);
      release(bytes);
      expect(bytes).toHaveLength(0);
    }
  });

  it('makes of a long frame what one call for the whole of it would', async () => {
    const records = Array.from(
      { length: 12_000 },
      (_, index) => `{"id":${index},"of":"${(index * index) % 8191}"}\n`,
    );
    const frame = Buffer.concat([someBytes(600 * KIB), Buffer.from(records.join(''))]);
    const params = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };
    const atOnce = {
      zstd: () => zstdCompressSync(frame, { params, pledgedSrcSize: frame.length }),
      gzip: () => deflateRawSync(frame, { level: 1, finishFlush: constants.Z_FULL_FLUSH }),
    };
    expect(Buffer.compare(await codec.compress(frame, 1), atOnce[codec.name]())).toBe(0);
  });

  it.each([32 * KIB, MIB])(
    'refuses a frame of %d bytes that gives more, or that is harmed',
    async (bytes) => {
      for (const more of [1, 64, 65, bytes]) {
        const stored = await codec.compress(someBytes(bytes + more), 1);
        await expect(codec.decompress(stored, bytes)).rejects.toThrow(RangeError);
      }
      await expect(codec.decompress(someBytes(bytes), bytes)).rejects.toThrow();
    },
  );

  it.each([32 * KIB, MIB])('leaves what lies behind the end of a frame of %d bytes', async (bytes) => {
    const frame = someBytes(bytes);
    const ended = { zstd: zstdCompressSync(frame), gzip: deflateRawSync(frame) }[codec.name];
    const more = await codec.decompress(Buffer.concat([ended, frame]), bytes);
    expect(Buffer.compare(more, frame)).toBe(0);
  });
});

describe('zstd', () => {
  it.each([32 * KIB, MIB])('refuses a frame of %d bytes that ends within its checksum', async (bytes) => {
    const zstd = codecNamed('zstd');
    const stored = await zstd.compress(someBytes(bytes), 1);
    await expect(zstd.decompress(stored.subarray(0, -1), bytes)).rejects.toThrow('unexpected end');
  });
});
