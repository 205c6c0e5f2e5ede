import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { refuseByAge } from '../../src/archive/lifecycle-by-age.ts';
import { ownRules } from '../../src/archive/lifecycle-rules.ts';
import { lifecycleThreats } from '../../src/archive/lifecycle-threats.ts';
import { parseTime } from '../../src/kernel/clock.ts';
import type { LifecycleRule } from '../../src/store/contract.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';
import { asStored, PLACE, POLICY, storedRule, wantedRules } from '../support/lifecycle-rules.ts';

const NOW_MS = parseTime('2026-11-21T10:00:00Z') ?? 0;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const aged = (at: number, ageMs: number) => ({ at, modifiedAtMs: NOW_MS - ageMs });
const NEWEST = aged(0x48e, DAY_MS);

function threats(rules: readonly LifecycleRule[], newestChain = [NEWEST], keyPrefix = PLACE.keyPrefix) {
  return lifecycleThreats(rules, { archive: ARCHIVE_ID, keyPrefix, newestChain }, NOW_MS);
}

function messages(rule: Partial<LifecycleRule>, newestChain = [NEWEST]): string[] {
  return threats([storedRule(rule)], newestChain).map(({ message }) => message);
}

describe('a rule is a threat', () => {
  test('when it expires the newest snapshot: it says when, counting to the midnight after', () => {
    const prefix = 'team/app/SNAPSHOT/';
    const by = 'by lifecycle rule "foreign", and nothing newer exists';
    const days = (expireAfterDays: number, ageMs = DAY_MS) =>
      messages({ prefix, expireAfterDays }, [aged(0x48e, ageMs)]);
    expect(days(3)).toEqual([`snapshot 1166 (0x48e) expires in 2 days ${by}`]);
    expect(days(2)).toEqual([`snapshot 1166 (0x48e) expires in 1 day ${by}`]);
    expect(days(1)).toEqual([`snapshot 1166 (0x48e) expires within a day ${by}`]);
    expect(days(1, 3 * DAY_MS)).toEqual([`snapshot 1166 (0x48e) expires at any moment ${by}`]);
    expect(days(1, 10 * HOUR_MS)).toEqual([`snapshot 1166 (0x48e) expires within a day ${by}`]);
    expect(days(1, 9 * HOUR_MS)).toEqual([`snapshot 1166 (0x48e) expires in 1 day ${by}`]);
  });

  test('when it expires what the newest snapshot is built on first', () => {
    const rule = { prefix: 'team/app/SNAPSHOT/', expireAfterDays: 10 };
    expect(messages(rule, [NEWEST, aged(900, 4 * DAY_MS), aged(16, 8 * DAY_MS)])).toEqual([
      'snapshot 16 (0x10), which 1166 (0x48e) is built on, expires in 2 days by lifecycle rule "foreign", ' +
        'and nothing newer exists',
    ]);
  });

  test('when it removes batches', () => {
    const rule = { id: 'x', prefix: 'team/app/LOG/', expireAfterDays: 3 };
    expect(messages(rule)).toEqual([
      'lifecycle rule "x" removes LOG/ after 3 days: batches that no snapshot supersedes by then are lost',
    ]);
    expect(messages(rule, [])).toEqual([
      'lifecycle rule "x" removes LOG/ after 3 days: there is no snapshot that supersedes any batch',
    ]);
  });

  test('when it covers the descriptor, and everything when it covers the bucket', () => {
    expect(messages({ id: 'x', prefix: 'team/app/A', expireAfterDays: 1 })).toEqual([
      'lifecycle rule "x" removes ARCHIVE.json after 1 day',
    ]);
    const all = threats([storedRule({ id: 'x', expireAtMs: NOW_MS + 3 * DAY_MS })]);
    expect(all.map(({ rule, object, message }) => [rule, object, message])).toEqual([
      [
        'x',
        'ARCHIVE.json',
        'lifecycle rule "x" removes ARCHIVE.json and WRITER/ from 2026-11-24T10:00:00.000Z on',
      ],
      ['x', 'LOG/', expect.stringMatching(/^lifecycle rule "x" removes LOG\/ from 2026-11-24T/)],
      [
        'x',
        'SNAPSHOT/000000000000048e',
        expect.stringMatching(/^snapshot 1166 \(0x48e\) expires in 3 days by/),
      ],
    ]);
  });

  test('when it moves objects, or does what nobody knows', () => {
    const prefix = 'team/app/SNAPSHOT/';
    expect(messages({ prefix, hasTransitions: true })).toEqual([
      'lifecycle rule "foreign" moves snapshot 1166 (0x48e) to another storage class, where it may be slow, costly ' +
        'or impossible to read, and nothing newer exists',
    ]);
    expect(messages({ prefix, unknownElements: ['Foo', 'Bar'] })).toEqual([
      'lifecycle rule "foreign" has elements that rigctl does not know (Foo, Bar) and applies to ' +
        'snapshot 1166 (0x48e), and nothing newer exists',
    ]);
  });

  test('and not when it is disabled, elsewhere, about older versions, or asks for a tag', () => {
    const harmless: Partial<LifecycleRule>[] = [
      { expireAfterDays: 1, enabled: false },
      { expireAfterDays: 1, prefix: 'team/app2/' },
      { expireAfterDays: 1, prefix: 'team/app/LATEST' },
      { expireAfterDays: 1, prefix: 'team/app/SNAPSHOT/0000000000000001' },
      { expireAfterDays: 1, tags: { rigctl: 'expendable' } },
      { expireNoncurrentAfterDays: 1, abortUploadsAfterDays: 1, expireDeleteMarkers: true },
    ];
    expect(harmless.map((rule) => messages(rule))).toEqual(harmless.map(() => []));
    expect(threats(asStored(wantedRules()))).toEqual([]);
  });

  test("when it is the archive's own by age, only once the newest snapshot is half as old", () => {
    const rules = asStored(wantedRules({ byAge: true }));
    expect(threats(rules, [aged(1, 1.5 * DAY_MS)])).toEqual([]);
    expect(threats(rules, [aged(1, 1.5 * DAY_MS + 1)]).map(({ object }) => object)).toEqual(['LOG/']);
    expect(threats(rules, [aged(1, 15 * DAY_MS + 1)]).map(({ object }) => object)).toEqual([
      'LOG/',
      'SNAPSHOT/0000000000000001',
    ]);
    expect(threats(rules, [aged(2, 0), aged(1, 16 * DAY_MS)]).map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/^snapshot 1 \(0x1\), which 2 \(0x2\) is built on, expires in 14 days/),
    );
    expect(threats(rules, []).map(({ object }) => object)).toEqual(['LOG/']);
  });
});

