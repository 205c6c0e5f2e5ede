import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { meaningOf, snapshotKey } from '../../src/archive/layout.ts';
import { DAY_MS, RetentionScene } from '../support/retention-scene.ts';

/** What is marked goes soon: after one day of the server's, which lasts ten seconds, and after two. */
const SOON = ['--log-days', '1', '--snapshot-days', '2'];
const MARK = ['prune', '--mark', '--keep-last', '1', '--yes'];
/** The stories happen beside each other, since they mostly wait for days to pass. */
const PATIENCE_MS = 300_000;

interface Filled {
  /**
   * Where there are snapshots of the state, ascending. The last is an increment on the one before it, which is whole.
   */
  readonly snapshots: readonly [number, number, number, number];
  /** Where there is a snapshot of the journal: after the third. */
  readonly journalAt: number;
}

async function fill(scene: RetentionScene): Promise<Filled> {
  const [first, second, third] = [await scene.work(), await scene.work(true), await scene.work()];
  await scene.push();
  const journalAt = scene.end;
  const made = await scene.run('snapshot', '--now', scene.journal);
  expect(made.result).toMatchObject({ ok: true, snapshots: 1, durable: journalAt });
  const fourth = await scene.work();
  await scene.push();
  return { snapshots: [first, second, third, fourth], journalAt };
}

/** The keys of what only offsets below the snapshot of the journal, and the first two of the state, need. */
async function expendable(scene: RetentionScene, { snapshots, journalAt }: Filled): Promise<string[]> {
  const batches = (await scene.keys()).filter((key) => {
    const meaning = meaningOf(key);
    return meaning.kind === 'batch' && meaning.first < journalAt;
  });
  expect(batches.length).toBeGreaterThan(5);
  return [...batches, snapshotKey(snapshots[0]), snapshotKey(snapshots[1])];
}

/** The newest state and journal, the last of the state's snapshots, and the one it is built on. */
async function expectPromises(scene: RetentionScene, { snapshots, journalAt }: Filled): Promise<void> {
  const [first, , third, fourth] = snapshots;
  await scene.expectState(fourth);
  await scene.expectState(fourth, fourth);
  await scene.expectState(third, third);
  await scene.expectJournal();
  await scene.expectJournal(journalAt);
  await scene.expectJournal(first);
}

