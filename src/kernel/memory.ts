/**
 * Gives memory back at once. Left to the garbage collector, a few dozen MiB would lie about before it comes. A view of
 * somebody else's memory is left alone.
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) {
    buffer.transfer(0);
  }
}
