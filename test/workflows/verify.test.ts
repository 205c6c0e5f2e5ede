import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { BATCH_LIMIT_BYTES, firstChain, nextChain } from '../../src/archive/batch-header.ts';
import { batchKey, DESCRIPTOR_KEY, LATEST_KEY, writerKey } from '../../src/archive/layout.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import { isRigError, RigError } from '../../src/kernel/errors.ts';
import type { Finding } from '../../src/workflows/findings.ts';
import { VERIFY_LEVELS, type VerifyLevel, type VerifyResult, verify } from '../../src/workflows/verify.ts';
import {
  ARCHIVE_ID,
  type BuiltArchive,
  buildArchive,
  OTHER_ARCHIVE_ID,
  objectBytes,
  overwrite,
  withHeader,
} from '../support/archive-builder.ts';
import { LINE_CUTS, LINES, lineArchive, refusal } from '../support/line-archive.ts';
import { testContext } from '../support/workflow-context.ts';

async function look(archive: BuiltArchive, level: VerifyLevel = 'data'): Promise<VerifyResult> {
  return verify(testContext(archive.store), { level, against: undefined });
}

/** What was found, without the messages. */
function short(findings: readonly Finding[]) {
  return findings.map(({ code, object, offset }) => ({ code, object, offset }));
}

/** Header fields of "ONE\ntwo\n", in place of "one\ntwo\n": right by themselves, wrong for the payload. */
function otherPayload() {
  const payload = sha256('ONE\ntwo\n');
  return { sha256: payload, chain: nextChain(firstChain(ARCHIVE_ID), 0, 8, payload) };
}

describe('a healthy archive', () => {
  test.each(VERIFY_LEVELS)('has no findings at level %s', async (level) => {
    const payload = level === 'data' || level === 'replay';
    expect(await look(await lineArchive({ frameBytes: 5 }), level)).toEqual({
      level,
      findings: [],
      warnings: [],
      checked: { batches: 3, snapshots: 0, bytes: payload ? LINES.length : 0 },
      recoverable: [{ from: 0, to: LINES.length }],
    });
  });

  test('may be empty', async () => {
    const result = await look(await lineArchive({ cuts: [] }), 'replay');
    expect(result).toMatchObject({ findings: [], warnings: [], recoverable: [{ from: 0, to: 0 }] });
  });

  test('is not the same as nothing', async () => {
    const archive = await lineArchive();
    archive.namespace.objects.clear();
    expect(await refusal(look(archive))).toMatchObject({ code: 'RIG_ARCHIVE_NOT_FOUND' });
  });
});

describe('a damaged claim', () => {
  test.each(VERIFY_LEVELS.slice(1))(
    'of a writer before the newest is a warning at level %s',
    async (level) => {
      const archive = await lineArchive();
      await overwrite(archive.store, writerKey(1), 'rubbish');
      const { findings, warnings } = await look(archive, level);
      expect(findings).toEqual([]);
      expect(short(warnings)).toEqual([{ code: 'claim-damaged', object: writerKey(1), offset: null }]);
    },
  );

  test('of the newest writer is a finding, and no warning', async () => {
    const archive = await lineArchive();
    await overwrite(archive.store, writerKey(2), 'rubbish');
    const { findings, warnings } = await look(archive);
    expect(short(findings)).toEqual([{ code: 'RIG_CHECKSUM_MISMATCH', object: writerKey(2), offset: null }]);
    expect(warnings).toEqual([]);
  });
});

