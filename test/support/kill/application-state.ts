import { KIB, MIB } from '../../../src/kernel/size.ts';
import { noise } from '../noise.ts';
import type { JournalText } from './journal-text.ts';

const BLOCK_BYTES = 16 * KIB;
const BLOCKS = 8;
/** With these a state is just large enough for an upload in parts, which are of 8 MiB when it may grow above 16. */
const LARGE_BYTES = 14 * MIB;

/**
 * The state of the application after so much of its journal: files and what is in them, of which few change from one
 * snapshot to the next. A large one has much more beside, which no other has.
 */
export function stateAt(text: JournalText, offset: number, isLarge: boolean): ReadonlyMap<string, Buffer> {
  const lastBlock = Math.floor(offset / BLOCK_BYTES);
  const blocks = Array.from({ length: Math.min(lastBlock, BLOCKS) }, (_, back) => lastBlock - back - 1);
  return new Map([
    ['at', Buffer.from(`${offset}\n`)],
    ...blocks.map((block) => {
      const start = block * BLOCK_BYTES;
      return [`block-${block}`, Buffer.from(text.slice(start, start + BLOCK_BYTES))] as const;
    }),
    ...(isLarge ? [['large', Buffer.concat([...noise(String(offset), LARGE_BYTES)])] as const] : []),
  ]);
}

/** The same as one file, which begins with its offset too. */
export function stateFileAt(text: JournalText, offset: number, isLarge: boolean): Buffer {
  return Buffer.concat([...stateAt(text, offset, isLarge).values()]);
}
