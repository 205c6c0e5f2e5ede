import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { restore } from '../../src/workflows/restore.ts';
import { buildArchive } from '../support/archive-builder.ts';
import { options } from '../support/line-archive.ts';
import { someBytes } from '../support/store-bytes.ts';
import { testContext } from '../support/workflow-context.ts';

/** Longer than what is decompressed without another thread, in memory of Node's pool. */
const FRAME_BYTES = 100_000;
const JOURNAL = someBytes(10 * FRAME_BYTES);

describe('what a restore writes', () => {
  it.each([0.5, 1, 1.5, 3, 4.999, 5, 5.5, 9, 10])(
    'keeps its memory until it is written, %d frames of two batches',
    async (frames) => {
      const cuts = [5 * FRAME_BYTES, 10 * FRAME_BYTES];
      const { store } = await buildArchive({ journal: JOURNAL, cuts, frameBytes: FRAME_BYTES });
      const written: Buffer[] = [];
      const target = {
        kind: 'stream' as const,
        givesBack: true,
        async write(bytes: Uint8Array) {
          for (let turn = 0; turn < 50; turn += 1) {
            await setImmediate();
          }
          written.push(Buffer.from(bytes));
        },
      };
      const offset = Math.round(frames * FRAME_BYTES);
      const at = { kind: 'offset' as const, offset };
      const result = await restore(testContext(store), options({ at, target }));
      expect(Buffer.concat(written).equals(JOURNAL.subarray(0, offset))).toBe(true);
      expect(result).toMatchObject({ bytes: offset, records: offset });
    },
  );

  it('belongs to a stream that does not say that it gives it back', async () => {
    const { store } = await buildArchive({
      journal: JOURNAL,
      cuts: [JOURNAL.length],
      frameBytes: FRAME_BYTES,
    });
    const kept: Uint8Array[] = [];
    const write = async (bytes: Uint8Array) => void kept.push(bytes);
    await restore(testContext(store), options({ target: { kind: 'stream', write } }));
    expect(Buffer.concat(kept).equals(JOURNAL)).toBe(true);
  });
});
