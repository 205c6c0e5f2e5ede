import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { compareRules } from '../../src/archive/lifecycle-compare.ts';
import { ownRules } from '../../src/archive/lifecycle-rules.ts';
import { planLifecycle, refusePlan } from '../../src/archive/plan-lifecycle.ts';
import type { LifecycleRule } from '../../src/store/contract.ts';
import { ARCHIVE_ID, OTHER_ARCHIVE_ID } from '../support/archive-builder.ts';
import { asStored, PLACE, storedRule, wantedRules } from '../support/lifecycle-rules.ts';

const MARK = { rigctl: 'expendable' };

/** Rules of other people, and of other archives. */
const foreignRules = fc
  .array(
    fc.record({
      prefix: fc.constantFrom('', 'logs/', 'team/', 'team/app/', 'team/app/LOG/', 'team/app/SNAPSHOT/00'),
      tags: fc.constantFrom({}, MARK, { team: 'x' }),
      enabled: fc.boolean(),
      expireAfterDays: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
      hasTransitions: fc.boolean(),
      unknownElements: fc.constantFrom([], ['DelMarkerExpiration']),
    }),
    { maxLength: 8 },
  )
  .map((rules) => rules.map((rule, index) => storedRule({ ...rule, id: `foreign ${index}` })));

/** What somebody may have made of the archive's own rules. */
const ownLeftovers = fc
  .subarray(['log', 'snapshot', 'uploads', 'log-leftovers'])
  .map((names) => names.map((name) => storedRule({ id: `rigctl:${ARCHIVE_ID}:${name}`, prefix: 'x/' })));

const policies = fc.record({
  logDays: fc.integer({ min: 1, max: 1_000 }),
  snapshotDays: fc.integer({ min: 1, max: 1_000 }),
  byAge: fc.boolean(),
});

function plan(current: readonly LifecycleRule[], wanted = wantedRules()) {
  return planLifecycle(ARCHIVE_ID, current, wanted);
}

function refusals(...foreign: Partial<LifecycleRule>[]): string[] {
  return refusePlan(PLACE, plan(foreign.map(storedRule))).map(({ message }) => message);
}

describe('the rules of an archive', () => {
  test('expire only what is under LOG/ and SNAPSHOT/ and marked', () => {
    const log = { prefix: 'team/app/LOG/', tags: MARK, expireAfterDays: 3, expireNoncurrentAfterDays: 3 };
    const snapshot = {
      prefix: 'team/app/SNAPSHOT/',
      tags: MARK,
      expireAfterDays: 30,
      expireNoncurrentAfterDays: 30,
    };
    const leftovers = { tags: {}, expireDeleteMarkers: true, abortUploadsAfterDays: 7 };
    expect(wantedRules()).toEqual([
      { id: `rigctl:${ARCHIVE_ID}:log`, ...log },
      { id: `rigctl:${ARCHIVE_ID}:snapshot`, ...snapshot },
      { id: `rigctl:${ARCHIVE_ID}:log-leftovers`, prefix: 'team/app/LOG/', ...leftovers },
      { id: `rigctl:${ARCHIVE_ID}:snapshot-leftovers`, prefix: 'team/app/SNAPSHOT/', ...leftovers },
    ]);
  });

  test('leave older versions out where there are none', () => {
    for (const rule of wantedRules({ keepsVersions: false })) {
      expect(rule.expireNoncurrentAfterDays).toBeUndefined();
    }
  });

  test('are for LOG/ and SNAPSHOT/ alone at the top of a bucket too', () => {
    const prefixes = new Set(wantedRules({ keyPrefix: '' }).map(({ prefix }) => prefix));
    expect([...prefixes]).toEqual(['LOG/', 'SNAPSHOT/']);
  });

  test.prop([policies, fc.boolean()])(
    'never combine a tag with what S3 does not allow beside one, nor expire unmarked objects unless asked to',
    (policy, keepsVersions) => {
      for (const rule of ownRules({ ...PLACE, keepsVersions }, policy)) {
        const tagged = Object.keys(rule.tags).length > 0;
        const expires = rule.expireAfterDays !== undefined || rule.expireNoncurrentAfterDays !== undefined;
        const plain = rule.expireDeleteMarkers !== undefined || rule.abortUploadsAfterDays !== undefined;
        expect(tagged && plain).toBe(false);
        expect(expires && !tagged && !policy.byAge).toBe(false);
        expect(rule.expireAfterDays !== undefined && rule.expireDeleteMarkers === true).toBe(false);
      }
    },
  );
});

