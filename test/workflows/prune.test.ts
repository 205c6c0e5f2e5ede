import { describe, expect, it } from 'vitest';
import { batchKey, LATEST_KEY, SNAPSHOT_PREFIX, snapshotKey, writerKey } from '../../src/archive/layout.ts';
import type { Verdict } from '../../src/archive/plan-retention.ts';
import { RigError } from '../../src/kernel/errors.ts';
import type { Store } from '../../src/store/contract.ts';
import { prune } from '../../src/workflows/prune.ts';
import { objectBytes, overwrite } from '../support/archive-builder.ts';
import { refusal } from '../support/line-archive.ts';
import {
  addSnapshot,
  bound,
  keysIn,
  LAST_TWO,
  makeOld,
  restoreFrom,
  retentionArchive,
  SNAPSHOTS,
} from '../support/retention-archive.ts';
import { ScriptedStore } from '../support/scripted-store.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { codesOf, testContext } from '../support/workflow-context.ts';

const KEPT_KEYS = [
  'ARCHIVE.json',
  'LATEST',
  ...[50, 60, 70, 80, 90].map(batchKey),
  ...[40, 55, 80].map(snapshotKey),
  writerKey(2),
];

/** Everything that {@link LAST_TWO} promises. */
async function expectPromisesKept(store: Store): Promise<void> {
  await restoreFrom(store, 55);
  for (const offset of [56, 60, 79, 80, 95, 100]) {
    await restoreFrom(store, 55, offset);
  }
  await restoreFrom(store, 80, 100);
}

describe('prune', () => {
  it('removes what no promise needs, and nothing else', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const context = testContext(archive.store);
    const result = await prune(context, LAST_TWO);
    expect(keysIn(archive)).toEqual(KEPT_KEYS);
    await expectPromisesKept(archive.store);
    expect(result).toMatchObject({
      action: 'delete',
      dryRun: false,
      removed: { batches: 5, snapshots: 2, writers: 1, storedBytes: expect.any(Number) },
      kept: { batches: 5, snapshots: 3, writers: 1 },
      ranges: [{ of: 'state', from: 55, base: 55, because: 'the policy keeps the last 2' }],
      points: [],
      losesBeginning: true,
    });
    expect(codesOf(context.reports, 'warning')).toEqual(['loses-beginning']);
    expect(context.reports.at(-1)).toMatchObject({ type: 'progress', phase: 'pruning' });
  });

  it('as a dry run changes nothing, and gives every object one verdict with its reason', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const before = keysIn(archive);
    const store = new ScriptedStore(archive.store);
    const verdicts: Verdict[] = [];
    const onVerdict = async (verdict: Verdict) => void verdicts.push(verdict);
    const result = await prune(testContext(store), { ...LAST_TWO, dryRun: true, onVerdict });
    expect(keysIn(archive)).toEqual(before);
    expect(store.calls.filter((call) => /^(put|delete)/.test(call))).toEqual([]);
    expect(result.removed).toMatchObject({ batches: 5, snapshots: 2, writers: 1 });
    expect(verdicts.map(({ key }) => key).sort()).toEqual(before.filter((key) => key.includes('/')));
    const reasons = Object.fromEntries(verdicts.map(({ key, keep, reason }) => [key, `${keep}: ${reason}`]));
    expect(reasons).toMatchObject({
      [batchKey(0)]:
        'false: it lies below 50 (0x32), from where the snapshot at 55 (0x37), which is 3d old, goes on; ' +
        'no kept point needs it',
      [batchKey(50)]:
        'true: the snapshot at 55 (0x37), which is 3d old, goes on with it, and the policy keeps the last 2',
      [snapshotKey(15)]:
        'false: superseded by the snapshot at 80 (0x50), which is 2d old; no kept point needs it',
      [snapshotKey(40)]: 'true: the kept snapshot at 55 (0x37) is an increment on it',
      [snapshotKey(55)]: 'true: it is not below 55 (0x37), and the policy keeps the last 2',
      [snapshotKey(80)]: 'true: it is the newest usable snapshot of the state',
      [writerKey(1)]: 'false: it is more than a day old, and the writer of epoch 2 came after it',
      [writerKey(2)]: 'true: the newest writer is always kept',
    });
  });

  it('a second time finds nothing to do', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    await prune(testContext(archive.store), LAST_TWO);
    const store = new ScriptedStore(archive.store);
    expect((await prune(testContext(store), LAST_TWO)).removed).toMatchObject({ batches: 0, snapshots: 0 });
    expect(store.calls.filter((call) => /^(put|delete)/.test(call))).toEqual([]);
  });

  it('moves LATEST before it deletes, once', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    await overwrite(archive.store, LATEST_KEY, '19');
    const store = new ScriptedStore(archive.store);
    await prune(testContext(store), LAST_TWO);
    expect(store.calls.filter((call) => /^(put|delete)/.test(call))).toEqual([
      'put LATEST',
      expect.stringMatching(
        /^delete LOG\/0000000000000000 LOG\/000000000000000a .* SNAPSHOT\/000000000000000f WRITER\//,
      ),
    ]);
    expect(objectBytes(archive, LATEST_KEY).toString()).toBe('50');
  });

  it('without a snapshot removes nothing', async () => {
    const archive = await retentionArchive([]);
    const before = keysIn(archive);
    const result = await prune(testContext(archive.store), LAST_TWO);
    expect(keysIn(archive)).toEqual(before);
    expect(result).toMatchObject({
      ranges: [],
      removed: { batches: 0, snapshots: 0, writers: 0, storedBytes: 0 },
    });
  });

  it('refuses a policy that says nothing, before it asks the store for anything', async () => {
    const store = new ScriptedStore((await retentionArchive([])).store);
    for (const policy of [
      {},
      { keepLast: 0 },
      { keepDaily: -1 },
      { keepLast: 0, keepWithinMs: 0 },
      { keepMonthly: 1.5 },
      { keepWithinMs: 1e15 },
    ]) {
      expect(await refusal(prune(testContext(store), { ...LAST_TWO, policy }))).toMatchObject({
        code: 'RIG_USAGE',
        hint: expect.stringContaining('--keep-within'),
      });
    }
    expect(store.calls).toEqual([]);
  });

  it('does not take the word of a clock that is ahead of the store', async () => {
    const archive = await retentionArchive([
      { at: 15, ageDays: 0.5 },
      { at: 80, ageDays: 0.1 },
    ]);
    const store: Store = {
      ...bound(archive.store),
      head: async (key, options) => {
        const info = await archive.store.head(key, options);
        return info && { ...info, storeTimeMs: 1_795_257_127_000 };
      },
    };
    const clock = new SimulatedClock({ startMs: 1_795_257_127_000 + 365 * 86_400_000 });
    const context = { ...testContext(store), clock };
    expect((await prune(context, { ...LAST_TWO, dryRun: true })).removed.batches).toBe(0);
  });

  it('ends at a signal, and the next run goes on', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const store = new ScriptedStore(archive.store);
    const context = testContext(store);
    store.script.list = () => {
      if (store.calls.filter((call) => call === `list ${SNAPSHOT_PREFIX}`).length === 2) {
        context.interrupt.abort(new RigError('RIG_INTERRUPTED', 'stopped'));
      }
    };
    expect(await refusal(prune(context, LAST_TWO))).toMatchObject({ code: 'RIG_INTERRUPTED' });
    store.script = {};
    await prune(testContext(store), LAST_TWO);
    expect(keysIn(archive)).toEqual(KEPT_KEYS);
  });
});

