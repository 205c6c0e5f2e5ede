import type { CallOptions, Store } from '../store/contract.ts';
import { damaged } from './damage.ts';
import { IndexTally } from './index-tally.ts';
import { allFrames, neededFrames, OwnBytes } from './own-bytes.ts';
import { readIndex, resolvePieces } from './snapshot-index.ts';
import type { SnapshotChain, SnapshotHead } from './snapshot-object.ts';
import { TreeHash } from './tree-hash.ts';

/**
 * The content of a snapshot in order, in chunks of at most 1 MiB that match every checksum there is for them. The last
 * one comes only once the whole content matches the footer's hash. Fetches several ranges at a time, within bounded
 * memory, and nothing of a base that the snapshot does not share. May be repeated.
 * @throws RigError RIG_CHECKSUM_MISMATCH with the damaged object in its details; RIG_OBJECT_NOT_FOUND when one is gone
 *   since its header was read.
 */
export async function* readContent(
  store: Store,
  chain: SnapshotChain,
  options: CallOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const groups =
    chain.length === 1
      ? allFrames(chain[0])
      : await neededFrames(chain, resolvePieces(store, chain, options));
  const own = new OwnBytes(store, chain, groups, options);
  let chunk: Uint8Array = new Uint8Array(0);
  try {
    for await (const pieces of resolvePieces(store, chain, options)) {
      for (const piece of pieces) {
        const bytes = await own.read(piece);
        const longer = join(chunk, bytes);
        if (longer === undefined && chunk.length > 0) {
          yield chunk;
        }
        chunk = longer ?? bytes;
      }
    }
  } finally {
    await own.close();
  }
  if (chunk.length > 0) {
    yield chunk;
  }
}

/**
 * Reads every stored byte of one snapshot object and checks all that can be checked without its base. Within bounded
 * memory; may be repeated.
 * @throws RigError RIG_CHECKSUM_MISMATCH for the first damage found; RIG_OBJECT_NOT_FOUND when the object is gone.
 */
export async function auditOwn(store: Store, head: SnapshotHead, options: CallOptions = {}): Promise<void> {
  const own = new OwnBytes(store, [head], allFrames(head), options);
  const tally = new IndexTally(head);
  const hash = new TreeHash();
  try {
    for await (const lines of readIndex(store, head, options)) {
      for (const line of lines) {
        if ('sha256' in line) {
          hash.add(line.lengthBytes, line.sha256);
          await own.read(tally.own(line));
        } else {
          tally.ofBase(line);
        }
      }
    }
  } finally {
    await own.close();
  }
  tally.endOwn();
  if (head.header.base === undefined && hash.digest() !== head.footer.sha256) {
    throw damaged(head.key, 'its pieces do not match its SHA-256');
  }
}

/** Both as one view, where they lie next to each other in memory. */
function join(left: Uint8Array, right: Uint8Array): Uint8Array | undefined {
  const adjoin = left.buffer === right.buffer && left.byteOffset + left.length === right.byteOffset;
  return adjoin ? new Uint8Array(left.buffer, left.byteOffset, left.length + right.length) : undefined;
}
