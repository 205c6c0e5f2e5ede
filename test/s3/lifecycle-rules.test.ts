import { afterEach, describe, expect, test, vi } from 'vitest';
import { EXPENDABLE } from '../../src/archive/expendable.ts';
import { batchKey, DESCRIPTOR_KEY, snapshotKey } from '../../src/archive/layout.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Lifecycle, LifecycleRule, Store } from '../../src/store/contract.ts';
import { openS3Store } from '../../src/store/drivers/s3.ts';
import { applyLifecycle, removeLifecycle } from '../../src/workflows/lifecycle.ts';
import { restore } from '../../src/workflows/restore.ts';
import { fillArchive } from '../support/archive-builder.ts';
import { storedRule } from '../support/lifecycle-rules.ts';
import { LINE_CUTS, LINES, names, options, refusal } from '../support/line-archive.ts';
import { freshBucket, realS3Options, type S3Bucket } from '../support/real-s3.ts';
import { putSnapshotHead } from '../support/snapshot-head.ts';
import { keysOf } from '../support/store-bytes.ts';
import { codesOf, type TestContext, testContext } from '../support/workflow-context.ts';

/** The server's days last ten seconds, and it looks once in such a day. */
const PATIENCE = { timeout: 150_000, interval: 1_000 };
const POLICY = { logDays: 1, snapshotDays: 2, byAge: false };
const BY_AGE = { logDays: 3, snapshotDays: 30, byAge: true };
const REACHING =
  '<Rule><ID>all</ID><Filter><Prefix>team/</Prefix></Filter><Status>Enabled</Status>' +
  '<Expiration><Days>4000</Days></Expiration></Rule>';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(closing.splice(0).map((close) => close()));
});

interface World {
  readonly bucket: S3Bucket;
  readonly store: Store;
  readonly lifecycle: Lifecycle;
  readonly context: TestContext;
  apply(policy?: typeof POLICY): ReturnType<typeof applyLifecycle>;
  remove(): ReturnType<typeof removeLifecycle>;
}

/** An archive of three batches in a bucket of its own. */
async function world(versioned = false): Promise<World> {
  const bucket = await freshBucket({ versioned });
  const store = await openS3Store(bucket.url, realS3Options());
  closing.push(
    () => bucket.remove(),
    () => store.close(),
  );
  await fillArchive(store, { journal: LINES, cuts: LINE_CUTS, format: 'lines' });
  const { lifecycle } = store.capabilities;
  if (lifecycle === undefined) {
    throw new Error('the server has no lifecycle rules');
  }
  const context = { ...testContext(store), clock: systemClock };
  const change = { backupDirectory: '/', confirm: async () => {}, acceptLoss: async () => {} };
  return {
    bucket,
    store,
    lifecycle,
    context,
    apply: (policy = POLICY) => applyLifecycle(context, { ...change, policy }),
    remove: () => removeLifecycle(context, change),
  };
}

async function mark({ store }: World, ...keys: string[]): Promise<void> {
  for (const key of keys) {
    expect(await store.capabilities.tagging?.setTags(key, EXPENDABLE)).toBe(true);
  }
}

/** Rules of others, with what servers and the SDK know and do not know. */
function foreignRules(): LifecycleRule[] {
  const rule = (id: string, inside: string) =>
    storedRule({ id, text: `<Rule><ID>${id}</ID><Status>Enabled</Status>${inside}</Rule>` });
  return [
    rule('old-style', '<Prefix>tmp/</Prefix><Expiration><Days>400</Days></Expiration>'),
    rule(
      'tagged',
      '<Filter><And><Prefix>a&amp;b/</Prefix><Tag><Key>k</Key><Value>&lt;v&gt;</Value></Tag></And></Filter>' +
        '<Expiration><Date>2090-01-01T00:00:00.000Z</Date></Expiration>',
    ),
    rule(
      'sizes',
      '<Filter><And><Prefix>big/</Prefix><ObjectSizeGreaterThan>5000</ObjectSizeGreaterThan></And></Filter>' +
        '<Expiration><Days>400</Days></Expiration>',
    ),
    rule(
      'versions',
      '<Filter><Prefix></Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>400</NoncurrentDays>' +
        '<NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration>' +
        '<AbortIncompleteMultipartUpload><DaysAfterInitiation>400</DaysAfterInitiation>' +
        '</AbortIncompleteMultipartUpload>',
    ),
    rule(
      'unknown',
      '<Filter><Prefix>elsewhere/</Prefix></Filter><Expiration><Days>400</Days></Expiration>' +
        '<DelMarkerExpiration><Days>9</Days></DelMarkerExpiration>',
    ),
  ];
}

