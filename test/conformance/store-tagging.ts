import { describe, expect, it } from 'vitest';
import { assert } from '../../src/kernel/assert.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { Tagging } from '../../src/store/contract.ts';
import { textOf } from '../support/store-bytes.ts';
import type { StoreSuite } from './store-suite.ts';

const ANY = { if: 'any' } as const;

export function describeTagging({ store, another }: StoreSuite): void {
  const tagging = (of = store()): Tagging => {
    assert(of.capabilities.tagging !== undefined, 'a store with tags');
    return of.capabilities.tagging;
  };

  describe('tags', () => {
    it('are none at first, then exactly those that were given last', async () => {
      await store().put('a', bodyOf('a'), ANY);
      await store().put('b', bodyOf('b'), ANY);
      expect(await tagging().getTags('a')).toEqual({});
      for (const tags of [{ one: '1', two: '2' }, { two: '3' }, { two: '3' }, {}]) {
        expect(await tagging().setTags('a', tags)).toBe(true);
        expect(await tagging(await another()).getTags('a')).toEqual(tags);
      }
      expect(await tagging().getTags('b')).toEqual({});
    });

    it('take what tags may hold', async () => {
      await store().put('a', bodyOf('a'), ANY);
      const tags = { rigctl: 'expendable', 'with space': '+-=._:/@', 'Ä-ö': '', empty: '' };
      await tagging().setTags('a', tags);
      expect(await tagging().getTags('a')).toEqual(tags);
    });

    it('are of no key that is not there', async () => {
      await store().put('a/b', bodyOf('x'), ANY);
      for (const key of ['a', 'a/b2', 'absent']) {
        expect(await tagging().setTags(key, { a: '1' }), key).toBe(false);
        expect(await tagging().getTags(key), key).toBeUndefined();
        expect(await store().head(key), key).toBeUndefined();
      }
    });

    it('leave the object as it is, and go when it is replaced or deleted', async () => {
      await store().put('a', bodyOf('first'), ANY);
      const before = await store().head('a');
      await tagging().setTags('a', { a: '1' });
      expect(await store().head('a')).toMatchObject({ version: before?.version, sizeBytes: 5 });
      expect(await textOf(store(), 'a')).toBe('first');
      await store().put('a', bodyOf('second'), ANY);
      expect(await tagging().getTags('a')).toEqual({});
      await tagging().setTags('a', { a: '1' });
      await store().delete(['a']);
      expect(await tagging().getTags('a')).toBeUndefined();
    });

    it('stay as they are when the signal is aborted already, or the key is bad', async () => {
      await store().put('a', bodyOf('a'), ANY);
      const reason = new Error('stopped by the test');
      const signal = AbortSignal.abort(reason);
      await expect(tagging().setTags('a', { a: '1' }, { signal })).rejects.toBe(reason);
      await expect(tagging().getTags('a', { signal })).rejects.toBe(reason);
      await expect(tagging().setTags('a/', {})).rejects.toMatchObject({ code: 'RIG_ASSERTION' });
      await expect(tagging().getTags('a/')).rejects.toMatchObject({ code: 'RIG_ASSERTION' });
      expect(await tagging().getTags('a')).toEqual({});
    });
  });
}
