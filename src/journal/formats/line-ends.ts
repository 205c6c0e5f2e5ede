export const LF = 0x0a;

/** LF in each byte of a word. */
const LF_WORD = 0x0a0a_0a0a;
const LOW_BITS = 0x7f7f_7f7f;

/**
 * How many bytes are LF. Looks at four at a time: where lines are short, that is several times faster than a search
 * for each. The test for zero bytes is that of Warren, Hacker's Delight, 6-1: exact, because nothing is carried from
 * one byte to the next.
 */
export function countLineEnds(bytes: Uint8Array): number {
  const { buffer, byteOffset, length } = bytes;
  const wordsStart = Math.min(-byteOffset & 3, length);
  const words = new Int32Array(
    buffer,
    wordsStart < length ? byteOffset + wordsStart : 0,
    (length - wordsStart) >> 2,
  );
  let count = 0;
  for (let index = 0; index < words.length; index += 1) {
    const zeroWhereLf = (words[index] ?? 0) ^ LF_WORD;
    const highBitWhereLf = ~(((zeroWhereLf & LOW_BITS) + LOW_BITS) | zeroWhereLf | LOW_BITS);
    count += Math.imul(highBitWhereLf >>> 7, 0x0101_0101) >>> 24;
  }
  return (
    count +
    countOneByOne(bytes.subarray(0, wordsStart)) +
    countOneByOne(bytes.subarray(wordsStart + 4 * words.length))
  );
}

function countOneByOne(bytes: Uint8Array): number {
  return bytes.reduce((count, byte) => count + (byte === LF ? 1 : 0), 0);
}