describe('damage', () => {
  test.prop([fc.constantFrom('zstd' as const, 'gzip' as const), fc.nat(), fc.integer({ min: 1, max: 255 })])(
    'a flipped bit anywhere in a batch is found with object and offset',
    async (name, where, flip) => {
      const archive = await lineArchive({ frameBytes: 4, compression: { name, level: 1 } });
      const bytes = objectBytes(archive, batchKey(8));
      bytes[where % bytes.length] = (bytes[where % bytes.length] ?? 0) ^ flip;
      await overwrite(archive.store, batchKey(8), bytes);
      const { findings, recoverable } = await look(archive);
      expect(findings).toContainEqual(expect.objectContaining({ object: batchKey(8), offset: 8 }));
      expect(recoverable).toEqual([{ from: 0, to: 8 }]);
    },
  );

  test.prop([fc.nat()])('a truncated batch is found, from its headers already', async (where) => {
    const archive = await lineArchive();
    const bytes = objectBytes(archive, batchKey(8));
    await overwrite(archive.store, batchKey(8), bytes.subarray(0, where % bytes.length));
    const { findings } = await look(archive, 'headers');
    expect(short(findings)).toEqual([{ code: 'RIG_CHECKSUM_MISMATCH', object: batchKey(8), offset: 8 }]);
  });

  test('two swapped batches are both found by their headers', async () => {
    const archive = await lineArchive();
    const [one, other] = [objectBytes(archive, batchKey(0)), objectBytes(archive, batchKey(8))];
    await overwrite(archive.store, batchKey(0), other);
    await overwrite(archive.store, batchKey(8), one);
    const { findings, recoverable } = await look(archive, 'headers');
    expect(short(findings)).toEqual([
      { code: 'RIG_CHECKSUM_MISMATCH', object: batchKey(0), offset: 0 },
      { code: 'RIG_CHECKSUM_MISMATCH', object: batchKey(8), offset: 8 },
    ]);
    expect(recoverable).toEqual([{ from: 0, to: 0 }]);
  });

  test.each([0, 8, 19])('a deleted batch is found by its neighbour or the last claim: %i', async (first) => {
    const archive = await lineArchive();
    archive.namespace.objects.delete(batchKey(first));
    const { findings, recoverable } = await look(archive, 'headers');
    expect(short(findings)).toEqual([{ code: 'RIG_CHAIN_GAP', object: batchKey(first), offset: first }]);
    expect(recoverable).toEqual([{ from: 0, to: first }]);
  });

  test('no batches left at all are found by the last claim, at every level', async () => {
    const archive = await lineArchive();
    LINE_CUTS.forEach((_, index) => {
      archive.namespace.objects.delete(batchKey(LINE_CUTS[index - 1] ?? 0));
    });
    for (const level of VERIFY_LEVELS) {
      const { findings } = await look(archive, level);
      expect(short(findings)).toEqual([{ code: 'RIG_CHAIN_GAP', object: batchKey(0), offset: 0 }]);
    }
  });

  test.each([
    ['another archive', { id: OTHER_ARCHIVE_ID }],
    ['another history of the same archive', { journal: Buffer.from(LINES).fill('x', 0, 3) }],
    ['a later writer than the one after it', { epoch: () => 9 }],
  ])('a batch of %s is found by its header', async (_, changes) => {
    const archive = await lineArchive();
    const stranger = await lineArchive(changes);
    await overwrite(archive.store, batchKey(8), objectBytes(stranger, batchKey(8)));
    const { findings, recoverable } = await look(archive, 'headers');
    expect(findings[0]?.code).toBe('RIG_CHECKSUM_MISMATCH');
    expect([batchKey(8), batchKey(19)]).toContain(findings[0]?.object);
    expect(recoverable[0]?.to).toBeLessThan(LINES.length);
  });

  test.each([
    [
      'that claims to be of another archive',
      { archive: OTHER_ARCHIVE_ID },
      'RIG_CHECKSUM_MISMATCH',
      'headers',
    ],
    ['whose payload has another SHA-256', otherPayload(), 'RIG_CHECKSUM_MISMATCH', 'data'],
    ['that miscounts its records', { records: 5 }, 'RIG_RECORD_MALFORMED', 'replay'],
  ] as const)('a batch %s is found, at the level that looks', async (_, changes, code, level) => {
    const archive = await lineArchive({ claimedBatches: undefined, cuts: [8] });
    await overwrite(archive.store, batchKey(0), withHeader(objectBytes(archive, batchKey(0)), changes));
    expect(short((await look(archive, level)).findings)).toEqual([{ code, object: batchKey(0), offset: 0 }]);
    const before = VERIFY_LEVELS[VERIFY_LEVELS.indexOf(level) - 1] ?? 'list';
    expect((await look(archive, before)).findings).toEqual([]);
  });

  test('a batch that reaches into the next one is found there', async () => {
    const archive = await lineArchive();
    const other = await lineArchive({ cuts: [13, 34], format: 'bytes' });
    await overwrite(archive.store, batchKey(0), objectBytes(other, batchKey(0)));
    const { findings } = await look(archive, 'headers');
    expect(short(findings)).toEqual([{ code: 'RIG_CHAIN_GAP', object: batchKey(8), offset: 8 }]);
  });

  test('a whole history that is not the one the last writer saw is found by its chain', async () => {
    const archive = await lineArchive();
    const other = await lineArchive({ journal: Buffer.from(LINES).fill('x', 0, 3) });
    for (const { first } of archive.headers) {
      await overwrite(archive.store, batchKey(first), objectBytes(other, batchKey(first)));
    }
    const { findings } = await look(archive, 'headers');
    expect(short(findings)).toEqual([{ code: 'RIG_CHECKSUM_MISMATCH', object: batchKey(19), offset: 34 }]);
  });

  test('a batch over the cut that the last writer saw is found', async () => {
    const archive = await lineArchive({ claimedBatches: 1 });
    const other = await lineArchive({ cuts: [19, 34], claimedBatches: 0 });
    archive.namespace.objects.delete(batchKey(8));
    await overwrite(archive.store, batchKey(0), objectBytes(other, batchKey(0)));
    await overwrite(archive.store, batchKey(19), objectBytes(other, batchKey(19)));
    const { findings } = await look(archive, 'headers');
    expect(short(findings)).toEqual([{ code: 'RIG_CHECKSUM_MISMATCH', object: batchKey(0), offset: 0 }]);
  });

  test('a batch of a later version is found', async () => {
    const archive = await lineArchive();
    await overwrite(archive.store, batchKey(8), withHeader(objectBytes(archive, batchKey(8)), { v: 2 }));
    const { findings } = await look(archive, 'headers');
    expect(short(findings)).toEqual([{ code: 'RIG_VERSION_UNKNOWN', object: batchKey(8), offset: 8 }]);
  });

  test('several are all found: a broken batch does not hide the hole behind the next one', async () => {
    const archive = await buildArchive({ journal: LINES, cuts: [4, 8, 12, 19, 24, 34] });
    const bytes = objectBytes(archive, batchKey(4));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await overwrite(archive.store, batchKey(4), bytes);
    archive.namespace.objects.delete(batchKey(8));
    archive.namespace.objects.delete(batchKey(19));
    const { findings, recoverable } = await look(archive);
    expect(short(findings)).toEqual([
      { code: 'RIG_CHECKSUM_MISMATCH', object: batchKey(4), offset: 4 },
      { code: 'RIG_CHAIN_GAP', object: batchKey(8), offset: 8 },
      { code: 'RIG_CHAIN_GAP', object: batchKey(19), offset: 19 },
    ]);
    expect(recoverable).toEqual([{ from: 0, to: 4 }]);
  });

  test('beyond a thousand findings are counted, not listed', async () => {
    const journal = Buffer.alloc(1_200);
    const cuts = Array.from(journal, (_, index) => index + 1);
    const archive = await buildArchive({ journal, cuts });
    for (let first = 0; first < 1_100; first += 1) {
      await overwrite(archive.store, batchKey(first), 'rubbish');
    }
    const { findings } = await look(archive, 'headers');
    expect(findings).toHaveLength(1_001);
    expect(findings.at(-1)?.message).toBe('and 100 more');
  });

  test('a name so far from the one before that a batch must be missing is found in the listing', async () => {
    const archive = await lineArchive({ claimedBatches: undefined });
    await overwrite(archive.store, batchKey(19 + BATCH_LIMIT_BYTES + 1), objectBytes(archive, batchKey(19)));
    const { findings, recoverable } = await look(archive, 'list');
    expect(findings[0]).toMatchObject({ code: 'RIG_CHAIN_GAP', offset: 19 + BATCH_LIMIT_BYTES });
    expect(recoverable).toEqual([{ from: 0, to: 19 }]);
  });

  test('records that are not what the header counts are found by the replay', async () => {
    const archive = await lineArchive({ cuts: [8, 21, 34], claimedBatches: undefined });
    expect((await look(archive, 'data')).findings).toEqual([]);
    const { findings } = await look(archive, 'replay');
    expect(short(findings)).toEqual([{ code: 'RIG_RECORD_TORN', object: batchKey(8), offset: 19 }]);
  });

  test('the replay restores once more, and finds what breaks then', async () => {
    const archive = await lineArchive();
    let reads = 0;
    const context = testContext({
      ...archive.store,
      list: archive.store.list.bind(archive.store),
      head: archive.store.head.bind(archive.store),
      get: async (key, options) => {
        reads += key === batchKey(8) ? 1 : 0;
        if (key === batchKey(8) && reads === 2) {
          await overwrite(archive.store, key, 'rubbish');
        }
        return archive.store.get(key, options);
      },
    });
    const { findings } = await verify(context, { level: 'replay', against: undefined });
    expect(short(findings)).toEqual([{ code: 'RIG_CHECKSUM_MISMATCH', object: batchKey(8), offset: 8 }]);
  });

  test('trouble with the store is not damage', async () => {
    const archive = await lineArchive();
    const context = testContext({
      ...archive.store,
      list: archive.store.list.bind(archive.store),
      get: async () => {
        throw new RigError('RIG_STORE_UNAVAILABLE', 'no answer');
      },
    });
    const error = await refusal(verify(context, { level: 'data', against: undefined }));
    expect(isRigError(error, 'RIG_STORE_UNAVAILABLE')).toBe(true);
  });
});

