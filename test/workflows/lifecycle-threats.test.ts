import { describe, expect, test } from 'vitest';
import { readCatalog } from '../../src/archive/read-catalog.ts';
import { RigError } from '../../src/kernel/errors.ts';
import type { Report, WarningReport } from '../../src/kernel/report.ts';
import { findThreats } from '../../src/workflows/lifecycle-threats.ts';
import { status } from '../../src/workflows/status.ts';
import { verify } from '../../src/workflows/verify.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';
import { DOCUMENT, type LifecycleWorld, lifecycleWorld, REACHING } from '../support/lifecycle-world.ts';
import { refusal } from '../support/line-archive.ts';
import { putSnapshotHead } from '../support/snapshot-head.ts';
import { codesOf } from '../support/workflow-context.ts';

const DAY_MS = 86_400_000;

function threats(reports: readonly Report[]): string[] {
  return reports
    .filter((report): report is WarningReport => report.type === 'warning')
    .filter(({ code }) => code === 'lifecycle-threat')
    .map(({ message }) => message);
}

function lifecycleCalls({ store }: LifecycleWorld): string[] {
  return store.calls.filter((call) => call.includes('lifecycle'));
}

describe('status', () => {
  test('warns of a rule that covers the bucket, with one request for the rules', async () => {
    const w = await lifecycleWorld(REACHING);
    await status(w.context);
    expect(threats(w.context.reports)).toEqual([
      'lifecycle rule "all" removes ARCHIVE.json and WRITER/ after 400 days',
      'lifecycle rule "all" removes LOG/ after 400 days: there is no snapshot that supersedes any batch',
    ]);
    expect(lifecycleCalls(w)).toEqual(['read lifecycle rules']);
  });

  test("says nothing of rigctl's own rules", async () => {
    const w = await lifecycleWorld(DOCUMENT);
    await w.apply();
    w.context.reports.length = 0;
    await w.clock.advance(1_000 * DAY_MS);
    await status(w.context);
    expect(w.context.reports).toEqual([]);
  });

  test.each([
    ['RIG_STORE_DENIED', ['lifecycle-unread']],
    ['RIG_STORE_UNSUPPORTED', []],
  ] as const)('goes on when the rules cannot be read: %s', async (code, notes) => {
    const w = await lifecycleWorld(REACHING);
    w.store.script.capability = () => {
      throw new RigError(code, 'no');
    };
    expect(await status(w.context)).toMatchObject({ durable: 34 });
    expect(codesOf(w.context.reports, 'note')).toEqual(notes);
    expect(codesOf(w.context.reports, 'warning')).toEqual([]);
  });

  test('ends when it is interrupted there', async () => {
    const w = await lifecycleWorld();
    w.store.script.capability = () => {
      throw new RigError('RIG_INTERRUPTED', 'stop');
    };
    expect(await refusal(status(w.context))).toMatchObject({ code: 'RIG_INTERRUPTED' });
  });
});

describe('a search for threats', () => {
  async function found({ context, store }: LifecycleWorld): Promise<string[]> {
    const { snapshots } = await readCatalog(store);
    return (await findThreats(context, { archive: ARCHIVE_ID, snapshots })).map(({ message }) => message);
  }

  test('follows the newest snapshot to what it is built on, and reads no header when no rule reaches it', async () => {
    const w = await lifecycleWorld(REACHING.replace('<Prefix/>', '<Prefix>SNAPSHOT/</Prefix>'));
    await putSnapshotHead(w.store, 8);
    await w.clock.advance(390 * DAY_MS);
    await putSnapshotHead(w.store, 19, 8);
    await putSnapshotHead(w.store, 34, 19);
    expect(await found(w)).toEqual([
      'snapshot 8 (0x8), which 34 (0x22) is built on, expires in 10 days by lifecycle rule "all", ' +
        'and nothing newer exists',
    ]);
    w.namespace.rules.document = DOCUMENT;
    w.store.calls.length = 0;
    expect(await found(w)).toEqual([]);
    expect(w.store.calls.filter((call) => call.startsWith('get '))).toEqual([]);
  });
});

describe('verify', () => {
  test('has the same as warnings', async () => {
    const w = await lifecycleWorld(REACHING);
    const { findings, warnings } = await verify(w.context, { level: 'list', against: undefined });
    expect(findings).toEqual([]);
    expect(warnings.map(({ code, object }) => [code, object])).toEqual([
      ['lifecycle-threat', 'ARCHIVE.json'],
      ['lifecycle-threat', 'LOG/'],
    ]);
  });
});
