import type { Sha256 } from '../kernel/digest.ts';
import type { Offset } from '../kernel/offset.ts';

/** What a snapshot is an image of. */
export type SnapshotOf = 'state' | 'journal';
/** How the image's bytes are to be taken: as one file, or as a tar stream of a directory. */
export type SnapshotContent = 'file' | 'tar';

/** What a snapshot object says of itself in front of its frames. Man page rigctl-archive(5) is the reference. */
export interface SnapshotHeader {
  readonly v: 1;
  readonly kind: 'snapshot';
  /** The archive's id. */
  readonly archive: string;
  readonly at: Offset;
  readonly of: SnapshotOf;
  readonly content: SnapshotContent;
  /** The greatest cut not beyond `at`: the batches after the snapshot begin there. */
  readonly cut: Offset;
  /** The chain at `cut`. */
  readonly chain: Sha256;
  readonly epoch: number;
  /** RFC 3339, when it was sealed. */
  readonly createdAt: string;
  /** Of an increment only: the snapshot whose pieces it shares, and the `sha256` in that one's footer. */
  readonly base?: Offset | undefined;
  readonly baseSha256?: Sha256 | undefined;
}
