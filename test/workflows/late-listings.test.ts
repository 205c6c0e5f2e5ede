import { describe, expect, it } from 'vitest';
import { batchKey, meaningOf, snapshotKey, WRITER_PREFIX, writerKey } from '../../src/archive/layout.ts';
import { readCatalog } from '../../src/archive/read-catalog.ts';
import { readSnapshotHeader } from '../../src/archive/snapshot-object.ts';
import { completeCatalog } from '../../src/archive/unlisted.ts';
import { KIB } from '../../src/kernel/size.ts';
import { bodyOf } from '../../src/store/body.ts';
import { restore } from '../../src/workflows/restore.ts';
import { verify } from '../../src/workflows/verify.ts';
import { buildArchive } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { refusal } from '../support/line-archive.ts';
import { ScriptedStore } from '../support/scripted-store.ts';
import { JOURNAL, noisy, SNAPSHOTS, take, worldWith } from '../support/snapshot-world.ts';
import { codesOf, testContext } from '../support/workflow-context.ts';

const CONTENT = Buffer.from('abcdefghij'.repeat(10));
const CUTS = [10, 30, 40, 70, 100];

/** Listings lack the batches from this offset on; who asks for them by name gets them. */
function lateFrom(offset: number) {
  return (key: string) => {
    const meaning = meaningOf(key);
    return meaning.kind !== 'batch' || meaning.first < offset;
  };
}

describe.each([0, 10, 70])('with a listing that lacks the batches from %i on', (late) => {
  it('the latest is restored', async () => {
    const store = new ScriptedStore((await buildArchive({ journal: CONTENT, cuts: CUTS })).store);
    store.script.isListed = lateFrom(late);
    const chunks: Uint8Array[] = [];
    const write = async (bytes: Uint8Array) => void chunks.push(bytes);
    const { offset } = await restore(testContext(store), {
      at: { kind: 'latest' },
      what: undefined,
      nearest: undefined,
      dryRun: false,
      force: false,
      target: { kind: 'stream', write },
    });
    expect(offset).toBe(100);
    expect(Buffer.concat(chunks).equals(CONTENT)).toBe(true);
  });

  it.each(['list', 'headers', 'data', 'replay'] as const)(
    'nothing is found missing at level %s',
    async (level) => {
      const store = new ScriptedStore((await buildArchive({ journal: CONTENT, cuts: CUTS })).store);
      store.script.isListed = lateFrom(late);
      const { findings, warnings, recoverable } = await verify(testContext(store), {
        level,
        against: undefined,
      });
      expect([...findings, ...warnings]).toEqual([]);
      expect(recoverable).toEqual([{ from: 0, to: 100 }]);
    },
  );

  it('a push goes on from the end, and nothing seems to be lost', async () => {
    const world = await worldWith(100);
    await world.once({ journal: JOURNAL, batchBytes: 4_096 });
    world.fileSystem.append(JOURNAL, 'more');
    await world.once({ journal: JOURNAL });
    world.fileSystem.append(JOURNAL, 'and more');
    const store = world.store();
    store.script.isListed = lateFrom(late);
    const run = world.start({ journal: JOURNAL }, store);
    expect(await run.ended).toMatchObject({ durable: 112, batches: 1 });
    expect(run.reports.filter(({ type }) => type === 'warning')).toEqual([]);
  });

  it('a snapshot finds its cut', async () => {
    const world = await worldWith(0);
    for (const bytes of [50, 20, 30]) {
      world.fileSystem.append(JOURNAL, 'x'.repeat(bytes));
      await world.once({ journal: JOURNAL });
    }
    take(world, '60', 'inside');
    take(world, '70', 'at a cut');
    const store = world.store();
    store.script.isListed = lateFrom(late);
    const run = world.start({ journal: JOURNAL, snapshots: SNAPSHOTS }, store);
    expect(await run.ended).toMatchObject({ snapshots: 2 });
    const headers = [60, 70].map((at) => readSnapshotHeader(world.store(), snapshotKey(at)));
    expect(await Promise.all(headers)).toMatchObject([{ cut: 50 }, { cut: 70 }]);
  });
});

it('a journal whose last cuts are not listed is imaged once they are', async () => {
  const world = await worldWith(0);
  for (const bytes of [50, 20, 30]) {
    world.fileSystem.append(JOURNAL, 'x'.repeat(bytes));
    await world.once({ journal: JOURNAL });
  }
  const store = world.store();
  const run = world.start({ journal: JOURNAL, journalSnapshot: true }, store);
  const startsAgain = () => codesOf(run.reports, 'note').includes('starting-again');
  store.script.isListed = (key) => startsAgain() || lateFrom(50)(key);
  expect(await world.clock.runUntil(run.ended)).toMatchObject({ durable: 100, snapshots: 1 });
  expect(startsAgain()).toBe(true);
});

