import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { bodyOf } from '../../src/store/body.ts';
import { bytesOf, contentOf, someBytes } from '../support/store-bytes.ts';
import { MIDDLE_BYTES, type StoreSuite } from './store-suite.ts';

const ANY = { if: 'any' } as const;

export function describeReading({ store, runs }: StoreSuite): void {
  describe('reading', () => {
    it('gives undefined for a key that is not there', async () => {
      await store().put('there', bodyOf('x'), ANY);
      for (const key of ['absent', 'ther', 'there2', 'no/such/directory']) {
        expect(await store().get(key), key).toBeUndefined();
        expect(await store().get(key, { range: { startByte: 5 } }), key).toBeUndefined();
        expect(await store().head(key), key).toBeUndefined();
      }
    });

    it('gives back what was put, with its size, age and version', async () => {
      const bytes = someBytes(MIDDLE_BYTES);
      await store().put('LOG/0000000000000000', bodyOf(bytes), ANY);
      const object = await store().get('LOG/0000000000000000');
      expect(object?.sizeBytes).toBe(MIDDLE_BYTES);
      expect(bytes.equals((await bytesOf(object)) ?? Buffer.alloc(0))).toBe(true);
      const info = await store().head('LOG/0000000000000000');
      expect(info).toMatchObject({
        sizeBytes: MIDDLE_BYTES,
        version: object?.version,
        modifiedAtMs: object?.modifiedAtMs,
      });
      expect(Number.isSafeInteger(info?.modifiedAtMs)).toBe(true);
      expect(info?.version).not.toBe('');
    });

    it("gives memory that is the reader's: whatever becomes of it, the object stays as it is", async () => {
      const bytes = someBytes(MIDDLE_BYTES);
      await store().put('mine', bodyOf(bytes), ANY);
      for await (const chunk of (await store().get('mine'))?.body ?? []) {
        chunk.fill(0);
      }
      expect(bytes.equals((await contentOf(store(), 'mine')) ?? Buffer.alloc(0))).toBe(true);
    });

    it('knows an empty object from a missing one', async () => {
      await store().put('empty', bodyOf(), ANY);
      expect(await contentOf(store(), 'empty')).toEqual(Buffer.alloc(0));
      expect(await store().head('empty')).toMatchObject({ sizeBytes: 0 });
      const ranged = await store().get('empty', { range: { startByte: 0, endByte: 10 } });
      expect(ranged?.sizeBytes).toBe(0);
      expect(await bytesOf(ranged)).toEqual(Buffer.alloc(0));
    });

    it('gives exactly the range asked for, cut at the end, and the size of the whole object', async () => {
      const bytes = someBytes(MIDDLE_BYTES);
      await store().put('ranged', bodyOf(bytes), ANY);
      const position = fc.integer({ min: 0, max: MIDDLE_BYTES + 10 });
      const range = fc.tuple(
        position,
        fc.option(fc.integer({ min: 0, max: MIDDLE_BYTES }), { nil: undefined }),
      );
      const given = async ([startByte, lengthBytes]: [number, number | undefined]) => {
        const endByte = lengthBytes === undefined ? undefined : startByte + lengthBytes;
        const object = await store().get('ranged', { range: { startByte, endByte } });
        expect(object?.sizeBytes).toBe(MIDDLE_BYTES);
        const part = (await bytesOf(object)) ?? Buffer.alloc(0);
        expect(part.length).toBe(Math.max(0, Math.min(endByte ?? MIDDLE_BYTES, MIDDLE_BYTES) - startByte));
        expect(part.equals(bytes.subarray(startByte, endByte))).toBe(true);
      };
      const examples: [[number, number | undefined]][] = [
        [[0, 0]],
        [[5, 0]],
        [[0, 1]],
        [[MIDDLE_BYTES - 1, undefined]],
        [[MIDDLE_BYTES - 1, 100]],
      ];
      await fc.assert(fc.asyncProperty(range, given), { numRuns: runs, examples });
    });

    it('gives an empty body for a range that starts at or beyond the end', async () => {
      await store().put('short', bodyOf('12345'), ANY);
      for (const range of [{ startByte: 5 }, { startByte: 5, endByte: 9 }, { startByte: 600 }]) {
        const object = await store().get('short', { range });
        expect(object?.sizeBytes).toBe(5);
        expect(await bytesOf(object)).toEqual(Buffer.alloc(0));
      }
    });

    it('can be repeated, and a body can be left early', async () => {
      const bytes = someBytes(MIDDLE_BYTES);
      await store().put('left', bodyOf(bytes), ANY);
      for (let time = 0; time < 20; time += 1) {
        const object = await store().get('left');
        for await (const chunk of object?.body ?? []) {
          expect(bytes.subarray(0, chunk.length).equals(chunk)).toBe(true);
          break;
        }
      }
      expect(bytes.equals((await contentOf(store(), 'left')) ?? Buffer.alloc(0))).toBe(true);
    });

    it('hands out bytes that the reader may change', async () => {
      await store().put('mine', bodyOf('unchanged'), ANY);
      for await (const chunk of (await store().get('mine'))?.body ?? []) {
        chunk.fill(0);
      }
      expect((await contentOf(store(), 'mine'))?.toString()).toBe('unchanged');
    });
  });
}
