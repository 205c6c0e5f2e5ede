/** The block of most file systems: zeros of a whole one need no space. */
const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/** The stretches of `bytes` that a new file needs to have them at `positionBytes`: all but whole blocks of zeros. */
export function* solidParts(
  bytes: Uint8Array,
  positionBytes: number,
): Generator<{ readonly start: number; readonly end: number }> {
  let start = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + BLOCK_BYTES - ((positionBytes + at) % BLOCK_BYTES));
    if (bytes[at] === 0 && ZEROS.subarray(0, end - at).equals(bytes.subarray(at, end))) {
      if (start < at) {
        yield { start, end: at };
      }
      start = end;
    }
    at = end;
  }
  if (start < bytes.length) {
    yield { start, end: bytes.length };
  }
}
