import { seededRandom } from '../seeded-random.ts';

/**
 * What an application writes into its journal, line after line without end: the same for the same seed, so that two
 * processes know what the journal must hold without telling each other.
 */
export class JournalText {
  readonly #seed: number;
  readonly #random: ReturnType<typeof seededRandom>;
  #bytes = Buffer.alloc(0);
  #lines = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
  }

  slice(start: number, end: number): Buffer {
    this.#growTo(end);
    return this.#bytes.subarray(start, end);
  }

  /** How many of these bytes, from the first on, are its own. */
  commonBytes(bytes: Uint8Array): number {
    const own = this.slice(0, bytes.length);
    const other = own.findIndex((byte, at) => byte !== bytes[at]);
    return other === -1 ? bytes.length : other;
  }

  /** The end of the record of which the byte at `offset` is part. */
  recordEndAfter(offset: number): number {
    this.#growTo(offset + 1);
    return this.#bytes.indexOf('\n', offset) + 1;
  }

  #growTo(length: number): void {
    while (this.#bytes.length < length) {
      const lines = Array.from({ length: 1_000 }, () => this.#nextLine());
      this.#bytes = Buffer.concat([this.#bytes, Buffer.from(lines.join(''))]);
    }
  }

  /** Most records are short, some are not. */
  #nextLine(): string {
    const words = this.#random.next() < 0.02 ? 400 : 1 + 4 * this.#random.next();
    const noise = Array.from({ length: words }, () => this.#random.uuid());
    this.#lines += 1;
    return `journal ${this.#seed}, record ${this.#lines}: ${noise.join(' ')}\n`;
  }
}