describe('descriptor, writers and names', () => {
  test("a deleted ARCHIVE.json is found, and the rest still verified by the writer's copy", async () => {
    const archive = await lineArchive();
    archive.namespace.objects.delete(DESCRIPTOR_KEY);
    const { findings, checked, recoverable } = await look(archive);
    expect(short(findings)).toEqual([{ code: 'RIG_DESCRIPTOR_LOST', object: DESCRIPTOR_KEY, offset: null }]);
    expect(checked.bytes).toBe(LINES.length);
    expect(recoverable).toEqual([{ from: 0, to: LINES.length }]);
  });

  test.each([
    ['rubbish', '{"version":1', 'RIG_CHECKSUM_MISMATCH'],
    ['of a later version', '{"version":2}', 'RIG_VERSION_UNKNOWN'],
  ])('an ARCHIVE.json that is %s is found', async (_, content, code) => {
    const archive = await lineArchive();
    await overwrite(archive.store, DESCRIPTOR_KEY, content);
    const { findings } = await look(archive);
    expect(short(findings)).toEqual([{ code, object: DESCRIPTOR_KEY, offset: null }]);
  });

  test('an ARCHIVE.json that is not the one the writer saw is found', async () => {
    const archive = await lineArchive();
    await overwrite(
      archive.store,
      DESCRIPTOR_KEY,
      JSON.stringify({ ...archive.descriptor, format: 'bytes' }),
    );
    const { findings } = await look(archive, 'list');
    expect(short(findings)).toEqual([
      { code: 'RIG_CHECKSUM_MISMATCH', object: DESCRIPTOR_KEY, offset: null },
    ]);
  });

  test('a format that only a later rigctl knows is found by the replay', async () => {
    const archive = await lineArchive({ format: 'scrolls' });
    expect((await look(archive, 'data')).findings).toEqual([]);
    expect((await look(archive, 'replay')).findings).toMatchObject([{ code: 'RIG_VERSION_UNKNOWN' }]);
  });

  test('a damaged claim of the newest writer is found', async () => {
    const archive = await lineArchive();
    await overwrite(archive.store, writerKey(2), '{');
    expect(short((await look(archive)).findings)).toMatchObject([
      { code: 'RIG_CHECKSUM_MISMATCH', object: writerKey(2) },
    ]);
  });

  test('strays, a stale LATEST and a missing writer are warnings that name the object', async () => {
    const archive = await lineArchive({ epoch: () => 3 });
    await overwrite(archive.store, 'LOG/notes.txt', 'mine');
    await overwrite(archive.store, 'README', 'mine');
    await overwrite(archive.store, LATEST_KEY, '48e');
    const { findings, warnings } = await look(archive);
    expect(findings).toEqual([]);
    expect(short(warnings).map(({ code, object }) => [code, object])).toEqual([
      ['stray-object', 'LOG/notes.txt'],
      ['stray-object', 'README'],
      ['latest-stale', LATEST_KEY],
      ['unknown-writer', writerKey(3)],
    ]);
  });

  test('without any writer nobody can tell whether the end is missing: a warning', async () => {
    const archive = await lineArchive();
    [1, 2].forEach((epoch) => {
      archive.namespace.objects.delete(writerKey(epoch));
    });
    const { findings, warnings } = await look(archive, 'list');
    expect(findings).toEqual([]);
    expect(short(warnings)).toEqual([{ code: 'unknown-writer', object: 'WRITER/', offset: null }]);
  });
});

