import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { batchKey } from '../../src/archive/layout.ts';
import { isRigError } from '../../src/kernel/errors.ts';
import type { Store } from '../../src/store/contract.ts';
import { restore } from '../../src/workflows/restore.ts';
import {
  type BuiltArchive,
  buildArchive,
  FIRST_OBSERVED_MS,
  OTHER_ARCHIVE_ID,
  objectBytes,
  overwrite,
} from '../support/archive-builder.ts';
import { LINE_CUTS, LINES, lineArchive, names, options, refusal } from '../support/line-archive.ts';
import { testContext } from '../support/workflow-context.ts';

describe('a damaged archive', () => {
  test.each([
    ['a hole', 8, 'RIG_CHAIN_GAP', 8],
    ['no beginning', 0, 'RIG_CHAIN_GAP', 0],
    ['no end, although a writer saw it', 19, 'RIG_CHAIN_GAP', 19],
  ] as const)('%s: latest is refused, what is before it is not', async (_, deleted, code, before) => {
    const archive = await lineArchive();
    archive.namespace.objects.delete(batchKey(deleted));
    const context = testContext(archive.store);
    expect(await refusal(restore(context, options()))).toMatchObject({
      code,
      details: { object: batchKey(deleted), offset: deleted, recoverable: [{ from: 0, to: before }] },
    });
    const result = await restore(context, options({ at: { kind: 'offset', offset: before } }));
    expect(result.offset).toBe(before);
    expect(context.fileSystem.contentOf('/out')).toEqual(LINES.subarray(0, before));
  });

  test('a damaged last batch leaves everything before it', async () => {
    const archive = await lineArchive();
    await overwrite(archive.store, batchKey(19), 'rubbish');
    const context = testContext(archive.store);
    expect(await refusal(restore(context, options()))).toMatchObject({
      code: 'RIG_CHECKSUM_MISMATCH',
      details: { object: batchKey(19), recoverable: [{ from: 0, to: 19 }] },
    });
    for (const at of [
      { kind: 'offset', offset: 19 },
      { kind: 'time', atMs: FIRST_OBSERVED_MS + 1_000 },
    ] as const) {
      await restore(context, options({ at, force: true }));
      expect(context.fileSystem.contentOf('/out')).toEqual(LINES.subarray(0, 19));
    }
    const late = { kind: 'time', atMs: FIRST_OBSERVED_MS + 1_001 } as const;
    expect(await refusal(restore(context, options({ at: late, force: true })))).toMatchObject({
      code: 'RIG_CHECKSUM_MISMATCH',
    });
  });

  test('an offset in a hole at the end of what is needed is refused', async () => {
    const archive = await lineArchive();
    archive.namespace.objects.delete(batchKey(8));
    const context = testContext(archive.store);
    for (const dryRun of [false, true]) {
      const error = await refusal(restore(context, options({ at: { kind: 'offset', offset: 14 }, dryRun })));
      expect(error).toMatchObject({ code: 'RIG_CHAIN_GAP', details: { offset: 8, found: 19 } });
    }
  });

  test('the same hole in a byte journal is refused', async () => {
    const archive = await lineArchive({ format: 'bytes' });
    archive.namespace.objects.delete(batchKey(8));
    const error = await refusal(
      restore(testContext(archive.store), options({ at: { kind: 'offset', offset: 14 } })),
    );
    expect(error).toMatchObject({ code: 'RIG_CHAIN_GAP', details: { offset: 8, found: 19 } });
  });

  /** A store in which a batch is pruned at the moment it is asked for. */
  function pruning(archive: BuiltArchive, key: string): Store {
    return {
      ...bind(archive.store),
      async get(asked, getOptions) {
        if (asked === key) {
          archive.namespace.objects.delete(key);
        }
        return archive.store.get(asked, getOptions);
      },
    };
  }

  test('a batch that disappears while it is restored leads to a new plan', async () => {
    const archive = await lineArchive({ claimedBatches: 2 });
    const context = testContext(pruning(archive, batchKey(19)));
    expect(await restore(context, options())).toMatchObject({ offset: 19 });
    expect(await names(context)).toEqual(['out']);
  });

  test('a stream that has got bytes is refused instead: it never gets them twice', async () => {
    const archive = await lineArchive({ frameBytes: 1 });
    const context = testContext(pruning(archive, batchKey(8)));
    const parts: Uint8Array[] = [];
    const write = async (bytes: Uint8Array) => {
      parts.push(bytes.slice());
    };
    const error = await refusal(restore(context, options({ target: { kind: 'stream', write } })));
    expect(error).toMatchObject({ code: 'RIG_OBJECT_NOT_FOUND', details: { object: batchKey(8) } });
    expect(parts.length).toBeGreaterThan(0);
    expect(LINES.subarray(0, parts.length)).toEqual(Buffer.concat(parts));
  });

  test.prop([fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat({ max: 5 })])(
    'no damage ever makes a restore succeed with other bytes',
    async (where, at, flip, kind) => {
      const archive = await buildArchive({
        journal: LINES,
        cuts: LINE_CUTS,
        frameBytes: 4,
        compression: { name: kind % 2 === 0 ? 'zstd' : 'gzip', level: 1 },
      });
      await damage(archive, kind, where, flip);
      const context = testContext(archive.store);
      const offset = at % (LINES.length + 1);
      try {
        await restore(context, options({ at: { kind: 'offset', offset } }));
      } catch (error) {
        expect(isRigError(error)).toBe(true);
        expect(await names(context)).toEqual([]);
        return;
      }
      expect(context.fileSystem.contentOf('/out')).toEqual(LINES.subarray(0, offset));
    },
  );

  async function damage(archive: BuiltArchive, kind: number, where: number, flip: number): Promise<void> {
    const keys = archive.headers.map(({ first }) => batchKey(first));
    const key = keys[where % keys.length] ?? '';
    const other = keys[(where + 1) % keys.length] ?? '';
    const bytes = objectBytes(archive, key);
    if (kind < 3) {
      const index = where % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ flip;
      await overwrite(archive.store, key, bytes);
    } else if (kind === 3) {
      await overwrite(archive.store, key, bytes.subarray(0, where % bytes.length));
    } else if (kind === 4) {
      const stranger = await buildArchive({ journal: LINES, cuts: LINE_CUTS, id: OTHER_ARCHIVE_ID });
      await overwrite(archive.store, key, objectBytes(stranger, key));
    } else {
      await overwrite(archive.store, key, objectBytes(archive, other));
      await overwrite(archive.store, other, bytes);
    }
  }
});

function bind(store: Store): Store {
  return {
    url: store.url,
    capabilities: store.capabilities,
    get: store.get.bind(store),
    head: store.head.bind(store),
    put: store.put.bind(store),
    list: store.list.bind(store),
    delete: store.delete.bind(store),
    close: store.close.bind(store),
  };
}
