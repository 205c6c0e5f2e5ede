import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { snapshotKey } from '../../src/archive/layout.ts';
import { isRigError } from '../../src/kernel/errors.ts';
import { restore } from '../../src/workflows/restore.ts';
import { status } from '../../src/workflows/status.ts';
import { type BuiltArchive, objectBytes, overwrite } from '../support/archive-builder.ts';
import { LINES, lineArchive, names, options } from '../support/line-archive.ts';
import { addSnapshot, contents, expectState, forget, offsetOf } from '../support/snapshot-archive.ts';
import { testContext } from '../support/workflow-context.ts';

describe('any archive with snapshots', () => {
  const wishes = fc.uniqueArray(
    fc.record({
      at: fc.integer({ min: 1, max: 34 }),
      of: fc.constantFrom('state' as const, 'journal' as const),
      chained: fc.boolean(),
    }),
    { selector: ({ at }) => at, maxLength: 5 },
  );

  async function build(
    picked: readonly { at: number; of: 'state' | 'journal'; chained: boolean }[],
  ): Promise<BuiltArchive> {
    const archive = await lineArchive({ format: 'bytes' });
    const last = { state: undefined as number | undefined, journal: undefined as number | undefined };
    for (const { at, of, chained } of picked.toSorted((left, right) => left.at - right.at)) {
      await addSnapshot(archive, LINES, { at, of, base: chained ? last[of] : undefined });
      last[of] = at;
    }
    return archive;
  }

  test.prop([
    wishes,
    fc.nat({ max: 34 }),
    fc.constantFrom('state' as const, 'journal' as const),
    fc.nat({ max: 40 }),
    fc.nat(),
    fc.boolean(),
  ])(
    'restores exactly or refuses after any one damage, and always when another way is left',
    async (picked, offset, what, damagedIndex, position, isDeleted) => {
      const archive = await build(picked);
      const keys = [...archive.namespace.objects.keys()].filter((key) => /^(LOG|SNAPSHOT)\//.test(key));
      const key = keys[damagedIndex % keys.length] ?? '';
      if (isDeleted) {
        archive.namespace.objects.delete(key);
      } else {
        const bytes = objectBytes(archive, key);
        const index = position % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ 0x55;
        await overwrite(archive.store, key, bytes);
      }
      const context = testContext(archive.store);
      const states = picked.filter(({ of, at }) => of === 'state' && at <= offset);
      try {
        const { base } = await restore(context, options({ what, ...offsetOf(offset) }));
        if (what === 'journal') {
          expect(contents(context)).toBe(LINES.toString().slice(0, offset));
        } else {
          expectState(context, base ?? -1, offset);
        }
      } catch (error) {
        if (!isRigError(error)) {
          throw error;
        }
        expect(await names(context)).toEqual([]);
        if (key.startsWith('SNAPSHOT/')) {
          // The batches are all there: a journal never needs a snapshot, and a state any other one that needs no base.
          expect(what).toBe('state');
          expect(states.filter(({ at, chained }) => !chained && snapshotKey(at) !== key)).toEqual([]);
        }
      }
    },
  );

  test.prop([wishes, fc.constantFrom([], [0], [0, 8])])(
    'restores every offset that status promises',
    async (picked, forgotten) => {
      const archive = await build(picked);
      const newest = Math.max(0, ...picked.map(({ at }) => at));
      forget(archive, ...forgotten.filter((first) => (first === 0 ? newest >= 8 : newest >= 19)));
      const { recoverable } = await status(testContext(archive.store));
      for (const { from, to } of recoverable) {
        for (const offset of [from, Math.floor((from + to) / 2), to]) {
          const results = await Promise.allSettled(
            (['journal', 'state'] as const).map((what) =>
              restore(testContext(archive.store), options({ what, ...offsetOf(offset) })),
            ),
          );
          expect(results.some(({ status: outcome }) => outcome === 'fulfilled')).toBe(true);
        }
      }
    },
  );
});