describe('rules that rigctl set up', () => {
  test('remove what is marked and nothing else; what is left restores', async () => {
    const w = await world();
    await putSnapshotHead(w.store, 8);
    await putSnapshotHead(w.store, 34);
    expect(await w.apply()).toMatchObject({ changed: true, before: [], backup: null });
    expect(codesOf(w.context.reports, 'warning')).toEqual([]);
    expect(await w.apply()).toMatchObject({ changed: false });
    let left = await keysOf(w.store);
    // The unmarked ones grow as old, and in the second round they have seen more days pass.
    for (const marked of [[batchKey(8), snapshotKey(8)], [batchKey(19)]]) {
      left = left.filter((key) => !marked.includes(key));
      await mark(w, ...marked);
      await vi.waitFor(async () => {
        expect(await keysOf(w.store)).not.toEqual(expect.arrayContaining(marked));
        expect(await keysOf(w.store)).toHaveLength(left.length);
      }, PATIENCE);
      expect(await keysOf(w.store)).toEqual(left);
    }
    await w.store.delete([snapshotKey(34)]); // it has a header alone
    await restore(w.context, options({ at: { kind: 'offset', offset: 8 } }));
    expect(w.context.fileSystem.contentOf('/out')).toEqual(LINES.subarray(0, 8));
  });

  test('remove marked objects for good where versions are kept, and no version that is not marked', async () => {
    const w = await world(true);
    const { after } = await w.apply();
    expect(after.map(({ expireNoncurrentAfterDays }) => expireNoncurrentAfterDays)).toContain(1);
    await w.store.delete([batchKey(19)]); // by somebody, by mistake
    await mark(w, batchKey(8));
    await vi.waitFor(async () => {
      const versions = await w.bucket.versions();
      expect(versions.filter((key) => key.endsWith(batchKey(8)))).toEqual([]);
    }, PATIENCE);
    const versions = await w.bucket.versions();
    expect(versions.filter((key) => key.endsWith(batchKey(19)))).toHaveLength(2);
    expect(versions).toContain(`team/app/${batchKey(0)}`);
  });
});

describe('rules of others', () => {
  test('are as before after apply and remove', async () => {
    const w = await world();
    await w.lifecycle.write({ rules: foreignRules(), attributes: {} });
    const before = await w.lifecycle.read();
    expect(before.rules.map(({ id }) => id).sort()).toEqual(
      foreignRules()
        .map(({ id }) => id)
        .sort(),
    );
    const { after } = await w.apply();
    expect(after.filter(({ own }) => own)).toHaveLength(4);
    expect(await w.remove()).toMatchObject({ changed: true });
    expect(await w.lifecycle.read()).toEqual(before);
    const backups = await names(w.context);
    expect(w.context.fileSystem.contentOf(`/${backups[0]}`).toString()).toBe(before.document);
    expect(backups).toHaveLength(2);
  });

  test('that reach the archive are refused', async () => {
    const w = await world();
    await w.lifecycle.write({ rules: [storedRule({ id: 'all', text: REACHING })], attributes: {} });
    expect(await refusal(w.apply())).toMatchObject({
      code: 'RIG_UNSAFE',
      message: expect.stringContaining('lifecycle rule "all" reaches team/app/LOG/ and team/app/SNAPSHOT/'),
    });
  });
});

describe('rules by age', () => {
  test('are refused when snapshots stopped, with the reason, and taken while they come', async () => {
    const w = await world();
    await putSnapshotHead(w.store, 34);
    const nowMs = systemClock.wallMs();
    vi.spyOn(systemClock, 'wallMs').mockReturnValue(nowMs + 2 * 86_400_000);
    const error = await refusal(w.apply(BY_AGE));
    vi.restoreAllMocks();
    expect(error).toMatchObject({
      code: 'RIG_UNSAFE',
      message: expect.stringMatching(
        /^the newest snapshot, 34 \(0x22\), is (?:1d 23h|2d) old, which is more than half of the 3 days/,
      ),
    });
    expect((await w.lifecycle.read()).rules).toEqual([]);
    expect(await w.apply(BY_AGE)).toMatchObject({ changed: true });
  });

  test('take everything under LOG/ and SNAPSHOT/ in the end, and nothing beside', async () => {
    const w = await world();
    await putSnapshotHead(w.store, 34);
    await w.apply({ ...BY_AGE, logDays: 1, snapshotDays: 2 });
    const left = (await keysOf(w.store)).filter((key) => !/^(LOG|SNAPSHOT)\//.test(key));
    expect(left).toContain(DESCRIPTOR_KEY);
    await vi.waitFor(async () => expect(await keysOf(w.store)).toEqual(left), PATIENCE);
  });
});
