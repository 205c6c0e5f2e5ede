import { mapInOrder } from '../kernel/concurrency.ts';
import { MIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { codecNamed } from './codec.ts';
import { damaged } from './damage.ts';
import { decompressFrame, storedBytesOf } from './frame.ts';
import { fetchGroup, groupFrames } from './frame-groups.ts';
import { IndexTally } from './index-tally.ts';
import { PieceCursor } from './piece-cursor.ts';
import { decodeLines, type IndexLine } from './snapshot-lines.ts';
import type { SnapshotChain, SnapshotHead } from './snapshot-object.ts';
import type { ResolvedPiece } from './snapshot-piece.ts';
import { TreeHash } from './tree-hash.ts';

/** Enough that turns of the loop do not count, and so few that the collector makes no more room for them. */
const PIECES_AT_A_TIME = 256;
/** Fetched with one get. */
const INDEX_GROUP_BYTES = MIB;
/** Such groups fetched or held, for each snapshot of a chain. */
const GROUPS_AHEAD = 2;

/**
 * The pieces of a snapshot's content in order, out of the indexes of its chain, some thousands at a time. Their own
 * positions in each object only ascend. Bounded memory; may be repeated.
 * @throws RigError RIG_CHECKSUM_MISMATCH with the damaged object in its details, at the end also when the pieces are
 *   not those of the footer's hash; RIG_OBJECT_NOT_FOUND when an object is gone meanwhile.
 */
export async function* resolvePieces(
  store: Store,
  chain: SnapshotChain,
  options: CallOptions = {},
): AsyncGenerator<readonly ResolvedPiece[], void, undefined> {
  const { key, footer } = chain[0];
  const hash = new TreeHash();
  for await (const pieces of resolveLevel(store, chain, options)) {
    for (const { lengthBytes, sha256 } of pieces) {
      hash.add(lengthBytes, sha256);
    }
    yield pieces;
  }
  if (hash.digest() !== footer.sha256) {
    throw damaged(key, 'its pieces do not match its SHA-256');
  }
}

/** The lines of a snapshot's own index, a frame's at a time. Errors as {@link resolvePieces}. */
export async function* readIndex(
  store: Store,
  { key, framesStart, footer }: SnapshotHead,
  options: CallOptions,
): AsyncGenerator<Iterable<IndexLine>, void, undefined> {
  const start = framesStart + storedBytesOf(footer.frames);
  const groups = groupFrames(key, footer.index, start, INDEX_GROUP_BYTES);
  const fetched = mapInOrder(groups, GROUPS_AHEAD, (group) => fetchGroup(store, group, options));
  const codec = codecNamed('zstd');
  for await (const { group, frames } of fetched) {
    for (const [index, entry] of group.entries.entries()) {
      const frame = frames[index] ?? new Uint8Array(0);
      const location = codec.locateHeader(frame);
      if (location?.contentEnd !== frame.length) {
        throw damaged(key, 'its index is not where it belongs');
      }
      const content = frame.subarray(location.contentStart);
      yield decodeLines(key, await decompressFrame(key, group.firstIndex + index, entry, content, codec));
    }
  }
}

/** As {@link resolvePieces}, without looking at the footer's hash. */
async function* resolveLevel(
  store: Store,
  chain: readonly SnapshotHead[],
  options: CallOptions,
): AsyncGenerator<readonly ResolvedPiece[], void, undefined> {
  const [head, ...others] = chain;
  if (head === undefined) {
    return;
  }
  const tally = new IndexTally(head);
  const base = new PieceCursor(resolveLevel(store, others, options));
  let pieces: ResolvedPiece[] = [];
  try {
    for await (const lines of readIndex(store, head, options)) {
      for (const line of lines) {
        let left = 0;
        if ('sha256' in line) {
          pieces.push(tally.own(line));
        } else {
          tally.ofBase(line);
          await base.skipTo(line.first);
          left = line.count;
        }
        while (left > 0 || pieces.length === PIECES_AT_A_TIME) {
          if (pieces.length === PIECES_AT_A_TIME) {
            yield pieces;
            pieces = [];
          } else {
            const taken = await base.take(Math.min(left, PIECES_AT_A_TIME - pieces.length));
            tally.resolved(taken);
            pieces.push(...taken);
            left -= taken.length;
          }
        }
      }
    }
    tally.endResolved();
  } finally {
    await base.close();
  }
  yield pieces;
}
