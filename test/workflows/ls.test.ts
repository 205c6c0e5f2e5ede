import { describe, expect, test } from 'vitest';
import { batchKey, snapshotKey, writerKey } from '../../src/archive/layout.ts';
import { type LsEntry, ls } from '../../src/workflows/ls.ts';
import { overwrite } from '../support/archive-builder.ts';
import { lineArchive, refusal } from '../support/line-archive.ts';
import { testContext } from '../support/workflow-context.ts';

describe('ls', () => {
  test('names every object of the archive and every stray, in the order of the keys', async () => {
    const { store, namespace } = await lineArchive({ cuts: [8, 34] });
    await overwrite(store, snapshotKey(8), 'a snapshot');
    await overwrite(store, 'LOG/notes.txt', 'mine');
    await overwrite(store, 'LATEST', '8');
    const sized = (key: string) => ({
      key,
      storedBytes: namespace.objects.get(key)?.sizeBytes,
      modifiedAt: '2026-11-21T10:32:07.000Z',
    });
    const entries: LsEntry[] = [];
    for await (const entry of ls(testContext(store))) {
      entries.push(entry);
    }
    expect(entries).toEqual([
      { kind: 'descriptor', ...sized('ARCHIVE.json') },
      { kind: 'latest', ...sized('LATEST') },
      { kind: 'batch', first: 0, ...sized(batchKey(0)) },
      { kind: 'batch', first: 8, ...sized(batchKey(8)) },
      { kind: 'stray', ...sized('LOG/notes.txt') },
      { kind: 'snapshot', at: 8, ...sized(snapshotKey(8)) },
      { kind: 'writer', epoch: 1, ...sized(writerKey(1)) },
      { kind: 'writer', epoch: 2, ...sized(writerKey(2)) },
    ]);
  });

  test('of nothing is refused', async () => {
    const { store, namespace } = await lineArchive();
    namespace.objects.clear();
    expect(await refusal(ls(testContext(store)).next())).toMatchObject({ code: 'RIG_ARCHIVE_NOT_FOUND' });
  });
});
