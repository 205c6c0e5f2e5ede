import { describe, expect, it } from 'vitest';
import { assert } from '../../src/kernel/assert.ts';
import type { Lifecycle, LifecycleRule, NewLifecycleRule } from '../../src/store/contract.ts';
import type { StoreSuite } from './store-suite.ts';

const RULES: readonly NewLifecycleRule[] = [
  { id: 'a plain one', prefix: 'place/', tags: {}, expireAfterDays: 30, expireNoncurrentAfterDays: 2 },
  { id: 'of all', prefix: '', tags: {}, abortUploadsAfterDays: 7 },
  { id: 'rigctl:x:log', prefix: 'place/LOG/', tags: { rigctl: 'expendable' }, expireAfterDays: 3 },
  { id: 'tags <&>', prefix: 'a&b/', tags: { '<one>': 'a"b', two: "'&amp;" }, expireAfterDays: 1 },
  { id: 'unmarks', prefix: 'place/', tags: {}, expireDeleteMarkers: true },
];

export function describeLifecycle({ store, another }: StoreSuite): void {
  const lifecycle = (of = store()): Lifecycle => {
    assert(of.capabilities.lifecycle !== undefined, 'a store with lifecycle rules');
    return of.capabilities.lifecycle;
  };
  const write = (rules: readonly (LifecycleRule | NewLifecycleRule)[]) =>
    lifecycle().write({ rules, attributes: {} });

  describe('lifecycle rules', () => {
    it('are none at first', async () => {
      expect(await lifecycle().read()).toEqual({
        rules: [],
        document: '',
        attributes: {},
        unknownElements: [],
      });
      expect(await lifecycle().keepsVersions()).toBe(false);
      expect(lifecycle().keyPrefix).toMatch(/^$|\/$/);
    });

    it('are read as they were written, by every client', async () => {
      await write(RULES);
      const { rules, document, unknownElements } = await lifecycle(await another()).read();
      expect(meaningsOf(rules)).toEqual(RULES.map((rule) => ({ ...rule, enabled: true })));
      expect(unknownElements).toEqual([]);
      expect(document).toContain('<ID>rigctl:x:log</ID>');
    });

    it('stay when they are written back beside others, any number of times', async () => {
      await write(RULES.slice(0, 3));
      for (const added of RULES.slice(3)) {
        const { rules, attributes } = await lifecycle().read();
        await lifecycle().write({ rules: [added, ...rules], attributes });
        await lifecycle().write({ rules: [added, ...rules], attributes });
      }
      const { rules } = await lifecycle().read();
      expect(meaningsOf(rules)).toEqual(RULES.map((rule) => ({ ...rule, enabled: true })));
    });

    it('go when they are not written again, and none are left of an empty list', async () => {
      await write(RULES);
      const { rules, attributes } = await lifecycle().read();
      const kept = rules.filter(({ id }) => id === 'of all');
      await lifecycle().write({ rules: kept, attributes });
      expect((await lifecycle().read()).rules).toEqual(kept);
      await lifecycle().write({ rules: [], attributes });
      await lifecycle().write({ rules: [], attributes: {} });
      expect(await lifecycle().read()).toMatchObject({ rules: [], document: '', attributes: {} });
    });

    it('stay as they are when the signal is aborted already', async () => {
      await write(RULES);
      const reason = new Error('stopped by the test');
      const signal = AbortSignal.abort(reason);
      await expect(lifecycle().write({ rules: [], attributes: {} }, { signal })).rejects.toBe(reason);
      await expect(lifecycle().read({ signal })).rejects.toBe(reason);
      await expect(lifecycle().keepsVersions({ signal })).rejects.toBe(reason);
      expect((await lifecycle().read()).rules).toHaveLength(RULES.length);
    });

    it.for([
      ['does nothing', {}],
      ['removes markers by age', { expireDeleteMarkers: true, expireAfterDays: 1 }],
      ['removes markers by tag', { expireDeleteMarkers: true, tags: { a: '1' } }],
      ['gives up uploads by tag', { abortUploadsAfterDays: 1, tags: { a: '1' } }],
    ] as const)('take one that %s for a bug', async ([_, actions]) => {
      const rule = { id: 'bad', prefix: '', tags: {}, ...actions };
      await expect(write([rule])).rejects.toMatchObject({ code: 'RIG_ASSERTION' });
      expect((await lifecycle().read()).rules).toEqual([]);
    });
  });
}

/** What the rules mean, in the order of their ids: a server may sort them. */
function meaningsOf(rules: readonly LifecycleRule[]): unknown[] {
  return rules
    .map(({ text: _, unknownElements, hasTransitions, ...meaning }) => {
      expect([unknownElements, hasTransitions]).toEqual([[], false]);
      return Object.fromEntries(Object.entries(meaning).filter(([, value]) => value !== undefined));
    })
    .sort((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1));
}