describe('a plan', () => {
  test.prop([foreignRules, ownLeftovers, policies])(
    'keeps every foreign rule as it is, and there is nothing to do after it',
    (foreign, own, policy) => {
      const wanted = ownRules(PLACE, policy);
      const first = plan([...own, ...foreign], wanted);
      expect(first.foreign).toEqual(foreign);
      expect(first.rules.filter((rule) => 'text' in rule && rule.id?.startsWith('foreign'))).toEqual(foreign);
      const again = plan(asStored(first.rules), wanted);
      expect(again.changes).toBe(false);
      expect(again.unchanged.map(({ id }) => id).sort()).toEqual(wanted.map(({ id }) => id).sort());
    },
  );

  test.prop([foreignRules, policies])(
    'to remove what was applied gives what was before',
    (foreign, policy) => {
      const applied = asStored(plan(foreign, ownRules(PLACE, policy)).rules);
      const removal = plan(applied, []);
      expect(removal.rules).toEqual(foreign);
      expect(removal.removed).toHaveLength(4);
    },
  );

  test('replaces own rules that say something else, and removes those that are not known', () => {
    const [log, ...others] = asStored(wantedRules());
    const wrong: Partial<LifecycleRule>[] = [
      { expireAfterDays: 4 },
      { enabled: false },
      { prefix: 'team/' },
      { tags: {} },
      { tags: { ...MARK, more: 'x' } },
      { expireNoncurrentAfterDays: undefined },
      { hasTransitions: true },
      { unknownElements: ['Foo'] },
      { largerThanBytes: 5 },
      { expireAtMs: 0 },
    ];
    for (const change of wrong) {
      const old = storedRule({ ...log, ...change });
      const { changed, unchanged, changes } = plan([old, ...others]);
      expect(changed.map(({ from }) => from)).toEqual([old]);
      expect([unchanged.length, changes]).toEqual([3, true]);
    }
    const unknown = storedRule({ id: `rigctl:${ARCHIVE_ID}:uploads` });
    expect(plan([unknown]).removed).toEqual([unknown]);
  });

  test("leaves another archive's rules alone", () => {
    const theirs = asStored(wantedRules({ archive: OTHER_ARCHIVE_ID, keyPrefix: 'team/other/' }));
    expect(plan(theirs).foreign).toEqual(theirs);
    expect(plan(theirs, []).changes).toBe(false);
  });
});

describe('a foreign rule', () => {
  test.each<[string, Partial<LifecycleRule>]>([
    ['expires the whole bucket', { expireAfterDays: 400 }],
    ['expires what is around the archive', { prefix: 'team/', expireAfterDays: 1 }],
    ['expires some of the batches', { prefix: 'team/app/LOG/00', expireAfterDays: 1 }],
    ['expires snapshots on a day', { prefix: 'team/app/SNAPSHOT/', expireAtMs: 0 }],
    ['moves objects', { hasTransitions: true }],
    ['applies to large objects', { expireAfterDays: 1, largerThanBytes: 1_000_000 }],
    [
      "is another archive's by age",
      { id: `rigctl:${OTHER_ARCHIVE_ID}:log`, prefix: 'team/app/LOG/', expireAfterDays: 1 },
    ],
  ])('that %s is refused by name', (_, rule) => {
    const id = JSON.stringify(rule.id ?? 'foreign');
    expect(refusals(rule)).toEqual([expect.stringMatching(/expires or moves objects whether or not/)]);
    expect(refusals(rule)[0]).toContain(`lifecycle rule ${id} reaches team/app/`);
  });

  test('with elements that nobody knows is refused where it reaches the archive, and kept elsewhere', () => {
    const unknownElements = ['DelMarkerExpiration'];
    expect(refusals({ unknownElements, tags: { team: 'x' } })).toEqual([
      expect.stringMatching(/has elements that rigctl does not know: DelMarkerExpiration$/),
    ]);
    expect(refusals({ unknownElements, prefix: 'elsewhere/' })).toEqual([]);
  });

  test.each<[string, Partial<LifecycleRule>]>([
    ['is disabled', { expireAfterDays: 1, enabled: false, unknownElements: ['Foo'] }],
    ['is for another place', { expireAfterDays: 1, prefix: 'team/app2/' }],
    ['is for the descriptor', { expireAfterDays: 1, prefix: 'team/app/ARCHIVE.json' }],
    ["asks for a tag that the archive's objects never have", { expireAfterDays: 1, tags: { team: 'x' } }],
    ['expires what is marked', { expireAfterDays: 1, tags: MARK }],
    [
      'removes older versions and gives up uploads',
      { expireNoncurrentAfterDays: 1, abortUploadsAfterDays: 1 },
    ],
  ])('that %s is accepted', (_, rule) => {
    expect(refusals(rule)).toEqual([]);
  });

  test('is refused when there are two of its name, or more rules than a bucket may have', () => {
    const [a, b] = [{ prefix: 'a/' }, { prefix: 'b/' }];
    expect(refusals(a, b)).toEqual([
      expect.stringMatching(/^more than one lifecycle rule has the name "foreign"/),
    ]);
    const many = Array.from({ length: 997 }, (_, index) => ({ id: `rule ${index}`, prefix: 'a/' }));
    expect(refusals(...many)).toEqual([expect.stringMatching(/1001 lifecycle rules; 1000 is the most/)]);
    expect(refusals(...many.slice(1))).toEqual([]);
  });
});

