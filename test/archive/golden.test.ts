import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { batchKey } from '../../src/archive/layout.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { restore } from '../../src/workflows/restore.ts';
import { verify } from '../../src/workflows/verify.ts';
import { overwrite } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { options } from '../support/line-archive.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { testContext } from '../support/workflow-context.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/archive-v1');

/** An archive that was written by the first version. */
async function openGolden(name: string) {
  const objects = join(FIXTURES, name, 'objects');
  const store = openMemoryStore(createMemoryNamespace(), new SimulatedClock());
  for (const entry of readdirSync(objects, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      await overwrite(store, path.slice(objects.length + 1), readFileSync(path));
    }
  }
  return { context: testContext(store), journal: readFileSync(join(FIXTURES, name, 'journal')) };
}

describe('an archive of version 1', () => {
  test.each([
    ['zstd-lines', 3, 60],
    ['gzip-bytes', 3, 2_000],
  ])('%s is verified and restored', async (name, batches, records) => {
    const { context, journal } = await openGolden(name);
    const level = 'replay';
    expect(await verify(context, { level, against: undefined })).toEqual({
      level,
      findings: [],
      warnings: [],
      checked: { batches, snapshots: 0, bytes: journal.length },
      recoverable: [{ from: 0, to: journal.length }],
    });
    expect(await restore(context, options())).toMatchObject({ offset: journal.length, records });
    expect(context.fileSystem.contentOf('/out')).toEqual(journal);
  });

  test('has the header that rigctl-archive(5) shows', async () => {
    const { context } = await openGolden('gzip-bytes');
    const object = await context.store.get(batchKey(0));
    const bytes = Buffer.concat(await collect(object?.body ?? []));
    const json = bytes.subarray(20, 16 + bytes.readUInt16LE(14)).toString();
    expect(bytes.subarray(0, 14).toString('hex')).toBe(
      `1f8b08040000000000ff${bytes.toString('hex', 10, 12)}5247`,
    );
    expect(JSON.parse(json)).toEqual({
      v: 1,
      archive: '6f6b1f0e-3d3c-4b6a-9d57-0d4a1c1b2a30',
      first: 0,
      end: 1,
      records: 1,
      bytes: 1,
      sha256: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      prev: 'be210a77e39a13a2a4af13651fa228c40273d9d5c97b2c402ac499d360afd248',
      chain: '60377601b78e528e09d57cef6addbd403cce9ecec0fbcbb62581ca9190212167',
      epoch: 1,
      frames: [[1, 17, 2_461_319_962]],
      observed: [[1, 1_795_257_127_000]],
    });
  });
});
