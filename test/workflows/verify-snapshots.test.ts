import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { firstChain } from '../../src/archive/batch-header.ts';
import { batchKey, LATEST_KEY, snapshotKey } from '../../src/archive/layout.ts';
import { encodeTarHeader, paddingBytesOf } from '../../src/journal/snapshots/tar-header.ts';
import { VERIFY_LEVELS, verify } from '../../src/workflows/verify.ts';
import { buildArchive, OTHER_ARCHIVE_ID, objectBytes, overwrite } from '../support/archive-builder.ts';
import {
  addImage,
  archiveWith,
  CUTS,
  flip,
  type Image,
  JOURNAL,
  look,
  remove,
  short,
  WHOLE,
} from '../support/image-archive.ts';
import { putSnapshot } from '../support/snapshot-builder.ts';
import { testContext } from '../support/workflow-context.ts';

describe('a healthy archive', () => {
  test.each(VERIFY_LEVELS)(
    'of batches, states, images and increments has no findings at level %s',
    async (level) => {
      const archive = await archiveWith([
        { at: 10 },
        { at: 25, base: 10 },
        { at: 30, of: 'journal' },
        { at: 40, of: 'journal', base: 30 },
        { at: 50, base: 25 },
      ]);
      expect(await look(archive, level)).toMatchObject({
        findings: [],
        warnings: [],
        checked: { batches: 5, snapshots: 5 },
        recoverable: WHOLE,
      });
    },
  );

  test.each([
    ['at a state between cuts', [{ at: 25 }], [0, 10], [{ from: 25, to: 50 }]],
    ['at a state at a cut', [{ at: 20 }, { at: 30 }], [0, 10], [{ from: 20, to: 50 }]],
    ['at an image of the journal', [{ at: 25, of: 'journal' }], [0, 10], WHOLE],
    [
      'with single states before it',
      [{ at: 7 }, { at: 13, base: 7 }, { at: 35 }],
      [0, 10, 20],
      [
        { from: 7, to: 7 },
        { from: 13, to: 13 },
        { from: 35, to: 50 },
      ],
    ],
    ['with nothing after it', [{ at: 50 }], [0, 10, 20, 30, 40], [{ from: 50, to: 50 }]],
  ] as const)('may begin %s, as a prune leaves it', async (_, images, pruned, recoverable) => {
    const archive = await archiveWith(images);
    remove(archive, ...pruned.map(batchKey));
    for (const level of VERIFY_LEVELS) {
      expect(await look(archive, level)).toMatchObject({ findings: [], warnings: [], recoverable });
    }
  });

  test('may have no journal: then its snapshots are single points', async () => {
    const archive = await buildArchive({ journal: JOURNAL, cuts: [], format: 'none' });
    await addImage(archive, { at: 7 });
    await addImage(archive, { at: 900, base: 7 });
    for (const level of ['list', 'headers', 'data'] as const) {
      expect(await look(archive, level)).toMatchObject({
        findings: [],
        warnings: [],
        recoverable: [
          { from: 7, to: 7 },
          { from: 900, to: 900 },
        ],
      });
    }
  });

  test('counts the bytes of snapshots that it read', async () => {
    const archive = await archiveWith([{ at: 20 }, { at: 30, of: 'journal' }]);
    expect((await look(archive)).checked.bytes).toBe(50 + 40 + 30);
    expect((await look(archive, 'headers')).checked.bytes).toBe(0);
  });
});

