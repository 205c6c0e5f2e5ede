import type { ResolvedPiece } from './snapshot-piece.ts';

/** A place in a sequence of pieces that goes forward only. */
export class PieceCursor {
  readonly #arrays: AsyncIterator<readonly ResolvedPiece[]>;
  #pieces: readonly ResolvedPiece[] = [];
  #at = 0;
  #before = 0;

  constructor(arrays: AsyncIterable<readonly ResolvedPiece[]>) {
    this.#arrays = arrays[Symbol.asyncIterator]();
  }

  /** How many pieces were passed. */
  get passed(): number {
    return this.#before + this.#at;
  }

  /** The next piece, which stays the next one. Undefined: {@link fill} first, or the end. */
  peek(): ResolvedPiece | undefined {
    return this.#pieces[this.#at];
  }

  /** Passes the next piece. */
  advance(): void {
    this.#at += 1;
  }

  /** Makes sure that {@link peek} gives a piece. False: there are no more. */
  async fill(): Promise<boolean> {
    while (this.#at >= this.#pieces.length) {
      const next = await this.#arrays.next();
      if (next.done === true) {
        return false;
      }
      this.#before += this.#pieces.length;
      [this.#pieces, this.#at] = [next.value, 0];
    }
    return true;
  }

  /** Passes pieces until so many were passed. False: there are not so many. */
  async skipTo(number: number): Promise<boolean> {
    while (this.passed < number) {
      if (!(await this.fill())) {
        return false;
      }
      this.#at = Math.min(this.#pieces.length, number - this.#before);
    }
    return true;
  }

  /** Passes the next pieces and gives them: at most `limit`, at least one. Empty: there are no more. */
  async take(limit: number): Promise<readonly ResolvedPiece[]> {
    await this.fill();
    const taken = this.#pieces.slice(this.#at, this.#at + limit);
    this.#at += taken.length;
    return taken;
  }

  async close(): Promise<void> {
    await this.#arrays.return?.();
  }
}
