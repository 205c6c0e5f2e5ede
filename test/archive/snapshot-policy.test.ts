import { describe, expect, it } from 'vitest';
import { firstChain } from '../../src/archive/batch-header.ts';
import type { SnapshotHeader } from '../../src/archive/snapshot-header.ts';
import { CHAIN_LIMIT, chooseSnapshot, type PastSnapshot } from '../../src/archive/snapshot-policy.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';

const NEXT = { at: 1_000, of: 'state', content: 'tar' } as const;

function past(
  at: number,
  storedBytes: number,
  base?: number,
  kind: Partial<SnapshotHeader> = {},
): PastSnapshot {
  const header: SnapshotHeader = {
    v: 1,
    kind: 'snapshot',
    archive: ARCHIVE_ID,
    at,
    of: 'state',
    content: 'tar',
    cut: 0,
    chain: firstChain(ARCHIVE_ID),
    epoch: 1,
    createdAt: '2026-11-21T10:32:07.000Z',
    ...(base === undefined ? {} : { base, baseSha256: sha256(String(base)) }),
    ...kind,
  };
  return { at, storedBytes, header };
}

/** A full snapshot and increments, each on the one before it. */
function chainOf(fullBytes: number, ...incrementBytes: number[]): PastSnapshot[] {
  return [fullBytes, ...incrementBytes].map((bytes, index) =>
    past(10 + index, bytes, index === 0 ? undefined : 9 + index),
  );
}

describe('full or increment', () => {
  it.each([
    { incrementBytes: 50, chosen: 'increment' },
    { incrementBytes: 51, chosen: 'full' },
    { incrementBytes: 200, chosen: 'full' },
    { incrementBytes: 201, chosen: 'full' },
    { incrementBytes: 202, chosen: 'full' },
  ])('at the default ratio: after a full one of 100 and $incrementBytes in increments, $chosen', (row) => {
    expect(chooseSnapshot(NEXT, chainOf(100, row.incrementBytes)).kind).toBe(row.chosen);
  });

  it.each([
    { incrementBytes: 50, chosen: 'increment' },
    { incrementBytes: 51, chosen: 'increment' },
    { incrementBytes: 200, chosen: 'increment' },
    { incrementBytes: 201, chosen: 'full' },
    { incrementBytes: 202, chosen: 'full' },
  ])('at ratio 2: after a full one of 100 and $incrementBytes in increments, $chosen', (row) => {
    expect(chooseSnapshot(NEXT, chainOf(100, row.incrementBytes), 2).kind).toBe(row.chosen);
  });

  it('counts the increments together', () => {
    expect(chooseSnapshot(NEXT, chainOf(100, 20, 20, 10))).toEqual({ kind: 'increment', base: 13 });
    expect(chooseSnapshot(NEXT, chainOf(100, 20, 20, 11))).toEqual({
      kind: 'full',
      why: 'the increments since the one at 10 (0xa) are more than 0.5 of its size',
    });
  });

  it('begins with a full one', () => {
    expect(chooseSnapshot(NEXT, [])).toEqual({ kind: 'full', why: 'there is no earlier one to build on' });
  });

  it('counts nothing that lies below the last full one', () => {
    const stale = [past(1, 100), past(2, 900, 1), past(3, 900, 2)];
    expect(chooseSnapshot(NEXT, [...stale, past(10, 100), past(11, 50, 10)])).toEqual({
      kind: 'increment',
      base: 11,
    });
  });

  it('builds on nothing that lies beyond it', () => {
    expect(chooseSnapshot({ ...NEXT, at: 11 }, chainOf(100, 1, 1))).toEqual({ kind: 'increment', base: 10 });
    expect(chooseSnapshot({ ...NEXT, at: 10 }, chainOf(100, 1, 1)).kind).toBe('full');
  });

  it.each([
    ['of', { of: 'journal' }],
    ['content', { content: 'file' }],
  ] as const)('builds on nothing of another %s', (_what, other) => {
    expect(chooseSnapshot(NEXT, [past(10, 100, undefined, other)]).kind).toBe('full');
    const older = past(9, 100);
    expect(chooseSnapshot(NEXT, [older, past(10, 100, undefined, other)])).toEqual({
      kind: 'increment',
      base: 9,
    });
    // A base that is not of the same kind is no base, whatever the increment says.
    expect(chooseSnapshot(NEXT, [past(9, 100, undefined, other), past(10, 1, 9)]).kind).toBe('full');
  });

  it('is full after damage, at whichever place of the chain', () => {
    for (const damagedAt of [10, 11, 12]) {
      const chain = chainOf(100, 1, 1).map((each) =>
        each.at === damagedAt ? { ...each, header: undefined } : each,
      );
      expect(chooseSnapshot(NEXT, chain)).toEqual({
        kind: 'full',
        why: 'the one before it, at 12 (0xc), is damaged or lacks its base',
      });
    }
  });

  it('is full after a base that is missing, and after headers that go round in a circle', () => {
    expect(chooseSnapshot(NEXT, chainOf(100, 1, 1).toSpliced(1, 1)).kind).toBe('full');
    expect(chooseSnapshot(NEXT, [past(10, 100, 11), past(11, 1, 10)]).kind).toBe('full');
  });

  it('builds on the full one after the damage', () => {
    const damaged = { ...past(9, 1), header: undefined };
    expect(chooseSnapshot(NEXT, [past(8, 100), damaged, past(10, 100)])).toEqual({
      kind: 'increment',
      base: 10,
    });
  });

  it('lets a chain have 16 objects and no more', () => {
    const increments = (count: number) => Array.from({ length: count }, () => 1);
    expect(CHAIN_LIMIT).toBe(16);
    expect(chooseSnapshot(NEXT, chainOf(100, ...increments(14)))).toEqual({ kind: 'increment', base: 24 });
    expect(chooseSnapshot(NEXT, chainOf(100, ...increments(15)))).toEqual({
      kind: 'full',
      why: 'the last full one, at 10 (0xa), has 15 increments already',
    });
  });
});
