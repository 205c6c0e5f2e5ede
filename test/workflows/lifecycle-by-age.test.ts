import { describe, expect, test } from 'vitest';
import { batchKey, snapshotKey } from '../../src/archive/layout.ts';
import { RigError } from '../../src/kernel/errors.ts';
import type { Store } from '../../src/store/contract.ts';
import { openMemoryStore } from '../../src/store/drivers/memory.ts';
import { applyLifecycle, showLifecycle } from '../../src/workflows/lifecycle.ts';
import { overwrite } from '../support/archive-builder.ts';
import { POLICY } from '../support/lifecycle-rules.ts';
import { lifecycleWorld, writes } from '../support/lifecycle-world.ts';
import { refusal } from '../support/line-archive.ts';
import { putSnapshotHead } from '../support/snapshot-head.ts';
import { codesOf } from '../support/workflow-context.ts';

const DAY_MS = 86_400_000;
const BY_AGE = { ...POLICY, byAge: true };

describe('rules by age', () => {
  test('are set up when the newest snapshot is fresh and the loss is accepted', async () => {
    const w = await lifecycleWorld();
    await putSnapshotHead(w.store, 19);
    const sentences: string[] = [];
    const acceptLoss = async (loss: readonly string[]) => void sentences.push(...loss);
    const { after } = await w.apply({ policy: BY_AGE, acceptLoss });
    expect(after.filter(({ expireAfterDays }) => expireAfterDays !== undefined)).toMatchObject([
      { tags: {}, prefix: 'LOG/', expireAfterDays: 3 },
      { tags: {}, prefix: 'SNAPSHOT/', expireAfterDays: 30 },
    ]);
    expect(sentences.join(' ')).toMatch(/no new snapshot is made for more than 3 days.*the machine is away/);
    expect(codesOf(w.context.reports, 'note')).toEqual([]);
  });

  test('are not set up when the loss is not accepted', async () => {
    const w = await lifecycleWorld();
    await putSnapshotHead(w.store, 19);
    const acceptLoss = () => Promise.reject(new RigError('RIG_USAGE', 'no'));
    expect(await refusal(w.apply({ policy: BY_AGE, acceptLoss }))).toMatchObject({ message: 'no' });
    expect([w.asked, writes(w)]).toEqual([[], 0]);
  });

  test('are refused without a snapshot, when snapshots stopped, and when one is built on another', async () => {
    const w = await lifecycleWorld();
    const refused = async () => (await refusal(w.apply({ policy: BY_AGE }))).message;
    expect(await refused()).toContain('there is no snapshot');
    await putSnapshotHead(w.store, 8);
    await w.clock.advance(1.6 * DAY_MS);
    expect(await refused()).toContain('the newest snapshot, 8 (0x8), is 1d 14h old');
    await putSnapshotHead(w.store, 19, 8);
    await putSnapshotHead(w.store, 34);
    expect(await refused()).toContain('snapshot 19 (0x13) is built on an older one');
    await w.store.delete([snapshotKey(19)]);
    expect(await w.apply({ policy: BY_AGE })).toMatchObject({ changed: true });
  });

  test('become rules by mark again with another apply', async () => {
    const w = await lifecycleWorld();
    await putSnapshotHead(w.store, 19);
    await w.apply({ policy: BY_AGE });
    const { after } = await w.apply();
    expect(after[0]).toMatchObject({ tags: { rigctl: 'expendable' } });
  });
});

describe('a store without lifecycle rules or tags', () => {
  const without = (store: Store, name: 'lifecycle' | 'tagging'): Store => ({
    url: store.url,
    capabilities: { ...store.capabilities, [name]: undefined },
    get: store.get.bind(store),
    head: store.head.bind(store),
    put: store.put.bind(store),
    list: store.list.bind(store),
    delete: store.delete.bind(store),
    close: store.close.bind(store),
  });

  test.each(['lifecycle', 'tagging'] as const)('lacks %s: it says so and points to prune', async (name) => {
    const w = await lifecycleWorld();
    const context = { ...w.context, store: without(openMemoryStore(w.namespace, w.clock), name) };
    const error = await refusal(applyLifecycle(context, w.options()));
    expect(error).toMatchObject({
      code: 'RIG_STORE_UNSUPPORTED',
      hint: expect.stringContaining('rigctl prune'),
    });
  });

  test('no archive is no archive', async () => {
    const w = await lifecycleWorld();
    w.namespace.objects.clear();
    expect(await refusal(showLifecycle(w.context))).toMatchObject({ code: 'RIG_ARCHIVE_NOT_FOUND' });
    await overwrite(w.store, batchKey(0), 'x');
    expect(await refusal(w.apply())).toMatchObject({ code: 'RIG_DESCRIPTOR_LOST' });
  });
});