describe('a damaged snapshot', () => {
  test.prop([fc.constantFrom(10, 25, 40), fc.nat(), fc.integer({ min: 1, max: 255 })])(
    'is found wherever a bit of it is flipped, with those that need it and no others',
    async (at, where, mask) => {
      const archive = await archiveWith([{ at: 10 }, { at: 25, base: 10 }, { at: 40, base: 25 }, { at: 50 }]);
      await flip(archive, snapshotKey(at), where, mask);
      const { findings, recoverable } = await look(archive);
      expect(findings.map(({ object }) => object)).toEqual(
        [10, 25, 40].filter((other) => other >= at).map(snapshotKey),
      );
      expect(recoverable).toEqual(WHOLE);
    },
  );

  test('names its base where that is missing, from the headers already', async () => {
    const archive = await archiveWith([{ at: 10 }, { at: 25, base: 10 }]);
    remove(archive, snapshotKey(10));
    const { findings } = await look(archive, 'headers');
    expect(short(findings)).toEqual([['RIG_CHAIN_GAP', snapshotKey(25), 25]]);
    expect(findings[0]?.message).toContain(snapshotKey(10));
  });

  test('names its base where that is another one', async () => {
    const archive = await archiveWith([{ at: 10 }, { at: 25, base: 10 }]);
    await putSnapshot(archive.store, {
      at: 10,
      content: Buffer.from('something else'),
      header: { cut: 10, chain: archive.headers[0]?.chain ?? '' },
    });
    const { findings } = await look(archive, 'headers');
    expect(short(findings)).toEqual([['RIG_CHECKSUM_MISMATCH', snapshotKey(25), 25]]);
    expect(findings[0]?.message).toContain(snapshotKey(10));
  });

  test.each([
    ['another archive', { archive: OTHER_ARCHIVE_ID, chain: firstChain(OTHER_ARCHIVE_ID), cut: 0 }],
    ["another history at the journal's beginning", { chain: firstChain(OTHER_ARCHIVE_ID), cut: 0 }],
    ['another history at a cut', { chain: firstChain(OTHER_ARCHIVE_ID), cut: 20 }],
    ['a cut inside a batch', { cut: 15 }],
  ])('may be one of %s', async (_, header) => {
    const archive = await archiveWith([{ at: 25, header }, { at: 50 }]);
    const { findings, recoverable } = await look(archive, 'headers');
    expect(short(findings)).toEqual([['RIG_CHECKSUM_MISMATCH', snapshotKey(25), 25]]);
    expect(recoverable).toEqual(WHOLE);
  });

  test('may be one whose writer had been overtaken', async () => {
    const archive = await buildArchive({ journal: JOURNAL, cuts: CUTS, epoch: () => 2 });
    await addImage(archive, { at: 20, header: { epoch: 1 } });
    await addImage(archive, { at: 30, header: { epoch: 2 } });
    expect(short((await look(archive)).findings)).toEqual([['RIG_CHECKSUM_MISMATCH', snapshotKey(20), 20]]);
  });

  test('may be two that were swapped', async () => {
    const archive = await archiveWith([{ at: 10 }, { at: 25 }]);
    const [one, other] = [objectBytes(archive, snapshotKey(10)), objectBytes(archive, snapshotKey(25))];
    await overwrite(archive.store, snapshotKey(10), other);
    await overwrite(archive.store, snapshotKey(25), one);
    for (const level of VERIFY_LEVELS) {
      expect(short((await look(archive, level)).findings)).toEqual([
        ['RIG_CHECKSUM_MISMATCH', snapshotKey(10), 10],
        ['RIG_CHECKSUM_MISMATCH', snapshotKey(25), 25],
      ]);
    }
  });

  test('costs the range behind it once the batches below it are pruned', async () => {
    const archive = await archiveWith([{ at: 5 }, { at: 30 }]);
    remove(archive, batchKey(0), batchKey(10), batchKey(20));
    await flip(archive, snapshotKey(30), 20);
    const { findings, recoverable } = await look(archive);
    expect(short(findings)).toEqual([
      ['RIG_CHECKSUM_MISMATCH', snapshotKey(30), 30],
      ['RIG_CHAIN_GAP', batchKey(0), 0],
    ]);
    expect(recoverable).toEqual([{ from: 5, to: 5 }]);
  });

  test('is a warning where it is an image of the journal and a newer one is intact', async () => {
    const archive = await archiveWith([
      { at: 20, of: 'journal' },
      { at: 40, of: 'journal' },
    ]);
    remove(archive, batchKey(0), batchKey(10));
    await flip(archive, snapshotKey(20), -30);
    const { findings, warnings, recoverable } = await look(archive);
    expect(findings).toEqual([]);
    expect(short(warnings)).toEqual([['superseded-damage', snapshotKey(20), 20]]);
    expect(recoverable).toEqual(WHOLE);
  });

  test('beyond the end of the log is found at every level', async () => {
    const archive = await archiveWith([{ at: 50 }]);
    remove(archive, batchKey(40), 'WRITER/0000000000000002');
    await addImage(archive, { at: 55, header: { cut: 40, chain: archive.headers[3]?.chain ?? '' } });
    remove(archive, snapshotKey(50));
    for (const level of VERIFY_LEVELS) {
      expect(short((await look(archive, level)).findings)).toEqual([['RIG_CHAIN_GAP', snapshotKey(55), 55]]);
    }
  });
});