describe.concurrent('on a server where a day lasts ten seconds', () => {
  it(
    'everything restores when the pusher was away for two weeks under the default rules',
    async () => {
      await using scene = await RetentionScene.open();
      const { snapshots, journalAt } = await fill(scene);
      const applied = await scene.run('lifecycle', 'apply', '--yes');
      expect(applied).toMatchObject({ exitCode: 0, result: { changed: true, warningCount: 0 } });
      const backup = await readFile(join(scene.directory, String(applied.result['backup'])), 'utf8');
      expect(backup).toContain('<ID>canaries of 14 days</ID>');
      const keys = await scene.keys();
      await scene.awaitDays(14);
      expect(await scene.keys()).toEqual(keys);
      for (const at of snapshots) {
        await scene.expectState(at, at);
      }
      await scene.expectState(snapshots[3]);
      await scene.expectJournal();
      await scene.expectJournal(journalAt);
      const verified = await scene.run('verify', '--level', 'replay', '--against', scene.journal);
      expect(verified.result).toMatchObject({ ok: true, findings: [], warnings: [] });
      expect((await scene.run('push', scene.journal)).result).toMatchObject({ ok: true, batches: 0 });
    },
    PATIENCE_MS,
  );

  it(
    'what prune marked goes and nothing else, and all that was promised restores all the time',
    async () => {
      await using scene = await RetentionScene.open();
      const filled = await fill(scene);
      await scene.run('lifecycle', 'apply', ...SOON, '--yes');
      const tooYoung = await scene.run(...MARK);
      expect(tooYoung.result).toMatchObject({ ok: true, removed: { batches: 0, snapshots: 0 } });
      const marked = await expendable(scene, filled);
      const { result, lines } = await scene.aged(DAY_MS, ...MARK);
      expect(result).toMatchObject({ ok: true, losesBeginning: false });
      const going = lines.filter(({ type, keep }) => type === 'entry' && keep === false);
      expect(going.map(({ key }) => key).sort()).toEqual(marked.toSorted());
      await scene.awaitExpiry(marked, () => expectPromises(scene, filled));
      const left = await scene.keys();
      await scene.awaitDays(2);
      expect(await scene.keys()).toEqual(left);
      await expectPromises(scene, filled);
      const verified = await scene.run('verify');
      expect(verified.result).toMatchObject({ ok: true, findings: [] });
    },
    PATIENCE_MS,
  );

  it(
    'what a follower marks goes while it pushes on, and the newest state restores all the time',
    async () => {
      await using scene = await RetentionScene.open();
      const first = await scene.work();
      await scene.push();
      await scene.run('lifecycle', 'apply', ...SOON, '--yes');
      const original = (await scene.keys()).filter((key) => /^(LOG|SNAPSHOT)\//.test(key));
      const follow = ['--follow', '--expire', 'mark', '--batch-bytes', '4KiB', '--full-ratio', '0'];
      await using pusher = scene.startAged(
        DAY_MS,
        ...['push', scene.journal, '--snapshots', scene.snapshots, ...follow],
      );
      let newest = first;
      await scene.awaitExpiry(original, async () => {
        newest = await scene.work(true);
        const stored = `stored the snapshot at ${newest} `;
        await pusher.waitFor(({ message }) => String(message).startsWith(stored));
        await pusher.waitFor(({ type, durable }) => type === 'durable' && durable === scene.end);
        await scene.expectState(newest);
        await scene.expectState(newest, newest);
      });
      const { exitCode, result, lines } = await pusher.stop();
      expect({ exitCode, result }).toMatchObject({ exitCode: 143, result: { durable: scene.end } });
      expect(lines.map(({ code }) => code)).not.toContain('expire-failed');
      await scene.awaitDays(2);
      await scene.expectState(newest);
      const verified = await scene.run('verify', '--against', scene.journal);
      expect(verified.result).toMatchObject({ ok: true, findings: [] });
      const early = await scene.run('restore', '--state', '--at', `${first}`, '--to', 'gone');
      expect(early).toMatchObject({ exitCode: 10, result: { error: { code: 'RIG_OFFSET_NOT_COVERED' } } });
    },
    PATIENCE_MS,
  );

  it(
    'rules by age are refused where snapshots stopped, and warned of as they come near elsewhere',
    async () => {
      await using scene = await RetentionScene.open();
      const at = await scene.work();
      await scene.push();
      const batches = (await scene.keys()).filter((key) => meaningOf(key).kind === 'batch');
      const apply = ['lifecycle', 'apply', '--by-age', '--yes'];
      const stopped = await scene.aged(2 * DAY_MS, ...apply, '--accept-loss');
      expect(stopped).toMatchObject({
        exitCode: 2,
        result: {
          error: {
            code: 'RIG_UNSAFE',
            message: expect.stringMatching(
              /^the newest snapshot, .* is 2d( .*)? old, which is more than half of the 3 days/,
            ),
          },
        },
      });
      expect(await scene.run(...apply)).toMatchObject({
        exitCode: 2,
        result: { error: { message: expect.stringContaining('--accept-loss') } },
      });
      expect((await scene.run(...apply, '--accept-loss')).result).toMatchObject({ ok: true, changed: true });
      for (const [days, ...threats] of [
        [0],
        [2, /LOG\/ after 3 days/],
        [28, /LOG\/ after 3 days/, /^snapshot .* expires in (1 day|2 days) .*, and nothing newer exists$/],
      ] as const) {
        for (const command of ['status', 'verify']) {
          const { lines } = await scene.aged(days * DAY_MS, command);
          const messages = lines.flatMap(({ code, message }) =>
            code === 'lifecycle-threat' ? [message] : [],
          );
          expect(messages).toEqual(threats.map((text) => expect.stringMatching(text)));
        }
      }
      await scene.awaitExpiry(batches, () => scene.expectState(at, at));
      // What was confirmed to be lost is not called good; what the journal still has comes back with the next push.
      expect(await scene.run('verify')).toMatchObject({
        exitCode: 14,
        result: { findings: [{ object: snapshotKey(at) }] },
      });
      await scene.push();
      await scene.expectState(at);
      expect((await scene.run('verify')).result).toMatchObject({ ok: true, findings: [] });
    },
    PATIENCE_MS,
  );

  it(
    'what is marked stays when the rules are removed',
    async () => {
      await using scene = await RetentionScene.open();
      const filled = await fill(scene);
      await scene.run('lifecycle', 'apply', ...SOON, '--yes');
      const removed = await scene.run('lifecycle', 'remove', '--yes');
      expect(removed.result).toMatchObject({ ok: true, changed: true });
      expect(JSON.stringify(removed.result['after'])).not.toContain('rigctl:');
      const marked = await expendable(scene, filled);
      const { result } = await scene.aged(DAY_MS, ...MARK);
      expect(result).toMatchObject({ ok: true, removed: { snapshots: 2, batches: marked.length - 2 } });
      const keys = await scene.keys();
      await scene.awaitDays(2);
      await scene.awaitDays(2);
      expect(await scene.keys()).toEqual(keys);
      await scene.expectState(filled.snapshots[0], filled.snapshots[0]);
    },
    PATIENCE_MS,
  );
});
