import { type Sha256, shortSha256, startSha256 } from '../kernel/digest.ts';

const LENGTH_BYTES = 4;
const ENTRY_BYTES = LENGTH_BYTES + 32;
/** A call of the hash costs more than a piece's few bytes. */
const ENTRIES_AT_A_TIME = 1_024;

/** SHA-256 over `u32le length ‖ SHA-256` of every piece, in order: it proves a content and how it is cut. */
export class TreeHash {
  readonly #hash = startSha256();
  readonly #entries = Buffer.alloc(ENTRIES_AT_A_TIME * ENTRY_BYTES);
  #usedBytes = 0;

  add(lengthBytes: number, sha256: string): void {
    this.#entries.writeUInt32LE(lengthBytes, this.#usedBytes);
    this.#entries.write(sha256, this.#usedBytes + LENGTH_BYTES, 'base64url');
    this.#usedBytes += ENTRY_BYTES;
    if (this.#usedBytes === this.#entries.length) {
      this.#flush();
    }
  }

  /** Ends it. */
  digest(): Sha256 {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #flush(): void {
    this.#hash.update(this.#entries.subarray(0, this.#usedBytes));
    this.#usedBytes = 0;
  }
}

/** The hash that a snapshot's footer has when these are its pieces. Reads them all. */
export async function hashPieces(pieces: AsyncIterable<{ readonly bytes: Uint8Array }>): Promise<Sha256> {
  const hash = new TreeHash();
  for await (const { bytes } of pieces) {
    hash.add(bytes.length, shortSha256(bytes));
  }
  return hash.digest();
}
