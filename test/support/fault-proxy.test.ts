import { Agent, type IncomingMessage, request as makeRequest } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { fc, test } from '@fast-check/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { MIB } from '../../src/kernel/size.ts';
import { FakeS3, respond } from './fake-s3.ts';
import { FaultProxy, type FaultProxyOptions } from './fault-proxy.ts';
import { FAULT_NAMES, type FaultName, isPossible, storm } from './faults.ts';
import { someBytes } from './store-bytes.ts';

const OBJECT = someBytes(10_000);
const SENT = someBytes(20_000, 2);

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

let fake: FakeS3;
let agent: Agent;

beforeEach(async () => {
  fake = await FakeS3.start((_, response) => respond(response, 200, OBJECT, { etag: '"v"' }));
  agent = new Agent({ keepAlive: true });
});

afterEach(async () => {
  agent.destroy();
  await fake.stop();
});

const start = (options?: FaultProxyOptions) => FaultProxy.start(fake.url, options);

interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  readonly signal?: AbortSignal;
}

async function call(
  { endpointUrl }: { readonly endpointUrl: string },
  path: string,
  { body, ...options }: Call = {},
): Promise<Answer> {
  const sent = makeRequest(`${endpointUrl}${path}`, { agent, ...options });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve).on('error', reject);
  });
  sent.end(body);
  const { statusCode: status, headers: given } = await answer;
  return { status, headers: given, body: await buffer(await answer) };
}

const put = (proxy: FaultProxy, path = '/b/LOG/1') => call(proxy, path, { method: 'PUT', body: SENT });
const get = (proxy: FaultProxy, path = '/b/LOG/1') => call(proxy, path);
const pathsSeen = () => fake.requests.map(({ path }) => path);
const once = (fault: FaultName) => {
  const faults = [fault];
  return () => faults.pop();
};
const broken = { code: 'ECONNRESET' };

describe('without faults', () => {
  it('everything passes as it came, over connections that are used again', async () => {
    await using proxy = await start();
    const headers = { Host: 'signed:80', 'X-Amz-Date': 'then', Authorization: 'signature' };
    const answer = await call(proxy, '/b/k?x=%20y', { method: 'PUT', headers, body: SENT });
    expect(answer).toMatchObject({ status: 200, headers: { etag: '"v"', 'content-length': '10000' } });
    expect(OBJECT.equals(answer.body)).toBe(true);
    const [seen] = fake.requests;
    expect(seen).toMatchObject({ method: 'PUT', path: '/b/k' });
    expect(seen?.headers).toMatchObject({
      host: 'signed:80',
      'x-amz-date': 'then',
      authorization: 'signature',
    });
    expect(seen?.query.get('x')).toBe(' y');
    expect(SENT.equals(seen?.body ?? Buffer.alloc(0))).toBe(true);
    await get(proxy);
    expect(proxy.connections).toBe(1);
    expect(proxy.trace).toEqual(['PUT b/k: passes', 'GET LOG/1: passes']);
  });

  it('a server that is not there looks like a reset', async () => {
    await using proxy = await FaultProxy.start('http://127.0.0.1:9');
    await expect(get(proxy)).rejects.toMatchObject(broken);
  });

  it('a head request gets its answer', async () => {
    await using proxy = await start();
    expect(await call(proxy, '/b/k', { method: 'HEAD' })).toMatchObject({
      status: 200,
      headers: { 'content-length': '10000' },
    });
  });
});

