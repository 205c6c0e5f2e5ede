import type { Random } from '../../src/kernel/random.ts';
import type { RedisCommand } from './redis-server.ts';

const KEYS = 5_000;

/** A command that writes: every kind of value, binary ones, and now and then a key that goes. */
export function writingCommand(random: Random): RedisCommand {
  const pick = (below: number) => Math.floor(random.next() * below);
  const id = pick(KEYS);
  const kinds: readonly (() => RedisCommand)[] = [
    () => ['SET', `session:${id}`, JSON.stringify({ id, token: random.uuid(), seen: pick(1e9) })],
    () => ['SET', `blob:${id}`, Uint8Array.from({ length: pick(400) }, () => pick(256))],
    () => ['INCRBY', `counter:${id % 50}`, pick(100)],
    () => ['HSET', `user:${id}`, 'name', `user ${id}`, 'score', pick(1_000)],
    () => ['RPUSH', `queue:${id % 20}`, `job ${pick(1e9)}`],
    () => ['SADD', `tags:${id % 100}`, `tag ${pick(1_000)}`],
    () => ['ZADD', 'ranking', pick(1e6), `player ${id}`],
    () => ['APPEND', `log:${id % 10}`, `${random.uuid()}\r\n`],
    () => ['DEL', `session:${pick(KEYS)}`],
    () => ['LPOP', `queue:${id % 20}`],
  ];
  return kinds[pick(kinds.length)]?.() ?? [];
}
