import { describe, expect, it } from 'vitest';
import { isRigError } from '../../src/kernel/errors.ts';
import { KIB } from '../../src/kernel/size.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { PutBody, Store } from '../../src/store/contract.ts';
import { contentOf, keysOf, someBytes, streamOf, textOf } from '../support/store-bytes.ts';
import { MIDDLE_BYTES, type StoreSuite } from './store-suite.ts';

const ABSENT = { if: 'absent' } as const;
const ANY = { if: 'any' } as const;

export function describeWriting(suite: StoreSuite): void {
  describeBodies(suite);
  describeCreateOnly(suite);
  describeReplacing(suite);
  describeDeleting(suite);
}

function describeBodies({ store, another, largeBodyBytes }: StoreSuite): void {
  describe('bodies', () => {
    it('shows a put at once to every client, in get, head and list', async () => {
      const other = await another();
      await store().put('seen', bodyOf('now'), ABSENT);
      expect(await textOf(other, 'seen')).toBe('now');
      expect(await other.head('seen')).toMatchObject({ sizeBytes: 3 });
      expect(await keysOf(other)).toEqual(['seen']);
    });

    it('reads a body from its beginning each time, and stores all its chunks in order', async () => {
      const bytes = someBytes(MIDDLE_BYTES);
      const body = streamOf(bytes, 7_001, bytes.length);
      await store().put('first', body, ABSENT);
      await store().put('second', body, ANY);
      expect(body.opened).toBeGreaterThanOrEqual(2);
      for (const key of ['first', 'second']) {
        expect(bytes.equals((await contentOf(store(), key)) ?? Buffer.alloc(0)), key).toBe(true);
      }
    });

    it.for([0, 1, MIDDLE_BYTES])('stores a stream of unknown length: %i bytes', async (lengthBytes) => {
      const bytes = someBytes(lengthBytes);
      await store().put('stream', streamOf(bytes, 5 * KIB, undefined), ANY);
      expect(bytes.equals((await contentOf(store(), 'stream')) ?? Buffer.alloc(1))).toBe(true);
    });

    it('stores a large stream of unknown length', async () => {
      const bytes = someBytes(largeBodyBytes);
      await store().put('large', streamOf(bytes, 100 * KIB, undefined), ANY);
      expect(await store().head('large')).toMatchObject({ sizeBytes: largeBodyBytes });
      expect(bytes.equals((await contentOf(store(), 'large')) ?? Buffer.alloc(0))).toBe(true);
    });

    it.for(['absent', 'any'] as const)(
      'stores nothing of a body that fails midway (if: %s)',
      async (condition) => {
        const failure = new Error('the source is gone');
        const body: PutBody = {
          lengthBytes: undefined,
          async *open() {
            yield someBytes(MIDDLE_BYTES);
            throw failure;
          },
        };
        await expect(store().put('broken', body, { if: condition })).rejects.toBe(failure);
        expect(await store().head('broken')).toBeUndefined();
        expect(await keysOf(store())).toEqual([]);
      },
    );
  });
}

function describeCreateOnly({ store, another, largeBodyBytes, vagueLosers }: StoreSuite): void {
  describe('create-only (capability createOnly)', () => {
    it('creates an object once and changes nothing the second time', async ({ skip }) => {
      skip(!store().capabilities.createOnly, 'this store has no create-only put');
      await store().put('LOG/0', bodyOf('first'), ABSENT);
      const before = await store().head('LOG/0');
      for (const client of [store(), await another()]) {
        await expect(client.put('LOG/0', bodyOf('second'), ABSENT)).rejects.toMatchObject({
          code: 'RIG_OBJECT_EXISTS',
        });
      }
      expect(await textOf(store(), 'LOG/0')).toBe('first');
      expect(await store().head('LOG/0')).toMatchObject({ version: before?.version });
      expect(await keysOf(store())).toEqual(['LOG/0']);
    });

    it('creates an object again after it was deleted', async ({ skip }) => {
      skip(!store().capabilities.createOnly, 'this store has no create-only put');
      await store().put('again', bodyOf('one'), ABSENT);
      await store().delete(['again']);
      await store().put('again', bodyOf('two'), ABSENT);
      expect(await textOf(store(), 'again')).toBe('two');
    });

    it('lets exactly one of many at the same time win, and stores the winner', async ({ skip }) => {
      skip(!store().capabilities.createOnly, 'this store has no create-only put');
      await race([store(), await another()], 'WRITER/0000000000000001', 1_000, vagueLosers);
    });

    it('does the same for large bodies (capability multipartCreateOnly)', async ({ skip }) => {
      skip(!store().capabilities.multipartCreateOnly, 'this store has no create-only multipart upload');
      await race([store(), await another()], 'SNAPSHOT/0', largeBodyBytes, vagueLosers, 2);
    });
  });
}