describe('at level replay', () => {
  function entry(kind: 'file' | 'directory', name: string, text = ''): Uint8Array {
    const sizeBytes = text.length;
    const data = Buffer.from(text.padEnd(sizeBytes + paddingBytesOf(sizeBytes), '\x00'));
    const owner = { mode: 0o755, uid: 0, gid: 0, modifiedAtNs: 0n };
    return Buffer.concat([encodeTarHeader({ kind, name, linkName: '', sizeBytes, ...owner }), data]);
  }

  async function treeArchive(tree: ReadonlyMap<string, Uint8Array>) {
    const archive = await buildArchive({ journal: JOURNAL, cuts: [], format: 'none' });
    await putSnapshot(archive.store, { at: 7, content: tree });
    await overwrite(archive.store, LATEST_KEY, '7');
    return archive;
  }

  test('the newest directory is unpacked as by a restore', async () => {
    const good = new Map<string, Uint8Array>([
      ['.', entry('directory', './')],
      ['a', entry('file', './a', 'one')],
      ['b', Buffer.concat([entry('file', './b', 'two'), Buffer.alloc(1024)])],
    ]);
    expect((await look(await treeArchive(good), 'replay')).findings).toEqual([]);
  });

  test.each([
    ['leads out of the target', '../a'],
    ['has no place in it', './c/a'],
  ])('a directory with an entry that %s is found', async (_, name) => {
    const bad = new Map<string, Uint8Array>([
      ['.', entry('directory', './')],
      ['a', Buffer.concat([entry('file', name, 'one'), Buffer.alloc(1024)])],
    ]);
    expect((await look(await treeArchive(bad))).findings).toEqual([]);
    const { findings } = await look(await treeArchive(bad), 'replay');
    expect(short(findings)).toEqual([['RIG_RECORD_MALFORMED', snapshotKey(7), 7]]);
  });
});

describe('against a local journal', () => {
  async function compare(images: readonly Image[], journal: Uint8Array) {
    const context = testContext((await archiveWith(images)).store);
    context.fileSystem.append('/journal', journal);
    return verify(context, { level: 'data', against: '/journal' });
  }

  test('images of it are compared too, each once, and states are not', async () => {
    const images: Image[] = [{ at: 15, of: 'journal' }, { at: 20 }, { at: 30, of: 'journal' }] as const;
    const journal = Buffer.from(JOURNAL);
    expect((await compare(images, journal)).findings).toEqual([]);
    journal[12] = 0;
    const { findings } = await compare([...images, { at: 45, of: 'journal', base: 30 }], journal);
    expect(short(findings)).toEqual([
      ['RIG_DIVERGED', batchKey(10), 12],
      ['RIG_DIVERGED', snapshotKey(15), 12],
      ['RIG_DIVERGED', snapshotKey(45), 12],
    ]);
  });
});
