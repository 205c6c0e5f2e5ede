/** How much of its memory a view fills that has all of it to itself. */
const filledBytes = new WeakMap<ArrayBufferLike, number>();

/** Says that nobody else has what lies behind the end of a view in its memory: {@link release} gives back both. */
export function ownRoom({ buffer, byteLength }: Uint8Array): void {
  filledBytes.set(buffer, byteLength);
}

/**
 * Gives memory back at once: the view is empty from then on. Left to the garbage collector, a few dozen MiB would lie
 * about before it comes, and it would come often. A view of somebody else's memory is left alone.
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  const isOpen = buffer instanceof ArrayBuffer && !buffer.detached;
  if (isOpen && (filledBytes.get(buffer) ?? buffer.byteLength) === byteLength) {
    buffer.transfer(0);
  }
}
