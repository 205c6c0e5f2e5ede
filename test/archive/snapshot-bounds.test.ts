import { zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { frameEntry } from '../../src/archive/frame.ts';
import { snapshotKey } from '../../src/archive/layout.ts';
import { readSnapshotHead, readSnapshotHeader } from '../../src/archive/snapshot-object.ts';
import { auditOwn } from '../../src/archive/snapshot-reader.ts';
import { KIB, MIB } from '../../src/kernel/size.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { overwrite } from '../support/archive-builder.ts';
import { refusal } from '../support/line-archive.ts';
import { ScriptedStore } from '../support/scripted-store.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { putSnapshot, snapshotContent } from '../support/snapshot-builder.ts';
import { footerFrame, takeApart } from '../support/snapshot-mutations.ts';
import { contentOf } from '../support/store-bytes.ts';

const KEY = snapshotKey(1);
const CONTENT = Buffer.alloc(MIB, 'content');

const store = new ScriptedStore(openMemoryStore(createMemoryNamespace(), new SimulatedClock()));
await putSnapshot(store, { at: 1, content: CONTENT });
const original = (await contentOf(store, KEY)) ?? expect.fail('it is there');

/** What readers were given of this object until they refused it. */
async function givenBytes(object: Buffer, read: () => Promise<unknown>): Promise<number> {
  await overwrite(store, KEY, object);
  let bytes = 0;
  store.script.get = async (_key, proceed) => {
    const stored = await proceed();
    const counted = async function* () {
      for await (const chunk of stored?.body ?? []) {
        bytes += chunk.length;
        yield chunk;
      }
    };
    return stored && { ...stored, body: counted() };
  };
  expect(await refusal(read())).toMatchObject({ kind: 'data', details: { object: KEY } });
  delete store.script.get;
  return bytes;
}

describe('a snapshot that claims too much is refused, and no more than its ends read:', () => {
  test.each([0xffff_ffff, 0x8000_0000, 16 * KIB + 5, 0])('a header of %i bytes', async (claimed) => {
    const object = Buffer.concat([original, Buffer.alloc(MIB)]);
    object.writeUInt32LE(claimed, 4);
    expect(await givenBytes(object, () => readSnapshotHeader(store, KEY))).toBeLessThanOrEqual(32 * KIB);
    expect(await givenBytes(object, () => readSnapshotHead(store, KEY))).toBeLessThanOrEqual(32 * KIB);
  });

  test.each([2n ** 64n - 1n, 2n ** 53n, 2n ** 53n - 1n, 2n ** 32n, 64n * 2n ** 20n + 1n, 23n, 0n])(
    'a footer of %i bytes',
    async (claimed) => {
      const object = Buffer.concat([original.subarray(0, -16), Buffer.alloc(MIB), original.subarray(-16)]);
      object.writeBigUInt64LE(claimed, object.length - 16);
      expect(await givenBytes(object, () => readSnapshotHead(store, KEY))).toBeLessThanOrEqual(128 * KIB);
    },
  );
});

test('a frame that says 1 MiB and gives 1 GiB takes 1 MiB', async () => {
  const { start, index, footer } = takeApart(original);
  const ownBytes = footer.frames.reduce((total, [, storedBytes]) => total + storedBytes, 0);
  const bomb = zstdCompressSync(Buffer.alloc(1024 * MIB));
  const json = JSON.stringify({ ...footer, frames: [frameEntry(MIB, bomb)] });
  const parts = [start.subarray(0, -ownBytes), bomb, index, footerFrame(Buffer.from(json))];
  await overwrite(store, KEY, Buffer.concat(parts));
  const before = process.resourceUsage().maxRSS;
  const head = (await readSnapshotHead(store, KEY)) ?? expect.fail('it is there');
  for (const read of [() => auditOwn(store, head), () => snapshotContent(store, 1)]) {
    expect(await refusal(read())).toMatchObject({ kind: 'data', details: { object: KEY } });
  }
  expect((process.resourceUsage().maxRSS - before) * KIB).toBeLessThan(64 * MIB);
});
