import { compareInTree } from '../kernel/tree-order.ts';
import { damaged } from './damage.ts';
import { SNAPSHOT_FRAME_LIMIT_BYTES } from './snapshot-footer.ts';
import type { BaseLine, OwnLine } from './snapshot-lines.ts';
import type { SnapshotHead } from './snapshot-object.ts';
import type { ResolvedPiece } from './snapshot-piece.ts';

/** Checks, line by line, that an index is that of its snapshot. Everything throws RIG_CHECKSUM_MISMATCH. */
export class IndexTally {
  readonly #head: SnapshotHead;
  /** Of the last piece known. */
  #key: string | undefined;
  #pieces = 0;
  #ownBytes = 0;
  #piecesOfBase = 0;
  #bytesOfBase = 0;
  #endInBase = 0;

  constructor(head: SnapshotHead) {
    this.#head = head;
  }

  /** The next piece is an own one. */
  own(line: OwnLine): ResolvedPiece {
    const startsKey = line.key !== undefined;
    if (line.key !== undefined) {
      this.#startKey(line.key);
    }
    this.#need(this.#pieces > 0 || startsKey, 'its first piece has no key');
    const { lengthBytes, sha256 } = line;
    const place = { at: this.#head.header.at, ownStart: this.#ownBytes };
    this.#pieces += 1;
    this.#ownBytes += lengthBytes;
    return { key: this.#key ?? '', startsKey, lengthBytes, sha256, ...place };
  }

  /** The next pieces are the base's. */
  ofBase({ first, count }: BaseLine): void {
    this.#need(this.#head.header.base !== undefined, 'it refers to a base that it does not have');
    this.#need(first >= this.#endInBase, 'the pieces of its base are not in order');
    this.#endInBase = first + count;
    this.#pieces += count;
    this.#piecesOfBase += count;
  }

  /** These are the next pieces of the base, which are in order among themselves; none: there are not so many. */
  resolved(pieces: readonly ResolvedPiece[]): void {
    const first = pieces[0];
    if (first?.startsKey === true) {
      this.#startKey(first.key);
    } else {
      this.#need(first !== undefined, 'it refers to pieces that its base does not have');
      this.#need(first?.key === this.#key, 'a piece of its base belongs to another key');
    }
    this.#key = pieces.at(-1)?.key;
    this.#bytesOfBase += pieces.reduce((total, { lengthBytes }) => total + lengthBytes, 0);
  }

  /** There are no more lines, and all pieces of the base were resolved. */
  endResolved(): void {
    const { bytes, ownBytes } = this.#head.footer;
    this.#end();
    this.#need(this.#bytesOfBase === bytes - ownBytes, 'its pieces do not add up to its length');
  }

  /** There are no more lines, and pieces of the base were not looked at. */
  endOwn(): void {
    const { bytes, ownBytes } = this.#head.footer;
    const bytesOfBase = bytes - ownBytes;
    this.#end();
    const fits =
      bytesOfBase >= this.#piecesOfBase && bytesOfBase <= this.#piecesOfBase * SNAPSHOT_FRAME_LIMIT_BYTES;
    this.#need(fits, 'its pieces do not add up to its length');
  }

  #end(): void {
    const { pieces, ownBytes } = this.#head.footer;
    this.#need(this.#pieces === pieces, 'it does not have as many pieces as its footer says');
    this.#need(this.#ownBytes === ownBytes, 'its own pieces do not add up to its own bytes');
  }

  #startKey(key: string): void {
    this.#need((this.#head.header.content === 'tar') === (key !== ''), 'a key cannot be');
    this.#need(this.#key === undefined || compareInTree(this.#key, key) < 0, 'its keys are not in order');
    this.#key = key;
  }

  #need(condition: boolean, problem: string): void {
    if (!condition) {
      throw damaged(this.#head.key, `its index is not valid: ${problem}`);
    }
  }
}
