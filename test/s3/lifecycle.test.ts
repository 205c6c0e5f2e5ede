import { afterEach, beforeEach, expect, it } from 'vitest';
import { assert } from '../../src/kernel/assert.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { Lifecycle, NewLifecycleRule, Store } from '../../src/store/contract.ts';
import { openS3Store } from '../../src/store/drivers/s3.ts';
import { freshBucket, keepVersions, realS3Options, type S3Bucket } from '../support/real-s3.ts';
import { keysOf } from '../support/store-bytes.ts';

/** A "day" lasts ten seconds on the server of the tests, and rules are looked at as often. */
const PATIENCE_MS = 120_000;
const EXPENDABLE = { rigctl: 'expendable' };

let bucket: S3Bucket;
let store: Store;

beforeEach(async () => {
  bucket = await freshBucket({ versioned: false });
  store = await openS3Store(bucket.url, realS3Options());
});

afterEach(async () => {
  await bucket.remove();
  await store.close();
});

function lifecycle(): Lifecycle {
  assert(store.capabilities.lifecycle !== undefined, 'the S3 driver knows lifecycle rules');
  return store.capabilities.lifecycle;
}

/** Looks until only these keys are left. */
async function awaitKeys(expected: readonly string[]): Promise<void> {
  const untilMs = systemClock.monotonicMs() + PATIENCE_MS;
  for (let keys = await keysOf(store); keys.length > expected.length; keys = await keysOf(store)) {
    expect(systemClock.monotonicMs(), `still there: ${keys}`).toBeLessThan(untilMs);
    await systemClock.sleep(500);
  }
  expect(await keysOf(store)).toEqual(expected);
}

it('a rule removes what has its prefix and its tag, and nothing else', async () => {
  const { keyPrefix } = lifecycle();
  const all = ['LATEST', 'LOG/0', 'LOG/1', 'LOG/2', 'LOGS/0', 'SNAPSHOT/0'];
  for (const key of all) {
    await store.put(key, bodyOf(key), { if: 'absent' });
  }
  for (const key of ['LATEST', 'LOG/1', 'LOGS/0', 'SNAPSHOT/0']) {
    await store.capabilities.tagging?.setTags(key, EXPENDABLE);
  }
  await store.capabilities.tagging?.setTags('LOG/2', { rigctl: 'precious' });
  const marked: NewLifecycleRule = {
    id: 'marked',
    prefix: `${keyPrefix}LOG/`,
    tags: EXPENDABLE,
    expireAfterDays: 1,
  };
  // This one works without a tag: when what it removes is gone, a day has passed for all the others as well.
  const witness: NewLifecycleRule = {
    id: 'witness',
    prefix: `${keyPrefix}WITNESS/`,
    tags: {},
    expireAfterDays: 1,
  };
  await lifecycle().write({ rules: [marked, witness], attributes: {} });
  await awaitKeys(all.filter((key) => key !== 'LOG/1'));
  for (const round of ['0', '1']) {
    await store.put(`WITNESS/${round}`, bodyOf('w'), { if: 'absent' });
    await awaitKeys(all.filter((key) => key !== 'LOG/1'));
  }
});

it('foreign rules keep their meaning beside ours', async () => {
  const foreign: NewLifecycleRule[] = [
    { id: 'a foreign one', prefix: 'elsewhere/', tags: { a: '1', b: '2' }, expireAfterDays: 9 },
    { id: 'uploads', prefix: '', tags: {}, abortUploadsAfterDays: 3 },
  ];
  await lifecycle().write({ rules: foreign, attributes: {} });
  const before = await lifecycle().read();
  const own = { id: 'own', prefix: lifecycle().keyPrefix, tags: EXPENDABLE, expireAfterDays: 400 };
  await lifecycle().write({ rules: [...before.rules, own], attributes: before.attributes });
  const { rules } = await lifecycle().read();
  expect(rules.filter(({ id }) => id !== 'own')).toEqual(before.rules);
  expect(rules.filter(({ id }) => id === 'own')).toMatchObject([
    { ...own, enabled: true, unknownElements: [] },
  ]);
});

it('a bucket keeps versions once it was told to, and after it was told to stop', async () => {
  expect(await lifecycle().keepsVersions()).toBe(false);
  await keepVersions(bucket.url.hostname, 'Enabled');
  expect(await lifecycle().keepsVersions()).toBe(true);
  await keepVersions(bucket.url.hostname, 'Suspended');
  expect(await lifecycle().keepsVersions()).toBe(true);
});

it('a bucket that is not there has no rules to read', async () => {
  const nowhere = await openS3Store(new URL('s3://rigctl-no-such-bucket/archive'), realS3Options());
  const missing = { code: 'RIG_ARCHIVE_NOT_FOUND' };
  await expect(nowhere.capabilities.lifecycle?.read()).rejects.toMatchObject(missing);
  await expect(nowhere.capabilities.lifecycle?.keepsVersions()).rejects.toMatchObject(missing);
  await expect(nowhere.capabilities.tagging?.setTags('a', {})).rejects.toMatchObject(missing);
  await nowhere.close();
});
