import { test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { batchKey, SNAPSHOT_PREFIX, snapshotKey, writerKey } from '../../src/archive/layout.ts';
import { prune } from '../../src/workflows/prune.ts';
import { VERIFY_LEVELS, type VerifyLevel, verify } from '../../src/workflows/verify.ts';
import { type BuiltArchive, buildArchive, objectBytes, overwrite } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import {
  addImage,
  archiveWith,
  CUTS,
  flip,
  JOURNAL,
  look,
  remove,
  short,
  WHOLE,
} from '../support/image-archive.ts';
import { refusal } from '../support/line-archive.ts';
import { retentionArchive } from '../support/retention-archive.ts';
import { ScriptedStore } from '../support/scripted-store.ts';
import { testContext } from '../support/workflow-context.ts';

describe('the log', () => {
  test.each([20, 30, 40])('must be whole from the newest cut on: %i is missed', async (first) => {
    const archive = await archiveWith([{ at: 25 }]);
    remove(archive, batchKey(first));
    const { findings, recoverable } = await look(archive, 'headers');
    expect(short(findings)).toEqual([['RIG_CHAIN_GAP', batchKey(first), first]]);
    expect(recoverable).toEqual(
      first === 20
        ? [
            { from: 0, to: 20 },
            { from: 25, to: 25 },
          ]
        : [{ from: 0, to: first }],
    );
  });

  test('that lost its beginning is found where no snapshot is usable', async () => {
    const archive = await archiveWith([{ at: 20 }]);
    remove(archive, batchKey(0), batchKey(10));
    await flip(archive, snapshotKey(20), 1);
    expect(short((await look(archive)).findings)).toEqual([
      ['RIG_CHECKSUM_MISMATCH', snapshotKey(20), 20],
      ['RIG_CHAIN_GAP', batchKey(0), 0],
    ]);
  });

  test('may have holes below: what they cost is a warning', async () => {
    const archive = await archiveWith([{ at: 10 }, { at: 40 }]);
    remove(archive, batchKey(20));
    const { findings, warnings, recoverable } = await look(archive);
    expect(findings).toEqual([]);
    // The batch before the hole may be one that a writer stored after a prune: nothing vouches for it.
    expect(warnings).toMatchObject([
      { code: 'range-unrestorable', object: null, offset: 10, from: 10, to: 40 },
    ]);
    expect(recoverable).toEqual([
      { from: 0, to: 10 },
      { from: 40, to: 50 },
    ]);
  });

  test('damaged below the newest cut has lost what was kept: a finding', async () => {
    const archive = await archiveWith([{ at: 40 }]);
    await flip(archive, batchKey(10), -3);
    await flip(archive, batchKey(30), 3);
    const { findings, warnings, recoverable } = await look(archive);
    expect(short(findings)).toEqual([
      ['RIG_CHECKSUM_MISMATCH', batchKey(10), 10],
      ['RIG_CHECKSUM_MISMATCH', batchKey(30), 30],
    ]);
    expect(warnings).toMatchObject([{ code: 'range-unrestorable', from: 10, to: 40 }]);
    expect(recoverable).toEqual([
      { from: 0, to: 10 },
      { from: 40, to: 50 },
    ]);
  });

  test('damaged below an image of the journal has lost nothing: a warning', async () => {
    const archive = await archiveWith([{ at: 40, of: 'journal' }]);
    await flip(archive, batchKey(10), -3);
    const { findings, warnings, recoverable } = await look(archive);
    expect(findings).toEqual([]);
    expect(short(warnings)).toEqual([['superseded-damage', batchKey(10), 10]]);
    expect(recoverable).toEqual(WHOLE);
  });

  test('damaged where no restore leads has lost nothing: a warning', async () => {
    const archive = await archiveWith([{ at: 40 }]);
    remove(archive, batchKey(0));
    await flip(archive, batchKey(20), -3);
    const { findings, warnings } = await look(archive);
    expect(findings).toEqual([]);
    expect(warnings.map(({ code }) => code)).toEqual(['superseded-damage', 'range-unrestorable']);
  });

  test.each([
    ['of the same content and another cut', JOURNAL, [10, 25, 50]],
    ['of other content', Buffer.alloc(50, 1), [10, 20, 50]],
  ])('may have a stray %s below, which nothing links to, where a prune was', async (_, journal, cuts) => {
    const archive = await archiveWith([{ at: 30 }]);
    const zombie = await buildArchive({ journal, cuts });
    remove(archive, batchKey(0), batchKey(10), batchKey(20));
    await overwrite(archive.store, batchKey(10), objectBytes(zombie, batchKey(10)));
    const { findings, warnings, recoverable } = await look(archive);
    expect(findings).toEqual([]);
    expect(warnings).toEqual([]);
    expect(recoverable).toEqual([{ from: 30, to: 50 }]);
  });

  test('is missed below a snapshot where one batch is left that the beginning leads to', async () => {
    const archive = await archiveWith([{ at: 30 }]);
    remove(archive, batchKey(10), batchKey(20));
    const { warnings } = await look(archive);
    expect(warnings).toMatchObject([
      {
        code: 'range-unrestorable',
        message: expect.stringMatching(
          /^no offset between \d+ \(0x\w+\) and 30 \(0x1e\) can be restored any more$/,
        ),
        to: 30,
      },
    ]);
  });

  test.each(VERIFY_LEVELS.slice(0, 3))('says nothing of what a prune took, at level %s', async (level) => {
    const archive = await retentionArchive([
      { at: 15, ageDays: 9 },
      { at: 40, ageDays: 6 },
      { at: 100, ageDays: 2 },
    ]);
    const policy = { keepDaily: 4 };
    await prune(testContext(archive.store), { policy, action: 'delete', dryRun: false });
    const { findings, warnings, recoverable } = await look(archive, level);
    expect(archive.namespace.objects.has(batchKey(80))).toBe(false);
    expect(archive.namespace.objects.has(batchKey(90))).toBe(true);
    expect({ findings, warnings }).toEqual({ findings: [], warnings: [] });
    expect(recoverable.map(({ from }) => from)).toEqual([15, 40, 100]);
  });

  test('may have a stray in the place of a batch below', async () => {
    const archive = await archiveWith([{ at: 30 }]);
    const zombie = await buildArchive({ journal: Buffer.alloc(50, 1), cuts: CUTS });
    await overwrite(archive.store, batchKey(10), objectBytes(zombie, batchKey(10)));
    const { findings, warnings, recoverable } = await look(archive);
    expect(findings).toEqual([]);
    expect(warnings.map(({ code, object }) => [code, object])).toEqual([
      ['stray-batch', batchKey(0)],
      ['stray-batch', batchKey(10)],
      ['range-unrestorable', null],
    ]);
    expect(recoverable).toEqual([{ from: 30, to: 50 }]);
  });
});

describe('while others write', () => {
  /** Verifies through a store that does something before the n-th call that this expression matches. */
  async function lookWhile(
    archive: BuiltArchive,
    call: RegExp,
    action: () => Promise<void>,
    level: VerifyLevel = 'data',
  ) {
    const store = new ScriptedStore(archive.store);
    let isDone = false;
    const meanwhile = async (name: string) => {
      if (!isDone && call.test(name)) {
        isDone = true;
        await action();
      }
    };
    store.script.get = async (key, proceed) => {
      await meanwhile(`get ${key}`);
      return proceed();
    };
    store.script.list = (prefix) => meanwhile(`list ${prefix}`);
    const result = await verify(testContext(store), { level, against: undefined });
    expect(isDone).toBe(true);
    return result;
  }

  test.each(VERIFY_LEVELS.slice(0, 3))(
    'batches and snapshots that a prune removes are no damage at level %s',
    async (level) => {
      const archive = await archiveWith([{ at: 10 }, { at: 20, base: 10 }, { at: 40 }]);
      const prune = async () => {
        remove(archive, ...[0, 10, 20, 30].map(batchKey), snapshotKey(20), snapshotKey(10));
      };
      const { findings } = await lookWhile(archive, /get LATEST/, prune, level);
      expect(findings).toEqual([]);
    },
  );

  test('a prune below a snapshot that was stored since is no damage', async () => {
    const archive = await archiveWith([{ at: 10 }]);
    const { findings, recoverable } = await lookWhile(archive, /get LOG/, async () => {
      await addImage(archive, { at: 50 });
      remove(archive, ...CUTS.map((end) => batchKey(end - 10)), snapshotKey(10));
    });
    expect(findings).toEqual([]);
    expect(recoverable).toEqual([{ from: 50, to: 50 }]);
  });

  test('the last batch may go away at level list', async () => {
    const archive = await archiveWith([{ at: 10 }]);
    const prune = async () => {
      await addImage(archive, { at: 50 });
      remove(archive, ...CUTS.map((end) => batchKey(end - 10)), snapshotKey(10));
    };
    const { findings } = await lookWhile(archive, new RegExp(`get ${batchKey(40)}`), prune, 'list');
    expect(findings).toEqual([]);
  });

  test('a writer that came after writers were listed is known', async () => {
    const epoch = (index: number) => (index === 4 ? 2 : 1);
    const archive = await buildArchive({ journal: JOURNAL, cuts: CUTS, epoch, claimedBatches: 4 });
    await addImage(archive, { at: 10 });
    const late = [writerKey(2), batchKey(40)].map((key) => [key, objectBytes(archive, key)] as const);
    remove(archive, writerKey(2), batchKey(40));
    const { findings, warnings, recoverable } = await lookWhile(archive, /^get LOG/, async () => {
      for (const [key, bytes] of late) {
        await overwrite(archive.store, key, bytes);
      }
    });
    expect([...findings, ...warnings]).toEqual([]);
    expect(recoverable).toEqual(WHOLE);
  });

  test.each(VERIFY_LEVELS.slice(0, 3))(
    'a listing that shows too little, and of which a prune takes all, is read again at level %s',
    async (level) => {
      const archive = await buildArchive({ journal: JOURNAL, cuts: CUTS, claimedBatches: 4 });
      await addImage(archive, { at: 40 });
      const unlisted = objectBytes(archive, batchKey(40));
      remove(archive, batchKey(40));
      const { findings, recoverable } = await lookWhile(
        archive,
        /^get LOG/,
        async () => {
          remove(archive, ...[0, 10, 20, 30].map(batchKey));
          await overwrite(archive.store, batchKey(40), unlisted);
        },
        level,
      );
      expect(findings).toEqual([]);
      expect(recoverable).toEqual([{ from: 40, to: 50 }]);
    },
  );

  test('what keeps going away is said to', async () => {
    const archive = await archiveWith([]);
    const store = new ScriptedStore(archive.store);
    store.script.get = (key, proceed) => (key === batchKey(40) ? Promise.resolve(undefined) : proceed());
    const work = verify(testContext(store), { level: 'list', against: undefined });
    expect(await refusal(work)).toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
  });

  test('a snapshot that is listed before the batches below it are stored is not beyond the end', async () => {
    const archive = await archiveWith([{ at: 10 }]);
    const late = objectBytes(archive, batchKey(40));
    remove(archive, batchKey(40), writerKey(2));
    const store = new ScriptedStore(archive.store);
    const list = store.list.bind(store);
    store.list = async function* (prefix, options) {
      const before = await collect(list(prefix, options));
      if (prefix !== '') {
        yield* before;
        return;
      }
      await overwrite(archive.store, batchKey(40), late);
      await addImage(archive, { at: 50 });
      yield* before.filter(({ key }) => key < SNAPSHOT_PREFIX);
      yield* (await collect(list(prefix, options))).filter(({ key }) => key >= SNAPSHOT_PREFIX);
    };
    const { findings, recoverable } = await verify(testContext(store), { level: 'data', against: undefined });
    expect(findings).toEqual([]);
    expect(recoverable).toEqual(WHOLE);
  });
});
