import { describe, expect, it } from 'vitest';
import { bodyOf } from '../../src/store/body.ts';
import type { PutBody, Store } from '../../src/store/contract.ts';
import { allOf, contentOf, keysOf, someBytes, textOf } from '../support/store-bytes.ts';
import { MIDDLE_BYTES, type StoreSuite } from './store-suite.ts';

const ANY = { if: 'any' } as const;

export function describeEnding({ store }: StoreSuite): void {
  describe('aborting', () => {
    it('does nothing when the signal is aborted already, and says its reason', async () => {
      await store().put('kept', bodyOf('as it was'), ANY);
      const reason = new Error('stopped by the test');
      const signal = AbortSignal.abort(reason);
      let opened = 0;
      const body: PutBody = {
        lengthBytes: 1,
        open: () => {
          opened += 1;
          return [Buffer.from('x')];
        },
      };
      const calls = [
        () => store().get('kept', { signal }),
        () => store().get('absent', { signal }),
        () => store().head('kept', { signal }),
        () => store().put('kept', body, { if: 'any', signal }),
        () => store().put('new', body, { if: 'absent', signal }),
        () => store().delete(['kept'], { signal }),
        () => store().delete([], { signal }),
        () => allOf(store().list('', { signal })),
      ];
      for (const call of calls) {
        await expect(call()).rejects.toBe(reason);
      }
      expect(opened).toBe(0);
      expect(await keysOf(store())).toEqual(['kept']);
      expect(await textOf(store(), 'kept')).toBe('as it was');
    });

    it('ends a listing midway', async () => {
      for (const key of ['a', 'b', 'c']) {
        await store().put(key, bodyOf(key), ANY);
      }
      const [controller, reason] = [new AbortController(), new Error('enough')];
      const seen: string[] = [];
      const listing = async () => {
        for await (const { key } of store().list('', { signal: controller.signal })) {
          seen.push(key);
          controller.abort(reason);
        }
      };
      await expect(listing()).rejects.toBe(reason);
      expect(seen).toEqual(['a']);
    });

    it('ends a body midway', async () => {
      const lengthBytes = 8 * 1024 * 1024;
      await store().put('long', bodyOf(someBytes(lengthBytes)), ANY);
      const [controller, reason] = [new AbortController(), new Error('enough')];
      let readBytes = 0;
      const reading = async () => {
        const object = await store().get('long', { signal: controller.signal });
        for await (const chunk of object?.body ?? []) {
          readBytes += chunk.length;
          controller.abort(reason);
        }
      };
      await expect(reading()).rejects.toBe(reason);
      expect(readBytes).toBeLessThan(lengthBytes);
    });

    it.for(['absent', 'any'] as const)(
      'ends a put midway, whole or not at all (if: %s)',
      async (condition) => {
        const [controller, reason] = [new AbortController(), new Error('enough')];
        const [chunk, chunks] = [someBytes(MIDDLE_BYTES), 40];
        const body: PutBody = {
          lengthBytes: chunk.length * chunks,
          async *open() {
            for (let at = 0; at < chunks; at += 1) {
              yield chunk;
              controller.abort(reason);
            }
          },
        };
        const put = store().put('half', body, { if: condition, signal: controller.signal });
        await expect(put).rejects.toBe(reason);
        const stored = await contentOf(store(), 'half');
        expect(stored === undefined || stored.length === chunk.length * chunks).toBe(true);
      },
    );
  });

  describe('misuse', () => {
    it.for([
      '',
      '/',
      'a//b',
      '/a',
      'a/',
      '.',
      '..',
      'a/../b',
      './a',
      'a b',
      'ä',
      'a\n',
      'a\\b',
      'a%2e',
      'a\0',
    ])('takes the bad key %j for a bug', async (key) => {
      const bug = { code: 'RIG_ASSERTION' };
      await expect(store().get(key)).rejects.toMatchObject(bug);
      await expect(store().head(key)).rejects.toMatchObject(bug);
      await expect(store().put(key, bodyOf('x'), ANY)).rejects.toMatchObject(bug);
      await expect(store().delete(['good', key])).rejects.toMatchObject(bug);
      expect(await keysOf(store())).toEqual([]);
    });

    it('takes a prefix that cannot begin a key for a bug', async () => {
      await expect(keysOf(store(), 'a b')).rejects.toMatchObject({ code: 'RIG_ASSERTION' });
    });
  });

  describe('the store itself', () => {
    it('says where it is, what it can do, and is closed any number of times', async () => {
      expect(store().url).toMatch(/^[a-z0-9]+:/);
      expect(store().capabilities.parallelCalls).toBeGreaterThanOrEqual(1);
      await store().put('a', bodyOf('a'), ANY);
      await closeTwice(store());
    });
  });
}

async function closeTwice(store: Store): Promise<void> {
  await store.close();
  await store.close();
}
