import { expect } from 'vitest';
import { batchKey } from '../../src/archive/layout.ts';
import type { SnapshotHeader, SnapshotOf } from '../../src/archive/snapshot-header.ts';
import type { SnapshotHead } from '../../src/archive/snapshot-object.ts';
import type { BuiltArchive } from './archive-builder.ts';
import { LINES, lineArchive } from './line-archive.ts';
import { type BuiltContent, putSnapshot, type SnapshotPlan } from './snapshot-builder.ts';
import type { TestContext } from './workflow-context.ts';

/** What a test's snapshot is of; the rest follows from the archive. */
export interface SnapshotWish extends Pick<SnapshotPlan, 'base'> {
  readonly at: number;
  readonly of?: SnapshotOf;
  /** By default the journal's beginning, or {@link stateAt}. */
  readonly content?: BuiltContent;
  readonly header?: Partial<SnapshotHeader>;
}

/** The state after so much of a journal, as far as a test can tell one from another. */
export function stateAt(at: number): Buffer {
  return Buffer.from(`the state at ${at}`);
}

/** Puts a snapshot that fits the archive's cuts. */
export function addSnapshot(
  { store, headers }: BuiltArchive,
  journal: Uint8Array,
  { at, of = 'state', base, content, header = {} }: SnapshotWish,
): Promise<SnapshotHead> {
  const first = headers.find((candidate) => candidate.end > at);
  const last = headers.at(-1);
  const [cut, chain] = first === undefined ? [last?.end ?? 0, last?.chain] : [first.first, first.prev];
  return putSnapshot(store, {
    at,
    base,
    content: content ?? (of === 'journal' ? journal.subarray(0, at) : stateAt(at)),
    pieceBytes: 16,
    header: { of, cut, ...(chain === undefined ? {} : { chain }), ...header },
  });
}

/** The lines, in batches [0,8), [8,19), [19,34), with these snapshots. */
export async function archiveWith(...wishes: readonly SnapshotWish[]): Promise<BuiltArchive> {
  const archive = await lineArchive();
  for (const wish of wishes) {
    await addSnapshot(archive, LINES, wish);
  }
  return archive;
}

/** Removes batches, as a prune would. */
export function forget({ namespace }: BuiltArchive, ...firsts: readonly number[]): void {
  for (const first of firsts) {
    namespace.objects.delete(batchKey(first));
  }
}

/** A restore of this offset. */
export const offsetOf = (offset: number) => ({ at: { kind: 'offset', offset } }) as const;

/** What a file holds now. */
export function contents({ fileSystem }: TestContext, path = '/out'): string {
  return fileSystem.contentOf(path).toString();
}

/** A restored state, and the journal after it. */
export function expectState(context: TestContext, base: number, offset: number): void {
  expect(contents(context)).toBe(stateAt(base).toString());
  expect(contents(context, '/out.journal')).toBe(LINES.toString().slice(base, offset));
}
