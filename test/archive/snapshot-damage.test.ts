import { zstdCompressSync } from 'node:zlib';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { frameEntry } from '../../src/archive/frame.ts';
import { snapshotKey } from '../../src/archive/layout.ts';
import { readSnapshotHead, readSnapshotHeader, resolveChain } from '../../src/archive/snapshot-object.ts';
import { CHAIN_LIMIT } from '../../src/archive/snapshot-policy.ts';
import { auditOwn } from '../../src/archive/snapshot-reader.ts';
import { crc32 } from '../../src/kernel/digest.ts';
import { KIB, MIB } from '../../src/kernel/size.ts';
import type { Store } from '../../src/store/contract.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { ARCHIVE_ID, OTHER_ARCHIVE_ID, overwrite, withHeader } from '../support/archive-builder.ts';
import { OFTEN, orRefusal } from '../support/fuzzing.ts';
import { refusal } from '../support/line-archive.ts';
import { byteMutation } from '../support/mutations.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { putSnapshot, snapshotContent } from '../support/snapshot-builder.ts';
import {
  footerFrame,
  skippable,
  snapshotMutation,
  takeApart,
  withFooter,
  withIndex,
} from '../support/snapshot-mutations.ts';
import { contentOf, someBytes } from '../support/store-bytes.ts';

const TREE = new Map(
  ['.', 'a', 'a/b', 'a/c', 'd'].map((key, index) => [key, someBytes(6 + 5 * index, index + 1)]),
);
const CHANGED = new Map([...TREE, ['a/b', someBytes(30, 77)], ['e', someBytes(9, 78)]]);
const FULL = snapshotKey(1);
const INCREMENT = snapshotKey(2);
const KEYS = [FULL, INCREMENT];

function emptyStore(): Store {
  return openMemoryStore(createMemoryNamespace(), new SimulatedClock());
}

/** A full snapshot at 1 and an increment at 2. */
async function builtStore(): Promise<Store> {
  const store = emptyStore();
  await putSnapshot(store, { at: 1, content: TREE, pieceBytes: 8 });
  await putSnapshot(store, { at: 2, content: CHANGED, base: 1, pieceBytes: 8 });
  return store;
}

async function objectOf(store: Store, key: string): Promise<Buffer> {
  return (await contentOf(store, key)) ?? expect.fail(`${key} is there`);
}

const built = await builtStore();
const objects = new Map(
  await Promise.all(KEYS.map(async (key) => [key, await objectOf(built, key)] as const)),
);
const original = (key: string) => objects.get(key) ?? expect.fail(`${key} is there`);
const CONTENTS = [await snapshotContent(built, 1), await snapshotContent(built, 2)];

/** The two, one of them with other bytes. */
async function storeWith(key: string, bytes: Uint8Array): Promise<Store> {
  const store = emptyStore();
  for (const present of KEYS) {
    await overwrite(store, present, present === key ? bytes : original(present));
  }
  return store;
}

/** Everything that looks at one object. */
async function audit(store: Store, key: string): Promise<'found nothing'> {
  await readSnapshotHeader(store, key);
  const head = await readSnapshotHead(store, key);
  await auditOwn(store, head ?? expect.fail('it is there'));
  return 'found nothing';
}

/** What is restored must be the content, or nothing. */
async function checkRestores(store: Store): Promise<void> {
  for (const [index, content] of CONTENTS.entries()) {
    const restored = await orRefusal(snapshotContent(store, index + 1), 'data');
    expect((restored ?? content).equals(content)).toBe(true);
  }
}

const hostile = snapshotMutation([...objects.values()]);
const key = fc.constantFrom(...KEYS);

