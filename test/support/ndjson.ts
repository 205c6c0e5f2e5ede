import type { Random } from '../../src/kernel/random.ts';
import { MIB } from '../../src/kernel/size.ts';
import { seededRandom } from './seeded-random.ts';

const ACTIONS = ['order.created', 'order.paid', 'order.shipped', 'cart.changed', 'login', 'search'];
const WORDS = 'blue red small large cotton wool shirt shoes for the summer winter with and without box'.split(
  ' ',
);

/** One record in so many is much longer than the others. */
const LONG_EVERY = 500;

/**
 * The events of a shop, one JSON object a line: `bytes` bytes and what the last line is longer. The same for the same
 * seed. It comes in chunks of about 1 MiB, so that any length needs no memory.
 */
export function* ndjson(seed: number, bytes: number): Generator<Buffer, void, undefined> {
  const random = seededRandom(seed);
  let left = bytes;
  for (let sequence = 0; left > 0; ) {
    let chunk = '';
    for (const chunkBytes = Math.min(left, MIB); chunk.length < chunkBytes; sequence += 1) {
      chunk += event(random, sequence);
    }
    left -= chunk.length;
    yield Buffer.from(chunk, 'latin1');
  }
}

function event(random: Random, sequence: number): string {
  const pick = (below: number) => Math.floor(random.next() * below);
  const words = pick(LONG_EVERY) === 0 ? pick(2_000) : pick(15);
  const text = Array.from({ length: words }, () => WORDS[pick(WORDS.length)]).join(' ');
  const action = ACTIONS[pick(ACTIONS.length)];
  const [customer, cents, token] = [pick(1e6), pick(1e5), pick(2 ** 32)];
  const numbers = `"customer":${customer},"cents":${cents},"token":${token}`;
  return `{"sequence":${sequence},"action":"${action}",${numbers},"text":"${text}"}\n`;
}