describe('whatever happens meanwhile', () => {
  it('a crash at any deletion keeps all promises, and the next run ends where an undisturbed one does', async () => {
    for (let survived = 0; survived <= 8; survived += 1) {
      const archive = await retentionArchive(SNAPSHOTS);
      const store = new ScriptedStore(archive.store);
      store.script.delete = async (keys) => {
        await archive.store.delete(keys.slice(0, survived));
        throw new Error('the machine is gone');
      };
      await expect(prune(testContext(store), LAST_TWO)).rejects.toThrow('the machine is gone');
      await expectPromisesKept(archive.store);
      await prune(testContext(archive.store), LAST_TWO);
      expect(keysIn(archive)).toEqual(KEPT_KEYS);
    }
  });

  it('a kept snapshot that is lost after the plan saves what it would have replaced', async () => {
    for (const lost of [55, 80, 40]) {
      const archive = await retentionArchive(SNAPSHOTS);
      const store = new ScriptedStore(archive.store);
      let published = false;
      store.script.put = (key, proceed) => {
        published ||= key === LATEST_KEY;
        archive.namespace.objects.delete(snapshotKey(lost));
        return proceed();
      };
      await prune(testContext(store), LAST_TWO);
      expect(published).toBe(true);
      // Whatever is usable now was planned for anew: the last two are others.
      const usable = lost === 40 ? [15, 25] : lost === 55 ? [25, 40] : [40, 55];
      for (const at of usable) {
        await restoreFrom(archive.store, at, 100);
      }
    }
  });

  it('a batch that is lost after the plan saves what the snapshot before it would have replaced', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const store = new ScriptedStore(archive.store);
    store.script.put = (_key, proceed) => {
      archive.namespace.objects.delete(batchKey(50));
      return proceed();
    };
    await prune(testContext(store), LAST_TWO);
    await restoreFrom(archive.store, 80, 100);
    await restoreFrom(archive.store, 40, 50);
  });

  it('a snapshot and batches that come meanwhile stay, and LATEST names the new one', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const store = new ScriptedStore(archive.store);
    store.script.put = async (_key, proceed) => {
      store.script = {};
      await addSnapshot(archive, { at: 95, ageDays: 0, base: 80 });
      return proceed();
    };
    await prune(testContext(store), LAST_TWO);
    expect(objectBytes(archive, LATEST_KEY).toString()).toBe((95).toString(16));
    await expectPromisesKept(archive.store);
    await restoreFrom(archive.store, 95, 100);
  });

  it('an increment that comes late, on a snapshot about to go, keeps what it needs', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const store = new ScriptedStore(archive.store);
    store.script.put = async (_key, proceed) => {
      store.script = {};
      await addSnapshot(archive, { at: 65, ageDays: 0, base: 25 });
      return proceed();
    };
    await prune(testContext(store), LAST_TWO);
    await restoreFrom(archive.store, 65, 100);
    await restoreFrom(archive.store, 80, 100);
  });

  it('two prunes at a time remove no more than one', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    await Promise.all([
      prune(testContext(archive.store), LAST_TWO),
      prune(testContext(archive.store), LAST_TWO),
    ]);
    expect(keysIn(archive)).toEqual(KEPT_KEYS);
  });

  it('an archive that changes for ever under the plan is an error', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const store = new ScriptedStore(archive.store);
    store.script.get = async (key, proceed) => (key === snapshotKey(15) ? undefined : proceed());
    expect(await refusal(prune(testContext(store), LAST_TWO))).toMatchObject({
      code: 'RIG_STORE_UNAVAILABLE',
    });
  });
});

