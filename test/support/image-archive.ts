import { firstChain } from '../../src/archive/batch-header.ts';
import { LATEST_KEY } from '../../src/archive/layout.ts';
import type { SnapshotHeader } from '../../src/archive/snapshot-header.ts';
import type { Finding } from '../../src/workflows/findings.ts';
import { type VerifyLevel, type VerifyResult, verify } from '../../src/workflows/verify.ts';
import { ARCHIVE_ID, type BuiltArchive, buildArchive, objectBytes, overwrite } from './archive-builder.ts';
import { putSnapshot } from './snapshot-builder.ts';
import { testContext } from './workflow-context.ts';

export const JOURNAL = Buffer.from(Array.from({ length: 50 }, (_, index) => index + 65));
export const CUTS = [10, 20, 30, 40, 50];

export interface Image {
  readonly at: number;
  readonly of?: 'state' | 'journal';
  readonly base?: number;
  readonly header?: Partial<SnapshotHeader>;
}

/** Batches of ten bytes, and these snapshots. */
export async function archiveWith(
  images: readonly Image[],
  cuts: readonly number[] = CUTS,
): Promise<BuiltArchive> {
  const archive = await buildArchive({ journal: JOURNAL, cuts });
  for (const image of images) {
    await addImage(archive, image);
  }
  return archive;
}

export async function addImage(
  archive: BuiltArchive,
  { at, of = 'state', base, header }: Image,
): Promise<void> {
  const before = archive.headers.findLast(({ end }) => end <= at);
  const cut = { cut: before?.end ?? 0, chain: before?.chain ?? firstChain(ARCHIVE_ID) };
  const content =
    of === 'journal' ? JOURNAL.subarray(0, at) : Buffer.from(`the state at ${at}`.padEnd(40, '.'));
  await putSnapshot(archive.store, { at, content, base, pieceBytes: 10, header: { of, ...cut, ...header } });
  await overwrite(archive.store, LATEST_KEY, at.toString(16));
}

export function remove(archive: BuiltArchive, ...keys: readonly string[]): void {
  for (const key of keys) {
    archive.namespace.objects.delete(key);
  }
}

/** `where`: counted from the end when it is negative; an object's header comes first. */
export async function flip(archive: BuiltArchive, key: string, where: number, mask = 1): Promise<void> {
  const bytes = objectBytes(archive, key);
  const index = where < 0 ? bytes.length + where : where % bytes.length;
  bytes[index] = (bytes[index] ?? 0) ^ mask;
  await overwrite(archive.store, key, bytes);
}

export async function look(archive: BuiltArchive, level: VerifyLevel = 'data'): Promise<VerifyResult> {
  return verify(testContext(archive.store), { level, against: undefined });
}

/** What was found, without the messages. */
export function short(findings: readonly Finding[]) {
  return findings.map(({ code, object, offset }) => [code, object, offset]);
}

export const WHOLE = [{ from: 0, to: 50 }];