describe('against a local journal', () => {
  async function compare(content: string | Uint8Array) {
    const context = testContext((await lineArchive({ frameBytes: 5 })).store);
    context.fileSystem.append('/journal', content);
    return verify(context, { level: 'list', against: '/journal' });
  }

  test.each(['', 'eight\n'])(
    'an equal or longer journal is fine (%j), and the payload is read',
    async (more) => {
      const result = await compare(Buffer.concat([LINES, Buffer.from(more)]));
      expect(result).toMatchObject({ level: 'data', findings: [], warnings: [], checked: { bytes: 34 } });
    },
  );

  test('a shorter journal is a warning', async () => {
    const { findings, warnings } = await compare(LINES.subarray(0, 10));
    expect(findings).toEqual([]);
    expect(warnings).toMatchObject([{ code: 'local-behind', offset: 10 }]);
  });

  test.prop([fc.nat({ max: LINES.length - 1 })])('the first different byte is found', async (index) => {
    const journal = Buffer.from(LINES);
    journal[index] = (journal[index] ?? 0) ^ 0x20;
    const { findings, warnings } = await compare(journal);
    const first = [19, 8, 0].find((start) => start <= index) ?? 0;
    expect(short(findings)).toEqual([{ code: 'RIG_DIVERGED', object: batchKey(first), offset: index }]);
    expect(warnings).toEqual([]);
  });

  test('of several different bytes in a batch the first is named, once', async () => {
    const journal = Buffer.from(LINES);
    journal.fill('x', 20, 30);
    const { findings } = await compare(journal);
    expect(short(findings)).toEqual([{ code: 'RIG_DIVERGED', object: batchKey(19), offset: 20 }]);
  });

  test('a missing journal is refused', async () => {
    const context = testContext((await lineArchive()).store);
    const error = await refusal(verify(context, { level: 'data', against: '/journal' }));
    expect(error).toMatchObject({ code: 'RIG_LOCAL_IO' });
  });
});
