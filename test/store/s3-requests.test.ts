import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MIB } from '../../src/kernel/size.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { Store } from '../../src/store/contract.ts';
import { PARALLEL_CALLS } from '../../src/store/drivers/s3-connection.ts';
import { FakeS3, respond, respondError, type Script, stubFakeEnvironment } from '../support/fake-s3.ts';
import { allOf, bytesOf, keysOf, someBytes } from '../support/store-bytes.ts';

const KEY = 'LOG/0000000000000000';
const ANY = { if: 'any' } as const;
const OBJECT = { etag: '"v"', 'last-modified': 'Sat, 21 Nov 2026 10:32:07 GMT' };

let fake: FakeS3;
let store: Store;

beforeEach(stubFakeEnvironment);

afterEach(async () => {
  vi.unstubAllEnvs();
  await store.close();
  await fake.stop();
});

async function serve(script: Script, url?: string): Promise<void> {
  fake = await FakeS3.start(script);
  store = await fake.open({}, url);
}

describe('a put', () => {
  it('goes as it is: a plain body, signed, with no trailer, no foreign checksum and nothing to wait for', async () => {
    await serve((_, response) => respond(response, 200, '', { etag: '"v"' }));
    const bytes = someBytes(4 * MIB);
    await store.put(KEY, bodyOf(bytes), ANY);
    const [request] = fake.requests;
    expect(request).toMatchObject({ method: 'PUT', path: `/bucket/prefix/${KEY}` });
    expect(bytes.equals(request?.body ?? Buffer.alloc(0))).toBe(true);
    const { headers = {} } = request ?? {};
    expect(headers['content-length']).toBe(String(bytes.length));
    expect(headers['x-amz-content-sha256']).toBe(createHash('sha256').update(bytes).digest('hex'));
    const suspicious =
      /^(expect|content-encoding|transfer-encoding|x-amz-trailer|x-amz-checksum-.*|x-amz-sdk-.*)$/;
    expect(Object.keys(headers).filter((name) => suspicious.test(name))).toEqual([]);
  });

  it('uses the same connection again, also for large bodies', async () => {
    await serve((_, response) => respond(response, 200));
    for (const sizeBytes of [10, 3 * MIB, 10, 3 * MIB]) {
      await store.put(KEY, bodyOf(Buffer.alloc(sizeBytes)), ANY);
    }
    expect(fake.requests.map(({ connection }) => connection)).toEqual([0, 0, 0, 0]);
  });

  it('gives the time of the store', async () => {
    await serve((_, response) => respond(response, 200, '', { date: 'Sat, 21 Nov 2026 10:32:07 GMT' }));
    expect(await store.put(KEY, bodyOf('x'), ANY)).toEqual({ storeTimeMs: 1_795_257_127_000 });
    expect(await store.head(KEY)).toMatchObject({ storeTimeMs: 1_795_257_127_000 });
  });
});

describe('a get', () => {
  it('asks for the range and gives the size of the whole', async () => {
    await serve((_, response) =>
      respond(response, 206, 'cde', { ...OBJECT, 'content-range': 'bytes 2-4/26' }),
    );
    const object = await store.get(KEY, { range: { startByte: 2, endByte: 5 } });
    expect(fake.requests[0]?.headers.range).toBe('bytes=2-4');
    expect(object).toMatchObject({ sizeBytes: 26, version: '"v"', modifiedAtMs: 1_795_257_127_000 });
    expect(String(await bytesOf(object))).toBe('cde');
  });

  it('refuses the whole object where a range was asked for', async () => {
    await serve((_, response) => respond(response, 200, 'abcdefgh', OBJECT));
    await expect(store.get(KEY, { range: { startByte: 2, endByte: 5 } })).rejects.toMatchObject({
      code: 'RIG_STORE_UNSUPPORTED',
    });
    expect((await store.get(KEY, { range: { startByte: 0, endByte: 8 } }))?.sizeBytes).toBe(8);
  });

  it('refused so gives its connection up', async () => {
    await serve((_, response) => {
      response.writeHead(200, { ...OBJECT, 'content-length': String(4 * MIB) });
      response.write(Buffer.alloc(MIB)); // and no more
    });
    for (let time = 0; time < PARALLEL_CALLS * 3; time += 1) {
      await expect(store.get(KEY, { range: { startByte: 2 } })).rejects.toThrow('other bytes');
    }
  });

  it('left early gives its connection up: as many more as there are calls go through', async () => {
    await serve((_, response) => {
      response.writeHead(200, { ...OBJECT, 'content-length': String(4 * MIB) });
      response.write(Buffer.alloc(MIB)); // and no more
    });
    for (let time = 0; time < PARALLEL_CALLS * 3; time += 1) {
      for await (const chunk of (await store.get(KEY))?.body ?? []) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
    }
    expect(fake.requests).toHaveLength(PARALLEL_CALLS * 3);
  });
});

