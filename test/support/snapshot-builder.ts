import { firstChain } from '../../src/archive/batch-header.ts';
import { snapshotKey } from '../../src/archive/layout.ts';
import { type SourcePiece, sealSnapshot } from '../../src/archive/seal-snapshot.ts';
import type { SnapshotContent, SnapshotHeader } from '../../src/archive/snapshot-header.ts';
import { resolvePieces } from '../../src/archive/snapshot-index.ts';
import { resolveChain, type SnapshotHead } from '../../src/archive/snapshot-object.ts';
import { readContent } from '../../src/archive/snapshot-reader.ts';
import { formatTime } from '../../src/kernel/clock.ts';
import { KIB } from '../../src/kernel/size.ts';
import type { Store } from '../../src/store/contract.ts';
import { ARCHIVE_ID, FIRST_OBSERVED_MS } from './archive-builder.ts';
import { collect } from './collect.ts';

/** A tree by its keys, each with its bytes; or the bytes of one file. */
export type BuiltContent = Uint8Array | ReadonlyMap<string, Uint8Array>;

export interface SnapshotPlan {
  readonly at: number;
  /** What the snapshot is of. Keys in any order; a tree's bytes are stored as they are, without tar headers. */
  readonly content: BuiltContent;
  /** Of a snapshot that is in the store: makes an increment. */
  readonly base?: number | undefined;
  readonly pieceBytes?: number;
  /** The header's other fields: by default a state of the first writer, whose cut is at 0. */
  readonly header?: Partial<SnapshotHeader>;
}

/** Puts a snapshot into a store as a pusher would; gives its head. */
export async function putSnapshot(store: Store, plan: SnapshotPlan): Promise<SnapshotHead> {
  const { at, content, base, pieceBytes = 64 * KIB } = plan;
  const kind: SnapshotContent = content instanceof Uint8Array ? 'file' : 'tar';
  const archive = plan.header?.archive ?? ARCHIVE_ID;
  const chain = base === undefined ? undefined : await resolveChain(store, base, archive);
  const header: SnapshotHeader = {
    v: 1,
    kind: 'snapshot',
    archive,
    at,
    of: 'state',
    content: kind,
    cut: 0,
    chain: firstChain(archive),
    epoch: 1,
    createdAt: formatTime(FIRST_OBSERVED_MS),
    base,
    baseSha256: chain?.[0].footer.sha256,
    ...plan.header,
  };
  const pieces = piecesOf(content, pieceBytes);
  const source = { content: kind, atMostBytes: contentBytes(content).length, open: () => copiesOf(pieces) };
  const sharing = chain && {
    header: chain[0].header,
    sha256: chain[0].footer.sha256,
    pieces: () => resolvePieces(store, chain),
  };
  const { body } = sealSnapshot(header, source, { name: 'zstd', level: 1 }, { base: sharing });
  await store.put(snapshotKey(at), body, { if: 'any' });
  const [head] = await resolveChain(store, at, archive);
  return head;
}

/** The content of the snapshot at `at`, read and checked as a restore does. */
export async function snapshotContent(store: Store, at: number, archive = ARCHIVE_ID): Promise<Buffer> {
  const chain = await resolveChain(store, at, archive);
  return Buffer.concat(await collect(readContent(store, chain)));
}

/** The bytes that a snapshot of it restores. */
export function contentBytes(content: BuiltContent): Buffer {
  return Buffer.concat(
    content instanceof Uint8Array ? [content] : inTreeOrder(content).map(([, bytes]) => bytes),
  );
}

/** Keys by their segments, so that the order is not that of the code under test. */
function inTreeOrder(tree: ReadonlyMap<string, Uint8Array>): [string, Uint8Array][] {
  const segments = (key: string) => (key === '.' ? [] : key.split('/'));
  return [...tree].sort(([left], [right]) => {
    const [ours, theirs] = [segments(left), segments(right)];
    const different = ours.findIndex((segment, index) => segment !== theirs[index]);
    const [our, their] = [ours[different], theirs[different]];
    if (our === undefined || their === undefined) {
      return ours.length - theirs.length;
    }
    return our < their ? -1 : 1;
  });
}

type BuiltPiece = { readonly bytes: Uint8Array; readonly key?: string };

function piecesOf(content: BuiltContent, pieceBytes: number): readonly BuiltPiece[] {
  const groups: readonly [string, Uint8Array][] =
    content instanceof Uint8Array ? [['', content]] : inTreeOrder(content);
  return groups.flatMap(([key, bytes]) => {
    const pieces: BuiltPiece[] = [];
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = bytes.subarray(at, at + pieceBytes);
      pieces.push(at === 0 ? { bytes: piece, key } : { bytes: piece });
    }
    return pieces;
  });
}

/** Sealing takes the bytes over. */
async function* copiesOf(pieces: readonly BuiltPiece[]): AsyncGenerator<SourcePiece, void, undefined> {
  for (const piece of pieces) {
    yield { ...piece, bytes: Buffer.from(piece.bytes) };
  }
}
