import type { Sha256 } from '../kernel/digest.ts';
import type { FrameEntry } from './frame.ts';

/** What a snapshot object says of itself behind its frames. Man page rigctl-archive(5) is the reference. */
export interface SnapshotFooter {
  readonly v: 1;
  /** Of the whole content. */
  readonly bytes: number;
  /** Of the content's bytes that lie in this object, uncompressed. */
  readonly ownBytes: number;
  /** Of all pieces' lengths and hashes, in order: see {@link TreeHash}. */
  readonly sha256: Sha256;
  /** Of the whole content. */
  readonly pieces: number;
  readonly frames: readonly FrameEntry[];
  readonly index: readonly FrameEntry[];
}