describe('a snapshot object', () => {
  test.each(KEYS)('%s is audited, and every bit of it that flips is found', async (flipped) => {
    expect(await audit(built, flipped)).toBe('found nothing');
    const object = original(flipped);
    for (let bit = 0; bit < object.length * 8; bit += 1) {
      const bytes = Buffer.from(object);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(
        await orRefusal(audit(await storeWith(flipped, bytes), flipped), 'data'),
        `bit ${bit}`,
      ).toBeUndefined();
    }
  });

  test.prop([key, byteMutation([...objects.values()])], OFTEN)(
    'with other bytes is found, and is not restored as something else',
    async (changed, mutate) => {
      const bytes = mutate(original(changed));
      const store = await storeWith(changed, bytes);
      const found = await orRefusal(audit(store, changed), 'data');
      expect(found).toBe(bytes.equals(original(changed)) ? 'found nothing' : undefined);
      await checkRestores(store);
    },
  );

  test.prop([key, hostile], OFTEN)(
    'made up with the right checksums is read or refused, and is not restored as something else',
    async (changed, mutate) => {
      const store = await storeWith(changed, mutate(original(changed)));
      await orRefusal(audit(store, changed), 'data');
      await checkRestores(store);
    },
  );

  test.each<[string, string]>([
    ['a piece that is longer than a frame', `[1048577,"${'A'.repeat(43)}","."]\n`],
    ['an empty piece', `[0,"${'A'.repeat(43)}","."]\n`],
    ['pieces that nobody has', '[0,9007199254740991]\n'],
    ['pieces beyond all numbers', '[9007199254740991,9007199254740991]\n'],
    ['a first piece without a key', `[6,"${'A'.repeat(43)}"]\n`],
    ['a key that is no path', `[6,"${'A'.repeat(43)}","\u0100"]\n`],
    ['a line without end', `[6,"${'A'.repeat(43)}","."]`],
  ])('with an index of %s is damaged', async (_title, line) => {
    for (const changed of KEYS) {
      const store = await storeWith(
        changed,
        withIndex(original(changed), () => Buffer.from(line)),
      );
      const at = KEYS.indexOf(changed) + 1;
      expect(await refusal(snapshotContent(store, at))).toMatchObject({
        kind: 'data',
        details: { object: changed },
      });
    }
  });

  test.each<[string, RegExp, string, string]>([
    ['keys that are not in order', /keys are not in order/, '"a/b"', '"zz"'],
    ['a key that a tree does not have', /a key cannot be/, '"."', '""'],
    ['pieces of a base that it does not have', /a base that it does not have/, '"."]\n', '"."]\n[0,1]\n'],
  ])('with an index of %s is damaged, although its content is right', async (_title, problem, from, to) => {
    const bytes = withIndex(original(FULL), (text) => Buffer.from(text.toString().replace(from, () => to)));
    const store = await storeWith(FULL, bytes);
    for (const read of [audit(store, FULL), snapshotContent(store, 1)]) {
      const error = await refusal(read);
      expect(error).toMatchObject({ kind: 'data', details: { object: FULL } });
      expect(error?.message).toMatch(problem);
    }
  });

  test.each<[string, RegExp, string]>([
    ['one of them twice', /not in order/, '[0,1]\n[0,1]\n'],
    ['the end of another file', /belongs to another key/, '[0,1]\n[2,1]\n'],
    ['more than there are', /does not have/, '[0,1]\n[1,99]\n'],
  ])('that shares %s is damaged', async (_title, problem, lines) => {
    const bytes = withIndex(original(INCREMENT), (text) =>
      Buffer.from(text.toString().replace(/^\[0,\d+\]\n/, lines)),
    );
    const error = await refusal(snapshotContent(await storeWith(INCREMENT, bytes), 2));
    expect(error).toMatchObject({ code: 'RIG_CHECKSUM_MISMATCH', details: { object: INCREMENT } });
    expect(error?.message).toMatch(problem);
  });

  test.each<[string, RegExp, string, object]>([
    ['a full one that says it has more bytes', /all bytes of its content/, FULL, { bytes: 1_000 }],
    ['a full one that says it has more pieces', /as many pieces/, FULL, { pieces: 14 }],
    ['an increment that says it has more pieces', /as many pieces/, INCREMENT, { pieces: 99 }],
  ])('%s is damaged', async (_title, problem, changed, changes) => {
    const bytes = withFooter(original(changed), (json) =>
      Buffer.from(JSON.stringify({ ...JSON.parse(json.toString()), ...changes })),
    );
    const error = await refusal(audit(await storeWith(changed, bytes), changed));
    expect(error?.message).toMatch(problem);
  });

  test('that shares less or more than it says is damaged', async () => {
    for (const more of [-1, 1]) {
      const bytes = withFooter(original(INCREMENT), (json) => {
        const footer = JSON.parse(json.toString());
        return Buffer.from(JSON.stringify({ ...footer, bytes: footer.bytes + more }));
      });
      const error = await refusal(snapshotContent(await storeWith(INCREMENT, bytes), 2));
      expect(error).toMatchObject({ code: 'RIG_CHECKSUM_MISMATCH', details: { object: INCREMENT } });
      expect(error?.message).toMatch(/do not add up/);
    }
  });

  test('that has own bytes which no piece is made of is damaged, also without its base', async () => {
    const bytes = withIndex(original(INCREMENT), (text) =>
      Buffer.from(text.toString().replace(/\[1,"[^"]+"\]\n$/, '[90,1]\n')),
    );
    const error = await refusal(audit(await storeWith(INCREMENT, bytes), INCREMENT));
    expect(error?.message).toMatch(/own pieces do not add up/);
  });

  test('whose index would not be skipped by a decoder is damaged', async () => {
    const { start, index, footer } = takeApart(original(FULL));
    const shorter = Buffer.from(index);
    shorter.writeUInt32LE(shorter.readUInt32LE(4) - 4, 4);
    const entry = [footer.index[0]?.[0], shorter.length, crc32(shorter)];
    const json = Buffer.from(JSON.stringify({ ...footer, index: [entry] }));
    const store = await storeWith(FULL, Buffer.concat([start, shorter, footerFrame(json)]));
    for (const read of [audit(store, FULL), snapshotContent(store, 1)]) {
      expect(await refusal(read)).toMatchObject({ kind: 'data', details: { object: FULL } });
    }
  });

  test('whose frame holds other bytes, its checksums right, is damaged', async () => {
    const { start, index, footer } = takeApart(original(FULL));
    const [[bytes, storedBytes] = [0, 0]] = footer.frames;
    const other = zstdCompressSync(someBytes(bytes, 99));
    const json = JSON.stringify({ ...footer, frames: [frameEntry(bytes, other)] });
    const parts = [start.subarray(0, -storedBytes), other, index, footerFrame(Buffer.from(json))];
    const store = await storeWith(FULL, Buffer.concat(parts));
    for (const read of [audit(store, FULL), snapshotContent(store, 1), snapshotContent(store, 2)]) {
      const error = await refusal(read);
      expect(error).toMatchObject({ code: 'RIG_CHECKSUM_MISMATCH', details: { object: FULL, frame: 0 } });
    }
  });

  test('of more than it says is damaged, and no more of it is unpacked', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(256 * MIB));
    const { start, footer } = takeApart(original(FULL));
    const stored = skippable(bomb);
    const json = { ...footer, index: [[MIB, stored.length, crc32(stored)]] };
    const store = await storeWith(
      FULL,
      Buffer.concat([start, stored, footerFrame(Buffer.from(JSON.stringify(json)))]),
    );
    const before = process.resourceUsage().maxRSS;
    expect(await refusal(audit(store, FULL))).toMatchObject({ kind: 'data', details: { object: FULL } });
    expect((process.resourceUsage().maxRSS - before) * KIB).toBeLessThan(64 * MIB);
  });

  test('with a footer of 5 GiB is refused before anything is held', async () => {
    const bytes = Buffer.from(original(FULL));
    bytes.writeBigUInt64LE(5n * 1024n ** 3n, bytes.length - 16);
    expect(await refusal(audit(await storeWith(FULL, bytes), FULL))).toMatchObject({ kind: 'data' });
  });
});

