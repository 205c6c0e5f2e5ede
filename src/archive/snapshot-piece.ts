import type { Offset } from '../kernel/offset.ts';

/** A piece of a snapshot's content, and where its bytes lie. */
export interface ResolvedPiece {
  /** The file it belongs to; empty for content of one file. */
  readonly key: string;
  readonly startsKey: boolean;
  readonly lengthBytes: number;
  /** 43 characters of base64url. */
  readonly sha256: string;
  /** The snapshot among whose own bytes it is, and where it starts there. */
  readonly at: Offset;
  readonly ownStart: number;
}
