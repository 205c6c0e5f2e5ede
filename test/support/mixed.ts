import { assert } from '../../src/kernel/assert.ts';
import { MIB } from '../../src/kernel/size.ts';
import { ndjson } from './ndjson.ts';
import { noise } from './noise.ts';

/** Text repeats after so much; no compressor that works on 1 MiB at a time gains by that. */
const TEXT_BYTES = 32 * MIB;

/** `bytes` bytes, 1 MiB of noise and 1 MiB of text in turn, in chunks of at most that: the same for the same seed. */
export function* mixed(seed: number, bytes: number): Generator<Buffer, void, undefined> {
  const text = Buffer.concat([...ndjson(seed, TEXT_BYTES)]);
  let textAt = 0;
  let isNoise = true;
  for (const chunk of noise(seed, bytes)) {
    if (isNoise) {
      yield chunk;
    } else {
      yield text.subarray(textAt, textAt + chunk.length);
      textAt = (textAt + MIB) % TEXT_BYTES;
    }
    isNoise = !isNoise;
  }
}

/** The bytes of {@link mixed}, as many at a time as somebody wants. */
export class Supply {
  readonly #chunks: Iterator<Buffer, void>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(seed: number) {
    this.#chunks = mixed(seed, Number.MAX_SAFE_INTEGER);
  }

  /** The next bytes, at most 1 MiB; those left of a chunk that has fewer are dropped. */
  take(bytes: number): Buffer {
    if (this.#chunk.length < bytes) {
      const { value } = this.#chunks.next();
      assert(value !== undefined && value.length >= bytes, 'a chunk that holds as much');
      this.#chunk = value;
    }
    const taken = this.#chunk.subarray(0, bytes);
    this.#chunk = this.#chunk.subarray(bytes);
    return taken;
  }
}