describe('a fault', () => {
  it.for([
    ['500 before', 500, 0],
    ['503 before', 503, 0],
    ['429 before', 429, 0],
    ['409 conflict', 409, 0],
    ['spurious 412', 412, 0],
    ['500 after', 500, 1],
    ['200 with an error inside', 200, 1],
    ['late after 500', 500, 0],
  ] as const)('%s: the client sees %i, the server %i requests', async ([fault, status, requests]) => {
    await using proxy = await start();
    proxy.forecast = once(fault);
    const answer = await put(proxy);
    expect(answer.status).toBe(status);
    expect(answer.body.toString()).toContain('<Error>');
    expect(fake.requests).toHaveLength(requests);
    expect(proxy.counts).toEqual({ [fault]: 1 });
    expect(await put(proxy)).toMatchObject({ status: 200 });
  });

  it('503 may say when to come again', async () => {
    await using proxy = await start();
    proxy.forecast = once('503 with Retry-After');
    expect(await get(proxy)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  });

  it.for([
    ['reset before', 0],
    ['reset in the request', 0],
    ['reset after', 1],
    ['reset in the answer', 1],
    ['answer ends early', 1],
  ] as const)(
    '%s: the client sees a broken connection, the server %i requests',
    async ([fault, requests]) => {
      await using proxy = await start();
      proxy.forecast = once(fault);
      await expect(put(proxy)).rejects.toMatchObject(broken);
      expect(fake.requests).toHaveLength(requests);
      expect(await put(proxy)).toMatchObject({ status: 200 });
    },
  );

  it('gives a shorter answer that says it is whole', async () => {
    await using proxy = await start();
    proxy.forecast = once('answer shorter than the truth');
    const { headers, body } = await get(proxy);
    expect(body.length).toBeLessThan(OBJECT.length);
    expect(headers['content-length']).toBe(String(body.length));
    expect(OBJECT.subarray(0, body.length).equals(body)).toBe(true);
  });

  it('gives an answer with one wrong byte', async () => {
    await using proxy = await start();
    proxy.forecast = once('a wrong byte');
    const { body } = await get(proxy);
    expect(body).toHaveLength(OBJECT.length);
    expect(body.filter((byte, at) => byte !== OBJECT[at])).toHaveLength(1);
  });

  it.for([
    ['silence before', ['/after']],
    ['silence after', ['/silent', '/after']],
    ['silence in the answer', ['/silent', '/after']],
  ] as const)('%s: nothing comes, whatever comes to others', async ([fault, seen]) => {
    await using proxy = await start();
    proxy.forecast = ({ url }) => (url === '/silent' ? fault : undefined);
    const gone = new AbortController();
    let isOver = false;
    const silent = call(proxy, '/silent', { signal: gone.signal }).finally(() => {
      isOver = true;
    });
    while (proxy.trace.length === 0 || (fault !== 'silence before' && fake.requests.length === 0)) {
      await get(proxy, '/while').catch(() => undefined);
    }
    await get(proxy, '/after');
    expect(isOver).toBe(false);
    expect(pathsSeen().filter((path) => path !== '/while')).toEqual(seen);
    gone.abort();
    await expect(silent).rejects.toThrow('aborted');
  });

  it('lets a request land when the client has given up', async () => {
    await using proxy = await start();
    proxy.forecast = ({ url }) => (url === '/late' ? 'late after silence' : undefined);
    const gone = new AbortController();
    const late = call(proxy, '/late', { method: 'PUT', body: SENT, signal: gone.signal });
    while (proxy.trace.length === 0) {
      await get(proxy, '/while');
    }
    gone.abort();
    await expect(late).rejects.toMatchObject({ name: 'AbortError' });
    expect(pathsSeen()).not.toContain('/late');
    while (!pathsSeen().includes('/late')) {
      await get(proxy, '/while');
    }
    expect(SENT.equals(fake.requests.find(({ path }) => path === '/late')?.body ?? Buffer.alloc(0))).toBe(
      true,
    );
  });

  it('lets a request land on demand that the client was told has failed', async () => {
    await using proxy = await start();
    proxy.forecast = once('late after 500');
    expect(await put(proxy)).toMatchObject({ status: 500 });
    expect(fake.requests).toEqual([]);
    await proxy.land();
    expect(pathsSeen()).toEqual(['/b/LOG/1']);
    expect(SENT.equals(fake.requests[0]?.body ?? Buffer.alloc(0))).toBe(true);
  });

  it('tells when a request has been answered, and when what was forecast is done', async () => {
    await using proxy = await start();
    const done: (string | undefined)[] = [];
    proxy.onDone = ({ url }) => done.push(`${url} after ${pathsSeen().length}`);
    proxy.forecast = ({ url }) => (url === '/never' ? 'silence before' : undefined);
    await get(proxy, '/first');
    const gone = new AbortController();
    const never = call(proxy, '/never', { signal: gone.signal });
    while (done.length < 2) {
      await get(proxy, '/while');
    }
    gone.abort();
    await expect(never).rejects.toMatchObject({ name: 'AbortError' });
    expect(done[0]).toBe('/first after 1');
    expect(done.filter((what) => what?.startsWith('/never'))).toHaveLength(1);
  });

  it('closes a connection just as it is used again', async () => {
    await using proxy = await start();
    proxy.forecast = once('stale connection');
    expect(await get(proxy, '/first')).toMatchObject({ status: 200, headers: { connection: 'keep-alive' } });
    await expect(get(proxy, '/second')).rejects.toMatchObject(broken);
    expect(await get(proxy, '/third')).toMatchObject({ status: 200 });
    expect(pathsSeen()).toEqual(['/first', '/third']);
  });
});

describe('a network', () => {
  it('that hangs lets nothing pass until it is mended', async () => {
    await using proxy = await start();
    await get(proxy, '/before');
    proxy.cut('hang');
    const held = [put(proxy, '/old-connection'), put(proxy, '/new-connection')];
    for (let round = 0; round < 20; round += 1) {
      await call({ endpointUrl: fake.url }, '/past-the-proxy');
    }
    expect(new Set(pathsSeen())).toEqual(new Set(['/before', '/past-the-proxy']));
    await proxy.mend();
    expect(await Promise.all(held)).toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(pathsSeen().slice(-2).sort()).toEqual(['/new-connection', '/old-connection']);
  });

  it.for([
    ['reset', 'ECONNRESET'],
    ['refuse', 'ECONNREFUSED'],
  ] as const)('that is cut with "%s" breaks old connections, and new ones with %s', async ([cut, code]) => {
    await using proxy = await start();
    proxy.forecast = ({ url }) => (url === '/under-way' ? 'silence before' : undefined);
    const underWay = get(proxy, '/under-way');
    const ended = expect(underWay).rejects.toMatchObject(broken);
    while (proxy.trace.length === 0) {
      await get(proxy, '/while').catch(() => undefined);
    }
    proxy.cut(cut);
    await ended;
    agent.destroy();
    await expect(get(proxy, '/cut')).rejects.toMatchObject({ code });
    await proxy.mend();
    expect(await get(proxy, '/mended')).toMatchObject({ status: 200 });
    expect(pathsSeen()).not.toContain('/cut');
  });

  it('has a latency and a bandwidth', async () => {
    const slept: number[] = [];
    const clock: Clock = { ...systemClock, ...fastClock(slept) };
    await using proxy = await start({ clock });
    proxy.latencyMs = 70;
    await get(proxy);
    expect(slept).toEqual([70]);
    proxy.latencyMs = 0;
    proxy.bytesPerSecond = 1_000;
    const spent = slept.length;
    await put(proxy);
    const sum = slept.slice(spent).reduce((total, durationMs) => total + durationMs, 0);
    expect(sum).toBeGreaterThan(30_000);
    expect(sum).toBeLessThan(33_000);
  });

  it('carries large bodies both ways', async () => {
    await using proxy = await start();
    const body = someBytes(3 * MIB, 3);
    await call(proxy, '/large', { method: 'PUT', body });
    expect(body.equals(fake.requests[0]?.body ?? Buffer.alloc(0))).toBe(true);
  });
});

describe('a storm', () => {
  const requests = ['LOG/1', 'LOG/2', 'SNAPSHOT/1'].flatMap((key) => [
    asRequest('PUT', key),
    asRequest('GET', key),
  ]);

  test.prop([fc.nat(), fc.shuffledSubarray([...requests, ...requests], { minLength: 12 })])(
    'does the same to the same requests in whatever order they come',
    (seed, shuffled) => {
      const strikes = (order: readonly IncomingMessage[]) => {
        const forecast = storm(seed, { rate: 0.5 });
        return order.map((request) => `${request.method} ${request.url} ${forecast(request)}`).sort();
      };
      expect(strikes(shuffled)).toEqual(strikes([...requests, ...requests]));
    },
  );

  test.prop([fc.nat(), fc.constantFrom(...requests)])('does only what is possible', (seed, request) => {
    const fault = storm(seed, { rate: 1 })(request);
    expect(fault !== undefined && isPossible(fault, request)).toBe(true);
  });

  it('strikes as often as it says, with every fault', () => {
    const forecast = storm(1, { rate: 0.25 });
    const conditional = asRequest('PUT', 'LOG/1', { 'if-none-match': '*', 'content-length': '9' });
    const complete = asRequest('POST', 'LOG/1?uploadId=1');
    const struck = Array.from({ length: 3_000 }, () =>
      [...requests, conditional, complete].map(forecast),
    ).flat();
    const faults = struck.filter((fault) => fault !== undefined);
    expect(faults.length / struck.length).toBeCloseTo(0.25, 1);
    expect([...new Set(faults)].sort()).toEqual([...FAULT_NAMES].sort());
  });
});

function asRequest(method: string, key: string, headers: Record<string, string> = {}): IncomingMessage {
  return { method, url: `/bucket/place/${key}`, headers } as IncomingMessage;
}

/** Waits cost nothing, and are written down. */
function fastClock(slept: number[]): Pick<Clock, 'monotonicMs' | 'sleep'> {
  let nowMs = 0;
  return {
    monotonicMs: () => nowMs,
    async sleep(durationMs) {
      slept.push(durationMs);
      nowMs += durationMs;
    },
  };
}