describe('rules by age', () => {
  const policies = fc.record({
    logDays: fc.integer({ min: 1, max: 100 }),
    snapshotDays: fc.integer({ min: 1, max: 100 }),
    byAge: fc.constant(true),
  });
  const ages = fc.integer({ min: 0, max: 100 * DAY_MS });

  test.each([
    ['there is no snapshot', POLICY, undefined, undefined, /^there is no snapshot/],
    [
      'the newest is too old',
      POLICY,
      aged(0x48e, 1.5 * DAY_MS + 1),
      undefined,
      /^the newest snapshot, 1166 \(0x48e\), is 1d 12h old, which is more than half of the 3 days/,
    ],
    [
      'batches outlive snapshots',
      { ...POLICY, logDays: 31 },
      NEWEST,
      undefined,
      /^batches would expire after 31 days, later than the snapshots they follow, after 30$/,
    ],
    [
      'a snapshot is built on another one',
      POLICY,
      NEWEST,
      16,
      /^snapshot 16 \(0x10\) is built on an older one/,
    ],
  ] as const)('are refused when %s', (_, policy, newest, increment, message) => {
    const refusals = refuseByAge(policy, { newest, increment }, NOW_MS);
    expect(refusals.map((refusal) => refusal.message)).toEqual([expect.stringMatching(message)]);
  });

  test.prop([policies, ages])('that are accepted threaten nothing at that moment', (policy, ageMs) => {
    const newest = aged(7, ageMs);
    const accepted = refuseByAge(policy, { newest, increment: undefined }, NOW_MS).length === 0;
    expect(accepted).toBe(ageMs <= (policy.logDays * DAY_MS) / 2 && policy.logDays <= policy.snapshotDays);
    if (accepted) {
      expect(threats(asStored(ownRules(PLACE, policy)), [newest])).toEqual([]);
    }
  });
});