it('a journal is compared with batches that only a snapshot tells of', async () => {
  const world = await worldWith(0);
  for (const bytes of [50, 20, 30]) {
    world.fileSystem.append(JOURNAL, 'x'.repeat(bytes));
    await world.once({ journal: JOURNAL });
  }
  await world.once({ journal: JOURNAL, journalSnapshot: true });
  world.fileSystem.append('/other', 'x'.repeat(70) + 'y'.repeat(30));
  const store = world.store();
  store.script.isListed = lateFrom(50);
  const error = await refusal(world.start({ journal: '/other' }, store).ended);
  expect(error).toMatchObject({ code: 'RIG_DIVERGED', details: { commonEnd: 70 } });
});

it('an epoch is not claimed twice when a claim is listed that a prune has taken', async () => {
  const world = await worldWith(1);
  for (let claims = 0; claims < 3; claims += 1) {
    world.fileSystem.append(JOURNAL, 'x');
    await world.once({ journal: JOURNAL });
  }
  const store = world.store();
  store.script.isListed = (key) => key === writerKey(1) || !key.startsWith(WRITER_PREFIX);
  store.script.get = (key, proceed) => (key === writerKey(1) ? Promise.resolve(undefined) : proceed());
  await world.store().delete([writerKey(1)]);
  await world.store().put(writerKey(1), bodyOf('shown and gone'), { if: 'absent' });
  world.fileSystem.append(JOURNAL, 'x');
  await world.start({ journal: JOURNAL }, store).ended;
  expect(store.calls.filter((call) => call.startsWith('put WRITER/'))).not.toContain(`put ${writerKey(1)}`);
  expect(await world.keys()).toContain(writerKey(4));
});

it('a writer whose successor is not listed yet puts nothing after its batches', async () => {
  const world = await worldWith(10);
  await world.once({ journal: JOURNAL });
  world.fileSystem.append(JOURNAL, 'x');
  const store = world.store();
  let successor: Promise<unknown> | undefined;
  store.script.isListed = (key) => key !== writerKey(3);
  store.script.put = async (key, proceed) => {
    const result = await proceed();
    if (key === writerKey(2) && successor === undefined) {
      successor = world.start({ journal: JOURNAL, host: 'there' }).ended;
      await successor;
      world.fileSystem.append(JOURNAL, 'more');
    }
    return result;
  };
  const error = await refusal(world.start({ journal: JOURNAL }, store).ended);
  expect(error).toMatchObject({ code: 'RIG_FENCED', details: { epoch: 3 } });
  expect(store.calls.filter((call) => call.startsWith('put LOG/'))).toEqual([]);
});

it('the image of a journal is compared with batches that no listing shows', async () => {
  const world = await worldWith(100);
  await world.once({ journal: JOURNAL });
  const store = world.store();
  let isCompared = false;
  store.script.isListed = lateFrom(0);
  store.script.get = (key, proceed) => {
    isCompared ||= key === batchKey(0);
    return proceed();
  };
  await world.start({ journal: JOURNAL, journalSnapshot: true }, store).ended;
  expect(isCompared).toBe(true);
});

it('a snapshot is not built on one that only seems to be the newest', async () => {
  const world = await worldWith(100);
  const state = noisy(64 * KIB, 1);
  take(world, '10', state);
  await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
  take(world, '20', Buffer.concat([state, Buffer.from('more')]));
  take(world, '30', Buffer.concat([state, Buffer.from('more and more')]));
  const store = world.store();
  store.script.isListed = (key) => key !== snapshotKey(20);
  await world.start({ journal: JOURNAL, snapshots: SNAPSHOTS }, store).ended;
  const bases = [20, 30].map(async (at) => (await readSnapshotHeader(store, snapshotKey(at)))?.base);
  expect(await Promise.all(bases)).toEqual([10, undefined]);
});

it('an archive that was empty when it was listed is none without writers', async () => {
  const store = new ScriptedStore((await buildArchive({ journal: CONTENT, cuts: CUTS })).store);
  store.script.isListed = () => false;
  const { warnings } = await verify(testContext(store), { level: 'list', against: undefined });
  expect(warnings).toEqual([]);
});

it('a busy writer leads no reader on for ever, but as far as it has claimed to be', async () => {
  const journal = Buffer.alloc(200, 'x');
  const { store: whole } = await buildArchive({
    journal,
    cuts: Array.from(journal, (_, index) => index + 1),
  });
  const store = new ScriptedStore(whole);
  store.script.isListed = lateFrom(10);
  const listed = await readCatalog(store);
  const ends = [0, 150, 200].map(
    async (promised) => (await completeCatalog(store, listed, promised)).tail?.header.end,
  );
  expect(await Promise.all(ends)).toEqual([74, 150, 200]);
  expect(await collect(whole.list('LOG/'))).toHaveLength(200);
});
