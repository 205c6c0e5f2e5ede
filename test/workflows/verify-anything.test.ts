import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { chainStart } from '../../src/archive/chain.ts';
import { batchKey } from '../../src/archive/layout.ts';
import { readWholeCatalog } from '../../src/archive/read-catalog.ts';
import { readBatches } from '../../src/archive/reader.ts';
import { resolveChain } from '../../src/archive/snapshot-object.ts';
import { restore } from '../../src/workflows/restore.ts';
import {
  ARCHIVE_ID,
  type BuiltArchive,
  buildArchive,
  objectBytes,
  overwrite,
} from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { addImage, CUTS, flip, JOURNAL, look, remove } from '../support/image-archive.ts';
import { options } from '../support/line-archive.ts';
import { snapshotContent } from '../support/snapshot-builder.ts';
import { testContext } from '../support/workflow-context.ts';

/** Gives the journal or a state at an offset by brute force: any beginning, then whatever links up. */
async function restores(archive: BuiltArchive, offset: number): Promise<boolean> {
  const listed = await readWholeCatalog(archive.store);
  const starts = [{ of: 'journal', at: 0, position: chainStart(ARCHIVE_ID) }];
  for (const { at } of listed.snapshots) {
    const header = await resolveChain(archive.store, at, ARCHIVE_ID).then(
      ([head]) => head.header,
      () => undefined,
    );
    const content = await snapshotContent(archive.store, at).catch(() => undefined);
    if (header !== undefined && content !== undefined) {
      const { of, cut, chain } = header;
      if (of === 'journal' && offset <= at) {
        return content.equals(JOURNAL.subarray(0, at));
      }
      starts.push({ of, at, position: { archive: ARCHIVE_ID, offset: cut, chain, epoch: 1 } });
    }
  }
  for (const { at, position } of starts.filter((start) => start.at <= offset)) {
    const batches = listed.batches.filter(({ first }) => first >= position.offset && first < offset);
    const chunks = await collect(readBatches(archive.store, batches, position)).catch(() => undefined);
    const bytes = chunks && Buffer.concat(chunks.map((chunk) => chunk.bytes));
    if (
      at === offset ||
      bytes?.subarray(0, offset - position.offset).equals(JOURNAL.subarray(position.offset, offset))
    ) {
      return true;
    }
  }
  return false;
}

/** Gives the journal, or a state and the journal after it, at an offset as the command does; each must be exact. */
async function gives(archive: BuiltArchive, offset: number): Promise<boolean> {
  for (const what of ['journal', 'state'] as const) {
    const context = testContext(archive.store);
    const restored = await restore(context, options({ what, at: { kind: 'offset', offset } })).catch(
      () => undefined,
    );
    if (restored !== undefined) {
      const path = what === 'journal' ? '/out' : '/out.journal';
      const from = what === 'journal' ? 0 : (restored.base ?? 0);
      expect(context.fileSystem.contentOf(path)).toEqual(JOURNAL.subarray(from, offset));
      return true;
    }
  }
  return false;
}

describe('whatever happens to an archive', () => {
  const offset = fc.nat({ max: 50 });
  const image = fc.record({ at: offset, of: fc.constantFrom('state' as const, 'journal' as const) });
  const harm = fc.oneof(
    fc.record({ what: fc.constant('remove' as const), where: fc.nat() }),
    fc.record({ what: fc.constant('flip' as const), where: fc.nat(), bit: fc.nat() }),
    fc.record({ what: fc.constant('swap' as const), where: fc.nat(), other: fc.nat() }),
    fc.record({ what: fc.constant('zombie' as const), where: fc.nat() }),
    fc.record({ what: fc.constant('prune' as const), where: fc.nat() }),
  );
  type Harm = typeof harm extends fc.Arbitrary<infer Value> ? Value : never;

  async function build(images: readonly { at: number; of: 'state' | 'journal' }[], increments: boolean) {
    const archive = await buildArchive({ journal: JOURNAL, cuts: CUTS });
    const last = new Map<string, number>();
    for (const { at, of } of images) {
      const base = increments ? last.get(of) : undefined;
      await addImage(archive, { at, of, ...(base === undefined ? {} : { base }) });
      last.set(of, at);
    }
    return archive;
  }

  async function suffer(archive: BuiltArchive, zombie: BuiltArchive, does: Harm): Promise<void> {
    const keys = [...archive.namespace.objects.keys()].filter((key) => /^(LOG|SNAPSHOT)/.test(key)).sort();
    const key = keys[does.where % keys.length];
    if (key === undefined) {
      return;
    }
    switch (does.what) {
      case 'remove':
        remove(archive, key);
        break;
      case 'flip':
        await flip(archive, key, does.bit >> 3, 1 << (does.bit & 7));
        break;
      case 'swap': {
        const other = keys[does.other % keys.length] ?? key;
        const [one, two] = [objectBytes(archive, key), objectBytes(archive, other)];
        await overwrite(archive.store, key, two);
        await overwrite(archive.store, other, one);
        break;
      }
      case 'zombie':
        await overwrite(archive.store, batchKey(10), objectBytes(zombie, batchKey(10)));
        break;
      case 'prune':
        remove(archive, ...keys.filter((candidate) => /^LOG/.test(candidate)).slice(0, does.where % 4));
        break;
    }
  }

  test.prop([
    fc
      .uniqueArray(image, { maxLength: 4, selector: ({ at }) => at })
      .map((all) => all.sort((a, b) => a.at - b.at)),
    fc.boolean(),
    fc.array(harm, { maxLength: 3 }),
    fc.constantFrom(25, 20),
  ])(
    'what is recoverable can be restored, and no findings means no loss of the end',
    async (images, increments, harms, end) => {
      const archive = await build(images, increments);
      const zombie = await buildArchive({
        journal: end === 25 ? JOURNAL : Buffer.alloc(50, 1),
        cuts: [10, end, 50],
      });
      for (const does of harms) {
        await suffer(archive, zombie, does);
      }
      const { findings, recoverable } = await look(archive);
      for (let at = 0; at <= 50; at += 1) {
        if (recoverable.some(({ from, to }) => from <= at && at <= to)) {
          expect([at, await restores(archive, at)]).toEqual([at, true]);
        }
      }
      for (const at of recoverable.flatMap(({ from, to }) => [from, to])) {
        expect([at, await gives(archive, at)]).toEqual([at, true]);
      }
      if (findings.length === 0) {
        expect(recoverable.at(-1)?.to).toBe(50);
        for (const { at } of (await readWholeCatalog(archive.store)).snapshots.slice(-1)) {
          expect([at, await restores(archive, at)]).toEqual([at, true]);
        }
      }
    },
  );
});
