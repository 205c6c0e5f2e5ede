import { assert } from '../kernel/assert.ts';
import { mapInOrder } from '../kernel/concurrency.ts';
import { shortSha256 } from '../kernel/digest.ts';
import type { Offset } from '../kernel/offset.ts';
import { MIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { codecNamed } from './codec.ts';
import { damaged } from './damage.ts';
import { decompressFrame, type FrameEntry } from './frame.ts';
import { type FetchedGroup, type FrameGroup, fetchGroup, GrowingGroup, groupFrames } from './frame-groups.ts';
import type { SnapshotHead } from './snapshot-object.ts';
import type { ResolvedPiece } from './snapshot-piece.ts';

/** Stored bytes fetched with one get, at most. */
const GROUP_LIMIT_BYTES = 8 * MIB;
/** Stored bytes of groups in use, one for each snapshot of a chain; and of those fetched ahead of them. */
const IN_USE_LIMIT_BYTES = 32 * MIB;
const AHEAD_LIMIT_BYTES = 16 * MIB;

function groupLimitBytes(snapshots: number): number {
  return Math.min(GROUP_LIMIT_BYTES, Math.floor(IN_USE_LIMIT_BYTES / snapshots));
}

/** All of a snapshot's own frames, to be fetched in this order. */
export function allFrames({ key, footer, framesStart }: SnapshotHead): Iterable<FrameGroup> {
  return groupFrames(key, footer.frames, framesStart, groupLimitBytes(1));
}

/**
 * The frames that hold these pieces, in the order in which they are first needed: so nothing is fetched that is not
 * needed, and nothing waits for what comes later.
 * @throws RigError RIG_CHECKSUM_MISMATCH when a piece does not lie in one frame.
 */
export async function neededFrames(
  heads: readonly SnapshotHead[],
  pieces: AsyncIterable<readonly ResolvedPiece[]>,
): Promise<readonly FrameGroup[]> {
  const limitBytes = groupLimitBytes(heads.length);
  const walks = new Map(heads.map((head) => [head.header.at, new FrameWalk(head)]));
  const open = new Map<FrameWalk, GrowingGroup>();
  const groups: GrowingGroup[] = [];
  for await (const array of pieces) {
    for (const piece of array) {
      const walk = needWalk(walks, piece.at);
      const entry = walk.moveTo(piece);
      if (open.get(walk)?.takes(walk.index, entry, limitBytes) !== true) {
        const group = new GrowingGroup(walk.head.key, walk.index, entry, walk.startByte);
        open.set(walk, group);
        groups.push(group);
      }
    }
  }
  return groups;
}

/**
 * Reads own pieces of some snapshots, each snapshot's in ascending order. Fetches the groups given, in order and some
 * at a time; holds one group and one frame of each snapshot.
 */
export class OwnBytes {
  readonly #walks: ReadonlyMap<Offset, FrameWalk>;
  readonly #fetched: AsyncGenerator<FetchedGroup, void, undefined>;
  readonly #groups = new Map<string, FetchedGroup>();

  constructor(
    store: Store,
    heads: readonly SnapshotHead[],
    groups: Iterable<FrameGroup>,
    options: CallOptions,
  ) {
    this.#walks = new Map(heads.map((head) => [head.header.at, new FrameWalk(head)]));
    const limits = {
      calls: store.capabilities.parallelCalls,
      weight: AHEAD_LIMIT_BYTES,
      weigh: ({ storedBytes }: FrameGroup) => storedBytes,
    };
    this.#fetched = mapInOrder(groups, limits, (group) => fetchGroup(store, group, options));
  }

  /**
   * The bytes of a piece: a view of its frame that nobody changes.
   * @throws RigError RIG_CHECKSUM_MISMATCH when they do not match their CRC or SHA-256; RIG_OBJECT_NOT_FOUND.
   */
  async read(piece: ResolvedPiece): Promise<Uint8Array> {
    const walk = needWalk(this.#walks, piece.at);
    const entry = walk.moveTo(piece);
    if (walk.openIndex !== walk.index) {
      walk.opened = await this.#open(walk, entry);
      walk.openIndex = walk.index;
    }
    const start = piece.ownStart - walk.ownStart;
    const bytes = walk.opened.subarray(start, start + piece.lengthBytes);
    if (shortSha256(bytes) !== piece.sha256) {
      throw damaged(walk.head.key, `its bytes from ${piece.ownStart} on do not match their SHA-256`, {
        details: { frame: walk.index },
      });
    }
    return bytes;
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await this.#fetched.return();
  }

  async #open({ head: { key }, index }: FrameWalk, entry: FrameEntry): Promise<Uint8Array> {
    for (;;) {
      const held = this.#groups.get(key);
      const stored = held?.frames[index - held.group.firstIndex];
      if (stored !== undefined) {
        return decompressFrame(key, index, entry, stored, codecNamed('zstd'));
      }
      const next = await this.#fetched.next();
      if (next.done === true) {
        throw damaged(key, 'it has changed while it was read');
      }
      this.#groups.set(next.value.group.key, next.value);
    }
  }
}

/** The frame of a snapshot in which a piece lies; it goes forward only. */
class FrameWalk {
  readonly head: SnapshotHead;
  index = 0;
  /** Where the frame starts among the own bytes, and in the object. */
  ownStart = 0;
  startByte: number;
  /** The last frame that was decompressed. */
  openIndex = -1;
  opened: Uint8Array = new Uint8Array(0);

  constructor(head: SnapshotHead) {
    this.head = head;
    this.startByte = head.framesStart;
  }

  moveTo({ ownStart, lengthBytes }: ResolvedPiece): FrameEntry {
    const { frames } = this.head.footer;
    let entry = frames[this.index];
    while (entry !== undefined && ownStart >= this.ownStart + entry[0]) {
      this.ownStart += entry[0];
      this.startByte += entry[1];
      this.index += 1;
      entry = frames[this.index];
    }
    if (
      entry === undefined ||
      ownStart < this.ownStart ||
      ownStart + lengthBytes > this.ownStart + entry[0]
    ) {
      throw damaged(this.head.key, `its piece at ${ownStart} does not lie in one frame`);
    }
    return entry;
  }
}

function needWalk(walks: ReadonlyMap<Offset, FrameWalk>, at: Offset): FrameWalk {
  const walk = walks.get(at);
  assert(walk !== undefined, 'a piece of a snapshot of the chain');
  return walk;
}