describe('what is read back', () => {
  const foreign = storedRule({ prefix: 'a/', expireAfterDays: 5, unknownElements: ['Foo'] });
  const nameless = storedRule({ prefix: 'b/', expireAfterDays: 5, id: undefined });
  const written = [foreign, nameless, ...wantedRules()];

  test.prop([fc.shuffledSubarray(asStored(written), { minLength: written.length })])(
    'is as it was written, in any order',
    (found) => {
      expect(compareRules(ARCHIVE_ID, written, found)).toEqual({ broken: [], dropped: [] });
    },
  );

  test('may be written in another way, and named where it had no name', () => {
    const other = `<Rule xmlns="x">
      <Status>Enabled</Status><Foo> 1 </Foo>
      <ID>foreign</ID><Expiration><Days>5</Days></Expiration>
      <Filter><And><Prefix>a/</Prefix></And></Filter></Rule>`;
    const named = storedRule({
      ...nameless,
      id: 'made up',
      text: nameless.text.replace('>', '><ID>made up</ID>'),
    });
    const found = [storedRule({ ...foreign, text: other }), named, ...asStored(wantedRules())];
    expect(compareRules(ARCHIVE_ID, written, found)).toEqual({ broken: [], dropped: [] });
  });

  test.each([
    ['lost an element', foreign.text.replace('<Foo>1</Foo>', '')],
    ['changed a value', foreign.text.replace('<Days>5', '<Days>6')],
    ['cannot be read', 'rubbish'],
    ['is cut off', foreign.text.slice(0, -4)],
  ])('is broken when a foreign rule %s', (_, text) => {
    const found = [storedRule({ ...foreign, text }), nameless, ...asStored(wantedRules())];
    expect(compareRules(ARCHIVE_ID, written, found).broken).toEqual([
      'lifecycle rule "foreign" is not as it was',
    ]);
    expect(compareRules(ARCHIVE_ID, written, found.slice(1)).broken).toHaveLength(1);
  });

  test('is broken when an own rule is still there that should be gone; a new foreign one may be there', () => {
    const [log] = asStored(wantedRules());
    const found = [foreign, log].filter((rule) => rule !== undefined);
    expect(compareRules(ARCHIVE_ID, [], found).broken).toEqual([
      expect.stringMatching(/:log" is still there$/),
    ]);
  });

  test('that nobody understands is the same only when no byte of it changed', () => {
    const [one, other] = [storedRule({ text: 'rubbish' }), storedRule({ text: 'refuse' })];
    expect(compareRules(ARCHIVE_ID, [one], [one]).broken).toEqual([]);
    expect(compareRules(ARCHIVE_ID, [one], [other]).broken).toHaveLength(1);
  });

  test('is broken when one of two equal rules is gone', () => {
    expect(compareRules(ARCHIVE_ID, [foreign, foreign], [foreign]).broken).toHaveLength(1);
  });

  test.each<[string, Partial<LifecycleRule> | undefined]>([
    ['without its tag', { tags: {} }],
    ['with another prefix', { prefix: 'team/app/' }],
    ['without its expiry', { expireAfterDays: undefined }],
    ['disabled', { enabled: false }],
    ['missing', undefined],
  ])('is broken when the rule for batches is %s', (_, change) => {
    const [log, ...others] = asStored(wantedRules());
    const found = change === undefined ? others : [storedRule({ ...log, ...change }), ...others];
    expect(compareRules(ARCHIVE_ID, wantedRules(), found).broken).toEqual([
      expect.stringMatching(/:log" (?:does something else than it should|is missing)$/),
    ]);
  });

  test('may lack what only leaves something behind', () => {
    const lesser = asStored(wantedRules()).flatMap((rule) =>
      rule.expireAfterDays === undefined
        ? rule.prefix.endsWith('LOG/')
          ? []
          : storedRule({ ...rule, abortUploadsAfterDays: undefined })
        : storedRule({ ...rule, expireNoncurrentAfterDays: undefined }),
    );
    const { broken, dropped } = compareRules(ARCHIVE_ID, wantedRules(), lesser);
    expect(broken).toEqual([]);
    expect(dropped.map((text) => text.replace(/^.*:([a-z-]+)": /, '$1: '))).toEqual([
      'log: older versions of removed objects stay',
      'snapshot: older versions of removed objects stay',
      'log-leftovers: unfinished uploads are not given up',
      'log-leftovers: markers of removed objects stay',
      'snapshot-leftovers: unfinished uploads are not given up',
    ]);
  });
});