describe('damage', () => {
  it.each([
    ['the header', (bytes: Buffer) => bytes.fill(0, 20, 40)],
    ['the footer', (bytes: Buffer) => bytes.fill(0, bytes.length - 30)],
  ])('in %s of the newest snapshot: nothing is removed on its account', async (_what, damage) => {
    const archive = await retentionArchive(SNAPSHOTS);
    await overwrite(archive.store, snapshotKey(80), damage(objectBytes(archive, snapshotKey(80))));
    makeOld(archive, snapshotKey(80), 2);
    const context = testContext(archive.store);
    await prune(context, LAST_TWO);
    expect(codesOf(context.reports, 'warning')).toEqual(['object-damaged', 'loses-beginning']);
    // The last two that can be restored are those at 40 and 55; the damaged one is not superseded.
    expect(keysIn(archive).filter((key) => key.startsWith(SNAPSHOT_PREFIX))).toEqual(
      [40, 55, 80].map(snapshotKey),
    );
    await restoreFrom(archive.store, 40, 100);
  });

  it('in a full snapshot makes all that needs it worth nothing', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const whole = objectBytes(archive, snapshotKey(40));
    await overwrite(archive.store, snapshotKey(40), whole.subarray(0, whole.length - 1));
    makeOld(archive, snapshotKey(40), 6);
    await prune(testContext(archive.store), LAST_TWO);
    await restoreFrom(archive.store, 15, 100);
    await restoreFrom(archive.store, 25, 100);
  });

  it('below a snapshot that has replaced it for a day goes', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    await overwrite(archive.store, snapshotKey(25), 'nothing good');
    await prune(testContext(archive.store), LAST_TWO);
    expect(keysIn(archive)).toEqual(KEPT_KEYS);
  });

  it('of the link to the batches: a snapshot of another history replaces nothing', async () => {
    const archive = await retentionArchive(SNAPSHOTS.slice(0, 2));
    const strange = {
      ...archive,
      headers: archive.headers.map((header) => ({ ...header, chain: 'ab'.repeat(32) })),
    };
    await addSnapshot(strange, { at: 55, ageDays: 3 });
    await addSnapshot(strange, { at: 80, ageDays: 2 });
    await prune(testContext(archive.store), LAST_TWO);
    await restoreFrom(archive.store, 25, 100);
  });

  it('that may be a later version stops everything', async () => {
    const archive = await retentionArchive(SNAPSHOTS);
    const before = keysIn(archive);
    const store = new ScriptedStore(archive.store);
    store.script.get = (key, proceed) =>
      key === snapshotKey(25) ? Promise.reject(new RigError('RIG_VERSION_UNKNOWN', 'version 2')) : proceed();
    expect(await refusal(prune(testContext(store), LAST_TWO))).toMatchObject({ code: 'RIG_VERSION_UNKNOWN' });
    expect(keysIn(archive)).toEqual(before);
  });
});
