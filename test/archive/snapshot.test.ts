import { execFileSync } from 'node:child_process';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { snapshotKey } from '../../src/archive/layout.ts';
import { sealSnapshot } from '../../src/archive/seal-snapshot.ts';
import type { SnapshotHeader } from '../../src/archive/snapshot-header.ts';
import { resolvePieces } from '../../src/archive/snapshot-index.ts';
import { resolveChain } from '../../src/archive/snapshot-object.ts';
import { auditOwn } from '../../src/archive/snapshot-reader.ts';
import { KIB, MIB } from '../../src/kernel/size.ts';
import type { Store } from '../../src/store/contract.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import {
  type BuiltContent,
  contentBytes,
  putSnapshot,
  snapshotContent,
} from '../support/snapshot-builder.ts';
import { contentOf, someBytes } from '../support/store-bytes.ts';

type Tree = ReadonlyMap<string, Uint8Array>;

/** So small that small files have several. */
const PIECE_BYTES = 8;

function emptyStore(): Store {
  return openMemoryStore(createMemoryNamespace(), new SimulatedClock());
}

/** Names whose order as text is not that of a tree. */
const name = fc.constantFrom('a', 'a-b', 'a.b', 'a0', 'b', '!', '.x', '\xe9', '"\\\n');
const key = fc.oneof(
  fc.constant('.'),
  fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/')),
);
const bytes = fc.uint8Array({ minLength: 1, maxLength: 5 * PIECE_BYTES });
const entries = fc.array(fc.tuple(key, bytes), { maxLength: 12 });
const tree = entries.map((all): Tree => new Map(all));

/** What happens to a tree between two snapshots. */
const edits = fc.array(fc.tuple(key, fc.option(bytes, { nil: undefined })), { maxLength: 4 });

function edited(before: Tree, changes: readonly (readonly [string, Uint8Array | undefined])[]): Tree {
  const after = new Map(before);
  for (const [changed, content] of changes) {
    if (content === undefined) {
      after.delete(changed);
    } else {
      after.set(changed, content);
    }
  }
  return after;
}

/** The bytes of the pieces that `before` does not have at the same place. */
function newBytes(before: Tree, after: Tree): number {
  let total = 0;
  for (const [changed, content] of after) {
    const old = Buffer.from(before.get(changed) ?? []);
    for (let at = 0; at < content.length; at += PIECE_BYTES) {
      const piece = content.subarray(at, at + PIECE_BYTES);
      total += old.subarray(at, at + PIECE_BYTES).equals(piece) ? 0 : piece.length;
    }
  }
  return total;
}

async function checkAll(store: Store, contents: readonly BuiltContent[]): Promise<void> {
  for (const [index, content] of contents.entries()) {
    expect((await snapshotContent(store, index + 1)).equals(contentBytes(content))).toBe(true);
  }
  for (const head of await resolveChain(store, contents.length, ARCHIVE_ID)) {
    await auditOwn(store, head);
  }
}

describe('a snapshot of a tree', () => {
  test.prop([tree, fc.array(edits, { maxLength: 6 })])(
    'is restored equal at every step, and what it shares is not stored again',
    async (first, steps) => {
      const store = emptyStore();
      const trees = [first];
      await putSnapshot(store, { at: 1, content: first, pieceBytes: PIECE_BYTES });
      for (const changes of steps) {
        const before = trees.at(-1) ?? first;
        const content = edited(before, changes);
        const base = trees.push(content) - 1;
        const head = await putSnapshot(store, { at: base + 1, content, base, pieceBytes: PIECE_BYTES });
        expect(head.footer.ownBytes).toBe(newBytes(before, content));
      }
      await checkAll(store, trees);
    },
  );

  test.prop([tree, edits])('says of each piece which key it belongs to', async (first, changes) => {
    const store = emptyStore();
    const content = edited(first, changes);
    await putSnapshot(store, { at: 1, content: first, pieceBytes: PIECE_BYTES });
    await putSnapshot(store, { at: 2, content, base: 1, pieceBytes: PIECE_BYTES });
    const pieces = (await collect(resolvePieces(store, await resolveChain(store, 2, ARCHIVE_ID)))).flat();
    const lengths = new Map<string, number>();
    for (const piece of pieces) {
      expect(piece.startsKey).toBe(!lengths.has(piece.key));
      lengths.set(piece.key, (lengths.get(piece.key) ?? 0) + piece.lengthBytes);
    }
    expect(lengths).toEqual(new Map([...content].map(([path, { length }]) => [path, length])));
  });

  test('has a short index where long runs are shared', async () => {
    const store = emptyStore();
    const content = new Map(
      Array.from({ length: 500 }, (_, index) => [`f${1_000 + index}`, someBytes(20, index + 1)]),
    );
    await putSnapshot(store, { at: 1, content });
    const changed = new Map([...content, ['f1250', someBytes(20, 9_999)]]);
    const { footer } = await putSnapshot(store, { at: 2, content: changed, base: 1 });
    expect(footer).toMatchObject({ bytes: 10_000, ownBytes: 20, pieces: 500 });
    expect(footer.index.map(([lineBytes]) => lineBytes)).toEqual([
      `[0,250]\n[20,"${'x'.repeat(43)}","f1250"]\n[251,249]\n`.length,
    ]);
  });
});

