import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Exchange } from './fault-exchange.ts';
import { seededRandom } from './seeded-random.ts';

/** What a fault may need beside the request that it strikes. */
export interface FaultTools {
  /** How long a slow call takes on top. */
  readonly slowMs: number;
  sleep(durationMs: number): Promise<void>;
  /** Lets something happen when some more requests have come, or {@link FaultProxy.land} is called. */
  later(land: () => Promise<unknown>): void;
}

type Fault = (exchange: Exchange, tools: FaultTools) => void | Promise<void>;

/** `before` and `after`: the server has done what was asked. */
const FAULTS = {
  'reset before': (exchange) => exchange.reset(),
  '500 before': (exchange) => exchange.answer(500, 'InternalError'),
  '503 before': (exchange) => exchange.answer(503, 'SlowDown'),
  '503 with Retry-After': (exchange) => exchange.answer(503, 'SlowDown', { 'retry-after': '1' }),
  '429 before': (exchange) => exchange.answer(429, 'TooManyRequests'),
  '409 conflict': (exchange) => exchange.answer(409, 'ConditionalRequestConflict'),
  'spurious 412': (exchange) => exchange.answer(412, 'PreconditionFailed'),
  'reset in the request': async (exchange) => {
    await exchange.sendPart();
    exchange.reset();
  },
  'reset after': async (exchange) => {
    await drain(await exchange.send());
    exchange.reset();
  },
  '500 after': async (exchange) => {
    await drain(await exchange.send());
    exchange.answer(500, 'InternalError');
  },
  '200 with an error inside': async (exchange) => {
    await drain(await exchange.send());
    exchange.answer(200, 'InternalError');
  },
  'silence before': () => undefined,
  'silence after': async (exchange) => drain(await exchange.send()),
  'late after 500': async (exchange, { later }) => {
    const body = await buffer(exchange.request);
    exchange.answer(500, 'InternalError');
    later(() => land(exchange, body));
  },
  'late after silence': async (exchange, { later }) => {
    const body = await buffer(exchange.request);
    await exchange.givenUp();
    later(() => land(exchange, body));
  },
  'reset in the answer': async (exchange) => {
    await exchange.relayPart(await exchange.send());
    exchange.reset();
  },
  'silence in the answer': async (exchange) => exchange.relayPart(await exchange.send()),
  'answer ends early': async (exchange) => {
    await exchange.relayPart(await exchange.send());
    exchange.hangUp();
  },
  'answer shorter than the truth': async (exchange) => {
    const answer = await exchange.send();
    await exchange.relayOther(answer, exchange.cut(await buffer(answer)));
  },
  'a wrong byte': async (exchange) => {
    const answer = await exchange.send();
    const body = await buffer(answer);
    const at = exchange.cut(body).length;
    body[at] = (body[at] ?? 0) ^ 0x10;
    await exchange.relayOther(answer, body);
  },
  slow: async (exchange, { sleep, slowMs }) => {
    await sleep(slowMs);
    await exchange.relay(await exchange.send());
  },
  'stale connection': async (exchange) => {
    exchange.becomeStale();
    await exchange.relay(await exchange.send());
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

/** These answers are wrong and do not look so: only what has checksums shows them. */
const LIES: readonly FaultName[] = ['a wrong byte', 'answer shorter than the truth'];

export const HONEST_FAULTS = FAULT_NAMES.filter((name) => !LIES.includes(name));

/** What goes wrong with a request; undefined: nothing. */
export type Forecast = (request: IncomingMessage) => FaultName | undefined;

export async function strike(name: FaultName, exchange: Exchange, tools: FaultTools): Promise<void> {
  await FAULTS[name](exchange, tools);
}

/**
 * Can a real server, or the way to it, do this to such a request? A condition only fails where one is set; bytes are
 * only broken in objects, since listings have no checksums that could show it; "200" goes before an error where a
 * server starts to answer before it is done.
 */
export function isPossible(name: FaultName, { method, url = '', headers }: IncomingMessage): boolean {
  const { searchParams } = new URL(url, 'http://server');
  const ofObject = method === 'GET' && [...searchParams.keys()].every((key) => key === 'x-id');
  switch (name) {
    case '409 conflict':
    case 'spurious 412':
      return headers['if-none-match'] !== undefined;
    case 'reset in the request':
      return Number(headers['content-length'] ?? 0) > 0;
    case '200 with an error inside':
      return method === 'POST' && searchParams.has('uploadId');
    case 'answer shorter than the truth':
      return method === 'GET';
    case 'a wrong byte':
      return ofObject;
    default:
      return true;
  }
}

export interface Storm {
  /** How many of all requests are struck, 0 to 1. */
  readonly rate: number;
  readonly faults?: readonly FaultName[];
}

/**
 * The same seed does the same to the n-th request of a kind for a key, whatever other requests there are: parallel
 * calls may change places.
 */
export function storm(seed: number, { rate, faults = FAULT_NAMES }: Storm): Forecast {
  const seen = new Map<string, number>();
  return (request) => {
    const label = requestLabel(request);
    const nth = (seen.get(label) ?? 0) + 1;
    seen.set(label, nth);
    const { next } = seededRandom(
      createHash('sha256').update(`${seed} ${label} ${nth}`).digest().readUInt32LE(),
    );
    const possible = faults.filter((name) => isPossible(name, request));
    return next() < rate ? possible[Math.floor(next() * possible.length)] : undefined;
  };
}

/** `PUT LOG/0000000000000000`: the place of the archive is left out. */
export function requestLabel({ method, url = '' }: IncomingMessage): string {
  const { pathname, searchParams } = new URL(url, 'http://server');
  const query = [...searchParams].filter(
    ([key]) => key === 'partNumber' || key === 'uploads' || key === 'prefix',
  );
  const more = query.map(([key, value]) => ` ${key}=${value.split('/').slice(-2).join('/')}`).join('');
  return `${method} ${pathname.split('/').slice(-2).join('/')}${more}`;
}

async function land(exchange: Exchange, body: Buffer): Promise<void> {
  await drain(await exchange.send(oneChunk(body)));
}

async function* oneChunk(body: Buffer): AsyncIterable<Buffer> {
  yield body;
}

async function drain(answer: IncomingMessage): Promise<void> {
  await buffer(answer);
}