describe('a listing', () => {
  const TIME = '<LastModified>2026-11-21T10:32:07.000Z</LastModified>';
  const listed = (key: string) => `<Contents><Key>${key}</Key>${TIME}<Size>3</Size></Contents>`;
  const page = (keys: readonly string[], next?: string) =>
    `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${next !== undefined}</IsTruncated>${
      next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`
    }${keys.map(listed).join('')}</ListBucketResult>`;

  it('goes on from page to page', async () => {
    const pages = [page(['prefix/a', 'prefix/b'], 'more'), page([], 'even more'), page(['prefix/c'])];
    await serve((_, response) => respond(response, 200, pages.shift()));
    expect(await keysOf(store, '', 'Z')).toEqual(['a', 'b', 'c']);
    const asked = fake.requests.map(({ query }) => [
      query.get('start-after'),
      query.get('continuation-token'),
    ]);
    expect(asked).toEqual([
      ['prefix/Z', null],
      [null, 'more'],
      [null, 'even more'],
    ]);
    expect(fake.requests.map(({ query }) => query.get('encoding-type'))).toEqual(['url', 'url', 'url']);
  });

  it('is asked for a page ahead from the second one on, and left early waits for none', async () => {
    const third = Promise.withResolvers<void>();
    await serve(({ query }, response) => {
      const number = Number(query.get('continuation-token') ?? 0);
      if (number < 2) {
        respond(response, 200, page([`prefix/${2 * number}`, `prefix/${2 * number + 1}`], `${number + 1}`));
      } else {
        third.resolve(); // and no answer
      }
    });
    for await (const { key } of store.list('')) {
      if (key === '1') {
        break;
      }
    }
    expect(fake.requests).toHaveLength(1);
    for await (const { key } of store.list('')) {
      if (key === '2') {
        await third.promise;
        break;
      }
    }
    expect(fake.requests).toHaveLength(4);
  });

  it('is asked for no page beyond the end that is wanted', async () => {
    await serve(({ query }, response) => {
      const number = Number(query.get('continuation-token') ?? 0);
      respond(response, 200, page([`prefix/${2 * number}`, `prefix/${2 * number + 1}`], `${number + 1}`));
    });
    expect(await keysOf(store, '', undefined, '2')).toEqual(['0', '1', '2']);
    expect(fake.requests).toHaveLength(2);
    expect(await keysOf(store, '', undefined, '2-')).toEqual(['0', '1', '2']);
    expect(fake.requests).toHaveLength(4);
  });

  it('says the same when its pages are written in another way', async () => {
    const odd = page(['prefix/a', 'prefix/b']).replace('</Contents>', '<!-- nothing --></Contents>');
    const bodies = [page(['prefix/a', 'prefix/b']), odd];
    await serve((_, response) => respond(response, 200, bodies.shift()));
    const list = async () => Array.fromAsync(store.list(''));
    expect(await list()).toEqual(await list());
  });

  it('decodes keys, under a prefix that needs it and beside strays', async () => {
    const keys = ['my+ar%C3%A7iv%2B/', 'my+ar%C3%A7iv%2B/LOG/1', 'my+ar%C3%A7iv%2B/not+ours%26'];
    await serve((_, response) => respond(response, 200, page(keys)), 's3://bucket/my%20arçiv+');
    expect(await keysOf(store)).toEqual(['LOG/1', 'not ours&']);
    expect(fake.requests[0]?.query.get('prefix')).toBe('my arçiv+/');
  });

  it('leaves a key encoded that is no text', async () => {
    await serve((_, response) => respond(response, 200, page(['prefix/%FF', 'prefix/LOG/1'])));
    expect(await keysOf(store)).toEqual(['%FF', 'LOG/1']);
  });

  it('gives a key that is no text in the range in which its bytes lie', async () => {
    const all = page(['prefix/LOG/1', 'prefix/LOG/2', 'prefix/LOG/%FF']);
    await serve((_, response) => respond(response, 200, all));
    expect(await keysOf(store, 'LOG/', undefined, 'LOG/3')).toEqual(['LOG/1', 'LOG/2']);
    expect(await keysOf(store, 'LOG/')).toEqual(['LOG/1', 'LOG/2', 'LOG/%FF']);
  });

  it.for(['', '<html></html>', '<ListBucketResult/>'])(
    'is not taken for empty when "%s" comes',
    async (body) => {
      await serve((_, response) => respond(response, 200, body));
      await expect(keysOf(store)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
    },
  );

  it('is refused when it is out of order, or cut without a way to go on', async () => {
    const bodies = [
      page(['prefix/b', 'prefix/a']),
      '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>',
    ];
    await serve((_, response) => respond(response, 200, bodies.shift()));
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
  });
});

describe('a deletion', () => {
  it('goes in requests of 1,000 keys with Content-MD5, which every server knows', async () => {
    await serve((_, response) => respond(response, 200, '<DeleteResult/>'));
    await store.delete(Array.from({ length: 2_001 }, (_, at) => `LOG/${at}`));
    expect(fake.requests.map(({ body }) => String(body).split('<Key>').length - 1)).toEqual([
      1_000, 1_000, 1,
    ]);
    for (const { headers, body } of fake.requests) {
      expect(headers['content-md5']).toBe(createHash('md5').update(body).digest('base64'));
      expect(headers).not.toHaveProperty('x-amz-checksum-crc32');
    }
    expect(String(fake.requests[2]?.body)).toContain('<Key>prefix/LOG/2000</Key>');
  });
});

describe('an abort', () => {
  it('ends a request under way with the reason given', async () => {
    const [controller, reason] = [new AbortController(), new Error('enough')];
    await serve(() => controller.abort(reason));
    const { signal } = controller;
    await expect(store.put(KEY, bodyOf('x'), { if: 'absent', signal })).rejects.toBe(reason);
  });

  it('before the call keeps it from the network', async () => {
    await serve((_, response) => respondError(response, 500, 'InternalError'));
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(store.head(KEY, { signal })).rejects.toBe(signal.reason);
    await expect(allOf(store.list('', { signal }))).rejects.toBe(signal.reason);
    expect(fake.requests).toEqual([]);
  });
});