describe('a chain of snapshots', () => {
  test('whose base is missing names the base', async () => {
    const store = await builtStore();
    await store.delete([FULL]);
    expect(await refusal(resolveChain(store, 2, ARCHIVE_ID))).toMatchObject({
      code: 'RIG_CHAIN_GAP',
      details: { object: FULL, neededBy: INCREMENT },
    });
    expect(await refusal(resolveChain(store, 1, ARCHIVE_ID))).toMatchObject({ code: 'RIG_OBJECT_NOT_FOUND' });
  });

  test('whose base is another one names the increment', async () => {
    const store = await builtStore();
    await putSnapshot(store, { at: 1, content: CHANGED, pieceBytes: 8 });
    expect(await refusal(resolveChain(store, 2, ARCHIVE_ID))).toMatchObject({
      code: 'RIG_CHECKSUM_MISMATCH',
      details: { object: INCREMENT, base: FULL },
    });
  });

  test('whose base is damaged names the base, and the increment is whole by itself', async () => {
    const bytes = Buffer.from(original(FULL));
    const at = takeApart(bytes).start.length - 3;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    const store = await storeWith(FULL, bytes);
    expect(await refusal(snapshotContent(store, 2))).toMatchObject({ details: { object: FULL } });
    expect(await audit(store, INCREMENT)).toBe('found nothing');
  });

  test.each<[string, object]>([
    ['of another archive', { archive: OTHER_ARCHIVE_ID }],
    ['of another offset than its name', { at: 3 }],
    ['of a later version', { v: 2 }],
  ])('%s is refused', async (_title, changes) => {
    const store = await storeWith(FULL, withHeader(original(FULL), { ...changes }));
    expect(await refusal(resolveChain(store, 1, ARCHIVE_ID))).toMatchObject({
      kind: 'data',
      details: { object: FULL },
    });
  });

  test('that comes back to where it was is refused at once', async () => {
    const store = await storeWith(INCREMENT, withHeader(original(INCREMENT), { base: 2 }));
    const error = await refusal(resolveChain(store, 2, ARCHIVE_ID));
    expect(error?.message).toMatch(/not an earlier snapshot/);
  });

  test('that a prune takes while it is read is gone, and not damaged', async () => {
    const store = emptyStore();
    await putSnapshot(store, { at: 1, content: Buffer.from('one') });
    await putSnapshot(store, { at: 2, content: Buffer.from('two'), base: 1 });
    const pruning: Store = {
      ...store,
      head: (key, options) => store.head(key, options),
      get: async (key, options) => {
        if (key === snapshotKey(1)) {
          await store.delete([snapshotKey(2), snapshotKey(1)]);
        }
        return store.get(key, options);
      },
    };
    expect(await refusal(resolveChain(pruning, 2, ARCHIVE_ID))).toMatchObject({
      code: 'RIG_OBJECT_NOT_FOUND',
      details: { object: snapshotKey(2) },
    });
  });

  test('is bounded', async () => {
    const store = emptyStore();
    for (let at = 1; at <= CHAIN_LIMIT + 1; at += 1) {
      const base = at === 1 ? undefined : at - 1;
      const put = putSnapshot(store, { at, content: Buffer.from(`number ${at}`), base });
      if (at <= CHAIN_LIMIT) {
        expect((await put).header.base).toBe(base);
        expect((await snapshotContent(store, at)).toString()).toBe(`number ${at}`);
      } else {
        expect(await refusal(put)).toMatchObject({ kind: 'data', details: { object: snapshotKey(at) } });
      }
    }
  });
});
