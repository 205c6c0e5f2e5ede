import { describe, expect, it } from 'vitest';
import { batchKey, LATEST_KEY, snapshotKey } from '../../src/archive/layout.ts';
import type { Store, Tagging, Tags } from '../../src/store/contract.ts';
import { type PruneOptions, prune } from '../../src/workflows/prune.ts';
import { Marker } from '../../src/workflows/prune-marks.ts';
import type { BuiltArchive } from '../support/archive-builder.ts';
import { refusal } from '../support/line-archive.ts';
import { bound, keysIn, LAST_TWO, retentionArchive, SNAPSHOTS } from '../support/retention-archive.ts';
import { ScriptedStore } from '../support/scripted-store.ts';
import { codesOf, testContext } from '../support/workflow-context.ts';

describe('marking', () => {
  const MARK: PruneOptions = { ...LAST_TWO, action: 'mark' };

  function tagsIn({ namespace }: BuiltArchive): Record<string, unknown> {
    const tagged = [...namespace.objects].filter(([, { tags }]) => Object.keys(tags ?? {}).length > 0);
    return Object.fromEntries(tagged.map(([key, { tags }]) => [key, tags]));
  }

  const marked = Object.fromEntries(
    [...[0, 10, 20, 30, 40].map(batchKey), ...[15, 25].map(snapshotKey)].map((key) => [
      key,
      { rigctl: 'expendable' },
    ]),
  );

  it('gives what can go the tag that rules ask for, and deletes nothing', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const before = keysIn(archive);
    const result = await prune(testContext(archive.store), MARK);
    expect(tagsIn(archive)).toEqual(marked);
    expect(keysIn(archive)).toEqual([...before, LATEST_KEY].sort());
    expect(result).toMatchObject({ removed: { batches: 5, snapshots: 2, writers: 0 }, kept: { writers: 2 } });
  });

  it('as a dry run marks nothing', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    await prune(testContext(archive.store), { ...MARK, dryRun: true });
    expect(tagsIn(archive)).toEqual({});
  });

  it('keeps the tags that others gave, and warns where there is no room', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const { tagging } = archive.store.capabilities;
    const full = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`tag${index}`, 'full']));
    await tagging?.setTags(batchKey(10), { team: 'blue' });
    await tagging?.setTags(batchKey(20), full);
    const context = testContext(archive.store);
    await prune(context, MARK);
    expect(tagsIn(archive)).toEqual({
      ...marked,
      [batchKey(10)]: { team: 'blue', rigctl: 'expendable' },
      [batchKey(20)]: full,
    });
    expect(codesOf(context.reports, 'warning')).toContain('cannot-mark');
  });

  it('takes the marks back from what a wider policy keeps', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    await archive.store.capabilities.tagging?.setTags(snapshotKey(25), { team: 'blue' });
    await prune(testContext(archive.store), MARK);
    const context = testContext(archive.store);
    await prune(context, { ...MARK, policy: { keepLast: 4 } });
    expect(tagsIn(archive)).toEqual({
      [batchKey(0)]: { rigctl: 'expendable' },
      [batchKey(10)]: { rigctl: 'expendable' },
      [snapshotKey(25)]: { team: 'blue' },
    });
    expect(codesOf(context.reports, 'note')).toContain('unmarked');
  });

  it('a crash at any tag leaves nothing marked that is kept, and the next run ends where it must', async () => {
    const policies = [MARK, { ...MARK, policy: { keepLast: 4 } }];
    for (let survived = 0; survived <= 12; survived += 1) {
      const archive = await retentionArchive(SNAPSHOTS);
      for (const options of policies) {
        const store = new ScriptedStore(archive.store);
        let tagged = 0;
        store.script.capability = (what) => {
          if (what.startsWith('tag ')) {
            tagged += 1;
            if (tagged > survived) {
              throw new Error('the machine is gone');
            }
          }
        };
        await prune(testContext(store), options).catch(() => undefined);
      }
      await prune(testContext(archive.store), { ...MARK, policy: { keepLast: 4 } });
      expect(Object.keys(tagsIn(archive))).toEqual([0, 10].map(batchKey));
      await prune(testContext(archive.store), MARK);
      expect(tagsIn(archive)).toEqual(marked);
    }
  });

  it('does not ask again about each of the many that are marked already', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    await prune(testContext(archive.store), MARK);
    const store = new ScriptedStore(archive.store);
    await prune(testContext(store), MARK);
    expect(store.calls.filter((call) => call.startsWith('tag '))).toEqual([]);
  });

  it('is refused where objects have no tags', async () => {
    const { store } = await retentionArchive(SNAPSHOTS);
    const bare: Store = { ...bound(store), capabilities: { ...store.capabilities, tagging: undefined } };
    expect(await refusal(prune(testContext(bare), { ...MARK, dryRun: true }))).toMatchObject({
      code: 'RIG_STORE_UNSUPPORTED',
      hint: expect.stringContaining('without --mark'),
    });
  });

  it('takes many marks back from above, so that an interrupted run is not mistaken for a finished one', async () => {
    const archive = await retentionArchive([]);
    const objects = Array.from({ length: 100 }, (_, first) => ({
      key: batchKey(first),
      first,
      storedBytes: 1,
    }));
    const plan = { batches: [{ keep: true, objects, reason: '' }], snapshots: [] };
    for (const survived of [0, 1, 20, 50, 99]) {
      const tags = new Map(objects.map(({ key }): [string, Tags] => [key, { rigctl: 'expendable' }]));
      let left = survived;
      const tagging: Tagging = {
        getTags: async (key) => tags.get(key),
        async setTags(key, wanted) {
          left -= 1;
          if (left < 0) {
            throw new Error('the machine is gone');
          }
          tags.set(key, wanted);
          return true;
        },
      };
      const marker = () => new Marker(testContext(archive.store), tagging);
      await expect(marker().unmarkKept(plan)).rejects.toThrow('the machine is gone');
      left = objects.length;
      await marker().unmarkKept(plan);
      expect([...tags.values()].filter(({ rigctl }) => rigctl !== undefined)).toEqual([]);
    }
  });
});
