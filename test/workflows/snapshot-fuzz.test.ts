import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { meaningOf } from '../../src/archive/layout.ts';
import { ls } from '../../src/workflows/ls.ts';
import { prune } from '../../src/workflows/prune.ts';
import { type RestoreOptions, restore } from '../../src/workflows/restore.ts';
import { status } from '../../src/workflows/status.ts';
import { VERIFY_LEVELS, verify } from '../../src/workflows/verify.ts';
import { FIRST_OBSERVED_MS, objectBytes, overwrite } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { orRefusal, SELDOM } from '../support/fuzzing.ts';
import { LINES, options } from '../support/line-archive.ts';
import { byteMutation, headerMutation, jsonMutation, type Mutation } from '../support/mutations.ts';
import { PushWorld } from '../support/push-world.ts';
import { archiveWith, contents, expectState } from '../support/snapshot-archive.ts';
import { snapshotMutation } from '../support/snapshot-mutations.ts';
import { type TestContext, testContext } from '../support/workflow-context.ts';

/** Two chains, one of states and one of images of the journal. Copied, not changed. */
const archive = await archiveWith(
  { at: 8 },
  { at: 14, base: 8 },
  { at: 19, of: 'journal' },
  { at: 28, of: 'journal', base: 19 },
  { at: 34, base: 14 },
);
const keys = [...archive.namespace.objects.keys()];
const others = keys.map((key) => objectBytes(archive, key));

function mutationOf(key: string): fc.Arbitrary<Mutation> {
  switch (meaningOf(key).kind) {
    case 'snapshot':
      return fc.oneof(byteMutation(others), snapshotMutation(others));
    case 'batch':
      return fc.oneof(byteMutation(others), headerMutation);
    default:
      return fc.oneof(byteMutation(others), jsonMutation);
  }
}

const weighed = keys.map((key) => ({
  weight: meaningOf(key).kind === 'snapshot' ? 4 : 1,
  arbitrary: fc.constant(key),
}));
const change = fc.oneof(...weighed).chain((key) => fc.tuple(fc.constant(key), mutationOf(key)));

const DAY_MS = 86_400_000;

/** A world with a copy of the archive, a month old, in which some objects have other bytes. */
async function worldWith(changes: readonly (readonly [string, Mutation])[]): Promise<PushWorld> {
  const world = new PushWorld();
  for (const [key, object] of archive.namespace.objects) {
    world.namespace.objects.set(key, { ...object, modifiedAtMs: FIRST_OBSERVED_MS - 30 * DAY_MS });
  }
  for (const [key, mutate] of changes) {
    await overwrite(world.store(), key, mutate(objectBytes(archive, key)));
  }
  return world;
}

/** Restores; what comes must be exactly what was there. True: something came. */
async function restores(context: TestContext, changes: Partial<RestoreOptions>): Promise<boolean> {
  const result = await orRefusal(restore(context, options(changes)), 'data', 'not-found');
  if (result === undefined || result.dryRun) {
    return false;
  }
  if (changes.what === 'state') {
    expectState(context, result.base ?? -1, result.offset);
  } else {
    expect(contents(context)).toBe(LINES.toString('utf8', 0, result.offset));
  }
  return true;
}

const POINTS: readonly Partial<RestoreOptions>[] = [
  {},
  { what: 'journal', at: { kind: 'offset', offset: 19 } },
  { what: 'state' },
  { what: 'state', at: { kind: 'offset', offset: 14 } },
  { what: 'state', at: { kind: 'offset', offset: 24 }, nearest: 'before' },
  { what: 'state', at: { kind: 'time', atMs: FIRST_OBSERVED_MS + 1_500 }, nearest: 'after' },
  { what: 'state', dryRun: true },
];

describe('an archive with snapshots, some objects of which have other bytes,', () => {
  test.prop([fc.array(change, { minLength: 1, maxLength: 2 })], SELDOM)(
    'gives exactly what was there or refuses, and gives it where verify finds nothing',
    async (changes) => {
      const store = (await worldWith(changes)).store();
      const found = new Map<string, number>();
      for (const level of VERIFY_LEVELS) {
        found.set(level, (await verify(testContext(store), { level, against: undefined })).findings.length);
      }
      await orRefusal(status(testContext(store)), 'data');
      await collect(ls(testContext(store)));
      const plan = { policy: { keepLast: 1 }, action: 'delete', dryRun: true } as const;
      await orRefusal(prune(testContext(store), plan), 'data');
      const came = new Map<object, boolean>();
      for (const point of POINTS) {
        came.set(point, await restores(testContext(store), point));
      }
      if (found.get('data') === 0 || found.get('replay') === 0) {
        expect(POINTS.slice(0, 4).map((point) => came.get(point))).toContain(true);
      }
    },
  );

  test.prop([fc.array(change, { minLength: 1, maxLength: 2 })], SELDOM)(
    'is pruned and pushed to or refused, and then gives exactly what was there or refuses',
    async (changes) => {
      const world = await worldWith(changes);
      const policy = { keepLast: 1 };
      await orRefusal(prune(testContext(world.store()), { policy, action: 'delete', dryRun: false }), 'data');
      world.fileSystem.append('/journal', LINES);
      await orRefusal(world.once({ journal: '/journal' }), 'data', 'conflict');
      for (const point of POINTS) {
        await restores(testContext(world.store()), point);
      }
    },
  );
});
