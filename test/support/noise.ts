import { createCipheriv } from 'node:crypto';
import { MIB } from '../../src/kernel/size.ts';

/** Bytes that do not compress, in chunks of at most 1 MiB: the same for the same seed. */
export function* noise(seed: number | string, bytes: number): Generator<Buffer, void, undefined> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  for (let left = bytes; left > 0; left -= MIB) {
    yield cipher.update(Buffer.alloc(Math.min(left, MIB)));
  }
}
