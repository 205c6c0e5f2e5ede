import { compareInTree } from '../kernel/tree-order.ts';
import { PieceCursor } from './piece-cursor.ts';
import type { ResolvedPiece } from './snapshot-piece.ts';

/** Finds, going forward only, what a snapshot shares with its base: the pieces at the same place of the same key. */
export class SharedPieces {
  readonly #base: PieceCursor;
  /** The base's next piece is the one to compare with, unless it starts a key that was not asked for. */
  #aligned = false;

  constructor(pieces: AsyncIterable<readonly ResolvedPiece[]>) {
    this.#base = new PieceCursor(pieces);
  }

  /** The number of the base's piece that equals the next one, which starts `key` when that is given. */
  async match(key: string | undefined, lengthBytes: number, sha256: string): Promise<number | undefined> {
    if (key !== undefined) {
      this.#aligned = await this.#skipToKey(key);
    }
    const theirs = this.#aligned ? await this.#next() : undefined;
    if (theirs === undefined || (theirs.startsKey && key === undefined)) {
      this.#aligned = false;
      return undefined;
    }
    const number = this.#base.passed;
    this.#base.advance();
    return theirs.lengthBytes === lengthBytes && theirs.sha256 === sha256 ? number : undefined;
  }

  /** The number of the base's next piece. */
  get passed(): number {
    return this.#base.passed;
  }

  /** The base's next pieces, at least one of at most `limit`; empty: there are no more. */
  async take(limit: number): Promise<readonly ResolvedPiece[]> {
    this.#aligned = true;
    return this.#base.take(limit);
  }

  async close(): Promise<void> {
    await this.#base.close();
  }

  async #skipToKey(key: string): Promise<boolean> {
    for (;;) {
      const next = await this.#next();
      if (next === undefined) {
        return false;
      }
      if (next.startsKey) {
        const order = compareInTree(next.key, key);
        if (order >= 0) {
          return order === 0;
        }
      }
      this.#base.advance();
    }
  }

  async #next(): Promise<ResolvedPiece | undefined> {
    const atHand = this.#base.peek();
    if (atHand !== undefined) {
      return atHand;
    }
    return (await this.#base.fill()) ? this.#base.peek() : undefined;
  }
}
