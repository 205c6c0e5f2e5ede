import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { mapInOrder } from '../../src/kernel/concurrency.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { Store } from '../../src/store/contract.ts';
import { allOf, keysOf, textOf } from '../support/store-bytes.ts';
import type { StoreSuite } from './store-suite.ts';

const ANY = { if: 'any' } as const;

/** All characters a key may have, in no order. */
const ALL_CHARACTERS = [
  'abcdefghijklmnopqrstuvwxyz',
  'ABCDEFGHIJKLMNOPQRSTUVWXYZ/0123456789',
  '.dot/..two/...three/end./a.b',
  '_under/-dash/--/__/-._',
  `deep/${'x/'.repeat(20)}end`,
  `long-${'n'.repeat(150)}`,
];

export function describeListing({ store, another, manyKeys, runs }: StoreSuite): void {
  describe('listing', () => {
    it('is empty where nothing is', async () => {
      expect(await keysOf(store())).toEqual([]);
      expect(await keysOf(store(), 'LOG/')).toEqual([]);
      expect(await keysOf(store(), 'LOG/', 'LOG/5')).toEqual([]);
    });

    it('says size and age of each object', async () => {
      await store().put('a', bodyOf('123'), ANY);
      const info = await store().head('a');
      expect(await allOf(store().list(''))).toEqual([
        { key: 'a', sizeBytes: 3, modifiedAtMs: expect.any(Number) },
      ]);
      // A listing and an answer's header may differ in their precision, not in the second.
      const [listed] = await allOf(store().list('a'));
      expect(Math.floor((listed?.modifiedAtMs ?? 0) / 1_000)).toBe(
        Math.floor((info?.modifiedAtMs ?? 1) / 1_000),
      );
    });

    it('is in the order of code units over the whole key, whatever the directories', async () => {
      const keys = [
        'LOG-x',
        'LOG.x',
        'LOG/',
        'LOG0',
        'LOG/0',
        'LOG/a-b',
        'LOG/a/b',
        'LOG/aa',
        'LOG_',
        'Z',
        'a',
        '-',
        '_',
      ];
      const proper = keys.filter((key) => !key.endsWith('/'));
      await putAll(store(), proper);
      expect(await keysOf(store())).toEqual([...proper].sort());
    });

    it('gives the keys with the prefix, strictly after the key asked for', async () => {
      await putAll(store(), ['LOG/1', 'LOG/2', 'LOG/20', 'LOG/3', 'LOG2', 'SNAPSHOT/1']);
      expect(await keysOf(store(), 'LOG/')).toEqual(['LOG/1', 'LOG/2', 'LOG/20', 'LOG/3']);
      expect(await keysOf(store(), 'LOG')).toEqual(['LOG/1', 'LOG/2', 'LOG/20', 'LOG/3', 'LOG2']);
      expect(await keysOf(store(), 'LOG/2')).toEqual(['LOG/2', 'LOG/20']);
      expect(await keysOf(store(), 'LOG/', 'LOG/2')).toEqual(['LOG/20', 'LOG/3']);
      expect(await keysOf(store(), 'LOG/', 'LOG/1zz')).toEqual(['LOG/2', 'LOG/20', 'LOG/3']);
      expect(await keysOf(store(), 'LOG/', 'A')).toHaveLength(4);
      expect(await keysOf(store(), 'LOG/', 'LOG/3')).toEqual([]);
      expect(await keysOf(store(), 'LOG/', 'Z')).toEqual([]);
      expect(await keysOf(store(), '', 'LOG/3')).toEqual(['LOG2', 'SNAPSHOT/1']);
      expect(await keysOf(store(), 'nothing')).toEqual([]);
      expect(await keysOf(store(), '../')).toEqual([]);
    });

    it('ends with the key asked for, there or not', async () => {
      await putAll(store(), ['LOG/1', 'LOG/2', 'LOG/20', 'LOG/3', 'LOG2']);
      const upTo = (last: string, after?: string) => keysOf(store(), 'LOG', after, last);
      expect(await upTo('LOG/2')).toEqual(['LOG/1', 'LOG/2']);
      expect(await upTo('LOG/2z')).toEqual(['LOG/1', 'LOG/2', 'LOG/20']);
      expect(await upTo('LOG/20', 'LOG/1')).toEqual(['LOG/2', 'LOG/20']);
      expect(await upTo('LOG/2', 'LOG/2')).toEqual([]);
      expect(await upTo('A')).toEqual([]);
      expect(await upTo('Z')).toHaveLength(5);
    });

    it('agrees with sorting and filtering, for any keys, prefix, after and end', async () => {
      let run = 0;
      const text = fc.stringMatching(/^[ab./-]{1,4}$/);
      const segment = text.map((part) => part.replaceAll('/', '')).filter((part) => !/^\.{0,2}$/.test(part));
      const key = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
      const query = fc.record({
        keys: fc.uniqueArray(key, { maxLength: 8 }).map(withoutDirectories),
        prefix: fc.oneof(fc.constant(''), text),
        after: fc.option(fc.oneof(key, text), { nil: undefined }),
        upTo: fc.option(fc.oneof(key, text), { nil: undefined }),
      });
      const agrees = async ({
        keys,
        prefix,
        after,
        upTo,
      }: {
        keys: string[];
        prefix: string;
        after: string | undefined;
        upTo: string | undefined;
      }) => {
        run += 1;
        const base = `run-${run}/`;
        await putAll(
          store(),
          keys.map((key) => `${base}${key}`),
        );
        const isWithin = (key: string) => key > (after ?? '') && key <= (upTo ?? key);
        const expected = keys.filter((key) => key.startsWith(prefix) && isWithin(key)).sort();
        const [from, to] = [after && `${base}${after}`, upTo && `${base}${upTo}`];
        const listed = await keysOf(store(), `${base}${prefix}`, from, to);
        expect(listed).toEqual(expected.map((key) => `${base}${key}`));
      };
      await fc.assert(fc.asyncProperty(query, agrees), { numRuns: runs });
    });

    it('takes every character a key may have', async () => {
      await putAll(store(), ALL_CHARACTERS);
      expect(await keysOf(store())).toEqual([...ALL_CHARACTERS].sort());
      for (const key of ALL_CHARACTERS) {
        expect(await textOf(store(), key)).toBe(key);
      }
      await store().delete(ALL_CHARACTERS);
      expect(await keysOf(store())).toEqual([]);
    });

    it(`lists ${manyKeys} objects whole and from anywhere, and deletes them`, async () => {
      const keys = Array.from({ length: manyKeys }, (_, at) => `LOG/${at.toString(16).padStart(16, '0')}`);
      await putAll(store(), [...keys, 'stays']);
      expect(await keysOf(store(), 'LOG/')).toEqual(keys);
      expect(await keysOf(store(), '', keys[999])).toEqual([...keys.slice(1_000), 'stays']);
      await store().delete([...keys, 'absent']);
      expect(await keysOf(store())).toEqual(['stays']);
    });

    it('can be left early, and repeated', async () => {
      await putAll(store(), ['a', 'b', 'c']);
      for (let time = 0; time < 3; time += 1) {
        for await (const { key } of store().list('')) {
          expect(key).toBe('a');
          break;
        }
      }
      expect(await keysOf(store())).toEqual(['a', 'b', 'c']);
    });

    it('has what was put before it started, while others put and delete', async () => {
      const other = await another();
      const before = ['b', 'd', 'f'].map((name) => `LOG/${name}`);
      await putAll(store(), [...before, 'LOG/e']);
      const listed: string[] = [];
      for await (const { key } of store().list('LOG/')) {
        listed.push(key);
        await other.put('LOG/a', bodyOf('new'), ANY);
        await other.put('LOG/z', bodyOf('new'), ANY);
        await other.delete(['LOG/e']);
      }
      expect(listed).toEqual([...new Set(listed)].sort());
      expect(listed.filter((key) => before.includes(key))).toEqual(before);
    });
  });
}

function putAll(store: Store, keys: readonly string[]): Promise<unknown> {
  return allOf(mapInOrder(keys, 16, (key) => store.put(key, bodyOf(key), ANY)));
}

/** A directory cannot hold `a` beside `a/b`, and rigctl never asks for it. */
function withoutDirectories(keys: readonly string[]): string[] {
  return keys.filter((key) => !keys.some((other) => other.startsWith(`${key}/`)));
}