describe('a snapshot of a file', () => {
  const file = someBytes(3 * MIB + 5);
  const lengths = fc.constantFrom(0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB, MIB + 1, 3 * MIB + 5);

  test.prop([lengths, lengths], { numRuns: 30 })(
    'is restored equal, with frames of whole pieces, and shares blocks at the same place',
    async (before, after) => {
      const store = emptyStore();
      const contents = [file.subarray(0, before), file.subarray(0, after)];
      const full = await putSnapshot(store, { at: 1, content: contents[0] ?? new Uint8Array(0) });
      const increment = await putSnapshot(store, {
        at: 2,
        content: contents[1] ?? new Uint8Array(0),
        base: 1,
      });
      await checkAll(store, contents);
      expect(full.footer.frames.every(([frameBytes]) => frameBytes <= MIB)).toBe(true);
      const sharedBlocks = Math.floor(Math.min(before, after) / (64 * KIB)) * 64 * KIB;
      expect(increment.footer.ownBytes).toBe(before === after ? 0 : after - Math.min(sharedBlocks, after));
    },
  );

  test('that is full is a zstd file of its content to everybody else', async () => {
    const store = emptyStore();
    const content = Buffer.concat([someBytes(MIB + 70_000, 3), Buffer.alloc(2 * MIB, 'x')]);
    await putSnapshot(store, { at: 0x48e, content });
    const object = (await contentOf(store, snapshotKey(0x48e))) ?? expect.fail('it is there');
    expect(execFileSync('zstd', ['-dc'], { input: object, maxBuffer: 8 * MIB }).equals(content)).toBe(true);
  });

  test('that grew as a journal takes its base unread', async () => {
    const store = emptyStore();
    const journal = someBytes(5_000, 4);
    const header = { of: 'journal' as const };
    await putSnapshot(store, { at: 3_000, content: journal.subarray(0, 3_000), pieceBytes: 1_000, header });
    const chain = await resolveChain(store, 3_000, ARCHIVE_ID);
    const [base] = chain;
    const grown: SnapshotHeader = { ...base.header, at: 5_000, base: 3_000, baseSha256: base.footer.sha256 };
    const source = {
      content: 'file' as const,
      atMostBytes: 5_000,
      async *open() {
        yield { fromBase: 3 };
        yield { bytes: Buffer.from(journal.subarray(3_000, 4_500)) };
        yield { bytes: Buffer.from(journal.subarray(4_500)) };
      },
    };
    const sharing = {
      header: base.header,
      sha256: base.footer.sha256,
      pieces: () => resolvePieces(store, chain),
    };
    const sealed = sealSnapshot(grown, source, { name: 'gzip', level: 9 }, { base: sharing });
    await store.put(snapshotKey(5_000), sealed.body, { if: 'absent' });
    expect(await snapshotContent(store, 5_000)).toEqual(journal);
    expect(sealed.summary()).toMatchObject({ bytes: 5_000, ownBytes: 2_000 });
    expect((await resolveChain(store, 5_000, ARCHIVE_ID))[0].footer).toMatchObject({
      pieces: 5,
      ownBytes: 2_000,
    });
  });
});

describe('sealing', () => {
  const header: SnapshotHeader = {
    v: 1,
    kind: 'snapshot',
    archive: ARCHIVE_ID,
    at: 7,
    of: 'state',
    content: 'tar',
    cut: 0,
    chain: '0'.repeat(64),
    epoch: 1,
    createdAt: '2026-11-22T00:00:00.000Z',
  };
  const zstd = { name: 'zstd', level: 1 } as const;

  function sourceOf(pieces: readonly { bytes: Uint8Array; key?: string }[]) {
    return {
      content: 'tar' as const,
      atMostBytes: 10 * MIB,
      async *open() {
        for (const piece of pieces) {
          yield { ...piece, bytes: Buffer.from(piece.bytes) };
        }
      },
    };
  }

  test('gives the same bytes whenever it is read, and says how many', async () => {
    const files = Array.from({ length: 40 }, (_, index) => ({
      bytes: someBytes(100_000, index + 1),
      key: `${100 + index}`,
    }));
    const done: number[] = [];
    const onProgress = (doneBytes: number) => done.push(doneBytes);
    const { body, summary } = sealSnapshot(header, sourceOf(files), zstd, { onProgress });
    expect(summary()).toBeUndefined();
    const first = Buffer.concat(await collect(body.open()));
    expect(done).toEqual([1_100_000, 2_200_000, 3_300_000]);
    expect(Buffer.concat(await collect(body.open())).equals(first)).toBe(true);
    expect(summary()).toMatchObject({ bytes: 4_000_000, ownBytes: 4_000_000, storedBytes: first.length });
    expect(first.length).toBeLessThanOrEqual(body.atMostBytes ?? 0);
  });

  test.each([
    ['a key twice', ['a', 'a']],
    ['a directory after its neighbour', ['a-b', 'a/b']],
    ['no key', [undefined]],
  ])('refuses a source with %s', async (_title, keys) => {
    const pieces = keys.map((path) => ({
      bytes: Buffer.from('x'),
      ...(path === undefined ? {} : { key: path }),
    }));
    const { body } = sealSnapshot(header, sourceOf(pieces), zstd);
    await expect(collect(body.open())).rejects.toMatchObject({ code: 'RIG_ASSERTION' });
  });

  test('ends its source when nobody reads on', async () => {
    let ended = 0;
    const source = {
      content: 'tar' as const,
      atMostBytes: 10 * MIB,
      async *open() {
        try {
          for (let index = 0; ; index += 1) {
            yield { bytes: someBytes(MIB, index), key: `${10_000 + index}` };
          }
        } finally {
          ended += 1;
        }
      },
    };
    for await (const chunk of sealSnapshot(header, source, zstd).body.open()) {
      if (chunk.length > MIB / 2) {
        break;
      }
    }
    expect(ended).toBe(1);
  });
});
