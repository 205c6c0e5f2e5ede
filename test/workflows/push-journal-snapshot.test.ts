import { describe, expect, it } from 'vitest';
import { firstChain } from '../../src/archive/batch-header.ts';
import { readDescriptor } from '../../src/archive/descriptor.ts';
import { sealBatch } from '../../src/archive/seal.ts';
import { readSnapshotHead } from '../../src/archive/snapshot-object.ts';
import { RigError } from '../../src/kernel/errors.ts';
import { KIB } from '../../src/kernel/size.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { PutBody } from '../../src/store/contract.ts';
import type { PushWorld } from '../support/push-world.ts';

import { contentAt, JOURNAL, latest, noisy, SNAPSHOTS, take, worldWith } from '../support/snapshot-world.ts';

/** What a writer that was overtaken and slept may still put. */
async function strayBatch(world: PushWorld): Promise<PutBody> {
  const archive = (await readDescriptor(world.store()))?.id ?? '';
  const start = { archive, first: 0, prev: firstChain(archive), epoch: 1 };
  const payload = (async function* () {
    yield Buffer.from('stray');
  })();
  const end = () => ({ end: 5, records: 5, observed: [[5, 1]] as const });
  const { sealed } = await sealBatch(start, payload, { name: 'zstd', level: 1 }, end);
  return (await sealed).body;
}

describe('an archive with a stray batch below its newest snapshot', () => {
  it('is pushed to as if the stray were not there', async () => {
    const world = await worldWith(20_000);
    take(world, '9000', 'state');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS, batchBytes: 4 * KIB });
    const stray = await strayBatch(world);
    await world.store().delete(['LOG/0000000000000000', 'LOG/0000000000001000']);
    await world.store().put('LOG/0000000000000000', stray, { if: 'absent' });
    world.fileSystem.append(JOURNAL, 'y');
    expect(await world.once({ journal: JOURNAL })).toMatchObject({ durable: 20_001, batches: 1 });
    const made = await world.once({ journal: JOURNAL, journalSnapshot: true });
    expect((await contentAt(world, made.durable)).equals(world.fileSystem.contentOf(JOURNAL))).toBe(true);
  });
});

describe('an archive with a damaged batch below its newest snapshot', () => {
  it('is pushed to, since nothing needs that batch', async () => {
    const world = await worldWith(20_000);
    await world.once({ journal: JOURNAL, journalSnapshot: true, batchBytes: 4 * KIB });
    for (const key of ['LOG/0000000000000000', 'LOG/0000000000002000']) {
      await world.store().put(key, bodyOf('rubbish'), { if: 'any' });
    }
    world.fileSystem.append(JOURNAL, 'y');
    expect(await world.once({ journal: JOURNAL })).toMatchObject({ durable: 20_001 });
  });
});

describe('a snapshot of the journal', () => {
  it('is made although a prune takes what it is compared with, before whichever listing', async () => {
    let listings = 0;
    for (let pruning = 1; pruning === 1 || pruning <= listings; pruning += 1) {
      const world = await worldWith(20_000);
      await world.once({ journal: JOURNAL, journalSnapshot: true, batchBytes: 4 * KIB });
      world.fileSystem.append(JOURNAL, 'y');
      await world.once({ journal: JOURNAL });
      const store = world.store();
      listings = 0;
      store.script.list = async (prefix) => {
        listings += prefix === 'LOG/' ? 1 : 0;
        if (prefix === 'LOG/' && listings === pruning) {
          await world.store().delete(['LOG/0000000000000000', 'LOG/0000000000001000']);
        }
      };
      const made = await world.once({ journal: JOURNAL, journalSnapshot: true, fullRatio: 0 }, store);
      expect(made).toMatchObject({ durable: 20_001, snapshots: 1 });
    }
  });

  it('is the same as one that was made in other steps', async () => {
    const world = await worldWith(1_000);
    await world.once({ journal: JOURNAL, journalSnapshot: true });
    world.fileSystem.append(JOURNAL, 'y');
    await world.once({ journal: JOURNAL, journalSnapshot: true, fullRatio: 9 });
    const again = await world.once({ journal: JOURNAL, journalSnapshot: true, fullRatio: 0 });
    expect(again).toMatchObject({ durable: 1_001, snapshots: 0 });
  });

  it('gives the whole journal, and later ones store only what came after', async () => {
    const world = await worldWith(0);
    const parts: Buffer[] = [];
    for (let round = 0; round < 3; round += 1) {
      parts.push(noisy(300 * KIB, round));
      world.fileSystem.append(JOURNAL, parts[round] ?? '');
      const result = await world.once({
        journal: JOURNAL,
        journalSnapshot: true,
        batchBytes: 64 * KIB,
        fullRatio: 9,
      });
      expect(result.snapshots).toBe(1);
      expect((await contentAt(world, result.durable)).equals(Buffer.concat(parts))).toBe(true);
    }
    const head = await readSnapshotHead(
      world.store(),
      `SNAPSHOT/${(900 * KIB).toString(16).padStart(16, '0')}`,
    );
    expect(head).toMatchObject({
      header: { of: 'journal', base: 600 * KIB },
      footer: { ownBytes: 300 * KIB },
    });
  });

  it('is made of a journal that takes several reads', async () => {
    const world = await worldWith(0);
    const journal = noisy(3_000 * KIB, 1);
    world.fileSystem.append(JOURNAL, journal);
    const { durable } = await world.once({ journal: JOURNAL, batchBytes: 64 * KIB, journalSnapshot: true });
    expect((await contentAt(world, durable)).equals(journal)).toBe(true);
  });

  it('is refused when the journal here is not what was archived', async () => {
    const world = await worldWith(0);
    const journal = noisy(3_000 * KIB, 1);
    world.fileSystem.append(JOURNAL, journal);
    await world.once({ journal: JOURNAL, batchBytes: 64 * KIB });
    journal.writeUInt8(journal.readUInt8(1_000 * KIB) ^ 1, 1_000 * KIB);
    world.fileSystem.append('/copy', journal);
    await expect(world.once({ journal: '/copy', journalSnapshot: true })).rejects.toMatchObject({
      code: 'RIG_DIVERGED',
    });
    expect(await latest(world)).toBeUndefined();
  });

  it('is refused where the application has a snapshot', async () => {
    const world = await worldWith(100);
    take(world, '100', 'state');
    await world.once({ journal: JOURNAL, snapshots: SNAPSHOTS });
    await expect(world.once({ journal: JOURNAL, journalSnapshot: true })).rejects.toSatisfy(
      (error) => error instanceof RigError && error.code === 'RIG_INCOMPLETE',
    );
  });
});