/** Many puts of one key at once, from several clients. */
async function race(
  clients: readonly Store[],
  key: string,
  lengthBytes: number,
  vagueLosers: boolean,
  each = 8,
): Promise<void> {
  const puts = clients.flatMap((client, at) =>
    Array.from({ length: each }, (_, time) => {
      const content = Buffer.alloc(lengthBytes, `${at}.${time} `);
      return { client, content, body: streamOf(content, 64 * KIB, undefined) };
    }),
  );
  const outcomes = await Promise.allSettled(puts.map(({ client, body }) => client.put(key, body, ABSENT)));
  const winners = puts.filter((_, at) => outcomes[at]?.status === 'fulfilled');
  expect(winners).toHaveLength(1);
  for (const outcome of outcomes.filter(({ status }) => status === 'rejected')) {
    const { reason } = outcome as PromiseRejectedResult;
    const lost = isRigError(reason, 'RIG_OBJECT_EXISTS');
    expect(lost || (vagueLosers && isRigError(reason, 'RIG_STORE_UNAVAILABLE')), String(reason)).toBe(true);
  }
  const stored = await contentOf(clients[0] as Store, key);
  expect(winners[0]?.content.equals(stored ?? Buffer.alloc(0))).toBe(true);
  for (const client of clients) {
    await expect(client.put(key, bodyOf('late'), ABSENT)).rejects.toMatchObject({
      code: 'RIG_OBJECT_EXISTS',
    });
  }
}

function describeReplacing({ store, another }: StoreSuite): void {
  describe('replacing (capability replace)', () => {
    it('replaces an object and its version', async ({ skip }) => {
      skip(!store().capabilities.replace, 'this store cannot replace an object');
      await store().put('LATEST', bodyOf('1'), ABSENT);
      const before = await store().head('LATEST');
      await store().put('LATEST', bodyOf('48e'), ANY);
      expect(await textOf(await another(), 'LATEST')).toBe('48e');
      expect((await store().head('LATEST'))?.version).not.toBe(before?.version);
      expect(await keysOf(store())).toEqual(['LATEST']);
    });

    it('never shows a reader anything but one whole version', async ({ skip }) => {
      skip(!store().capabilities.replace, 'this store cannot replace an object');
      const [versions, readers] = [12, 3];
      const reader = await another();
      const version = (number: number) => Buffer.alloc(MIDDLE_BYTES + number * 1_000, number);
      await store().put('LATEST', bodyOf(version(0)), ANY);
      let writing = true;
      const write = async () => {
        for (let number = 1; number <= versions; number += 1) {
          await store().put('LATEST', streamOf(version(number), 64 * KIB, undefined), ANY);
        }
        writing = false;
      };
      const read = async () => {
        do {
          const whole = await wholeUnlessReplaced(reader, 'LATEST');
          expect(whole === undefined || version(whole[0] ?? 0).equals(whole)).toBe(true);
        } while (writing);
      };
      await Promise.all([write(), ...Array.from({ length: readers }, read)]);
      expect((await contentOf(reader, 'LATEST'))?.equals(version(versions))).toBe(true);
    });
  });
}

/** A reader whose connection broke may hear that the object was replaced meanwhile; it is told, not misled. */
async function wholeUnlessReplaced(store: Store, key: string): Promise<Buffer | undefined> {
  try {
    return await contentOf(store, key);
  } catch (error) {
    expect(isRigError(error, 'RIG_STORE_UNAVAILABLE'), String(error)).toBe(true);
    return undefined;
  }
}

function describeDeleting({ store, another }: StoreSuite): void {
  describe('deleting', () => {
    it('removes the keys named and no others', async () => {
      for (const key of ['LOG/1', 'LOG/11', 'LOG/2', 'LOG-1']) {
        await store().put(key, bodyOf(key), ANY);
      }
      await store().delete(['LOG/1', 'LOG/2']);
      expect(await store().get('LOG/1')).toBeUndefined();
      expect(await store().head('LOG/2')).toBeUndefined();
      expect(await keysOf(await another())).toEqual(['LOG-1', 'LOG/11']);
    });

    it('takes keys that are not there, none at all, one twice, and repetition', async () => {
      await store().put('only', bodyOf('x'), ANY);
      await store().delete([]);
      await store().delete(['absent', 'no/such/directory']);
      expect(await keysOf(store())).toEqual(['only']);
      await store().delete(['only', 'absent', 'only']);
      await store().delete(['only']);
      expect(await keysOf(store())).toEqual([]);
    });
  });
}
