import { describe, expect, it } from 'vitest';
import { CODECS } from '../../src/archive/codec.ts';
import { release } from '../../src/kernel/memory.ts';
import { MIB } from '../../src/kernel/size.ts';
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
});
