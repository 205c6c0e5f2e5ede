import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KIB, MIB } from '../../src/kernel/size.ts';
import type { Store } from '../../src/store/contract.ts';
import { FakeS3, respond, respondError, type Script, stubFakeEnvironment } from '../support/fake-s3.ts';
import { bytesOf, keysOf } from '../support/store-bytes.ts';

/** Servers that are not what they seem, or not well: what they say must not pass for what it is not. */

const KEY = 'LOG/0000000000000000';
const MODIFIED = '<LastModified>2026-11-21T10:32:07.000Z</LastModified>';

let fake: FakeS3;
let store: Store;

beforeEach(stubFakeEnvironment);

afterEach(async () => {
  vi.unstubAllEnvs();
  await store.close();
  await fake.stop();
});

async function serve(script: Script): Promise<void> {
  fake = await FakeS3.start(script);
  store = await fake.open();
}

const page = (entries: string, more = '<IsTruncated>false</IsTruncated>') =>
  `<ListBucketResult>${more}${entries}</ListBucketResult>`;

describe('an error', () => {
  it.for(['toString', 'constructor', '__proto__', 'valueOf'])(
    'by the name of %s is one like any other',
    async (name) => {
      let status = 404;
      await serve((_, response) => respondError(response, status, name));
      await expect(store.get(KEY)).rejects.toMatchObject({ code: 'RIG_CONFIG_INVALID' });
      status = 500;
      await expect(store.get(KEY)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
      status = 403;
      await expect(store.get(KEY)).rejects.toMatchObject({ code: 'RIG_STORE_DENIED' });
    },
  );

  it('of the server says nothing of the key, whatever its name', async () => {
    await serve((_, response) => respondError(response, 503, 'NoSuchKey'));
    await expect(store.get(KEY)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
  });

  it.for(['9'.repeat(400), '99999999', 'Fri, 21 Nov 2036 10:32:07 GMT'])(
    'with a wait of %s is waited for an hour',
    async (wait) => {
      await serve((_, response) => respondError(response, 503, 'SlowDown', { 'retry-after': wait }));
      await expect(store.get(KEY)).rejects.toMatchObject({ retryAfterMs: 3_600_000 });
    },
  );

  it.for(['-5', '7, 8', '1e3', 'Sat, 21 Nov 2026 10:32:07', 'Sun, 21 Nov 2026 10:32:07 GMT'])(
    'with a wait of %s says none',
    async (wait) => {
      await serve((_, response) => respondError(response, 503, 'SlowDown', { 'retry-after': wait }));
      await expect(store.get(KEY)).rejects.toMatchObject({ retryAfterMs: undefined });
    },
  );
});

describe('a part of an object', () => {
  it.for([
    'bytes 0-9/*',
    'bytes 0-9/-1',
    'bytes 0-9/1e3',
    'bytes 0-9/0x10',
    'bytes 0-9/9007199254740993',
    'bytes 0-9/4',
    'bytes 5-14/100',
    'bytes */10',
    'something',
    '',
  ])('that says it is "%s" is not the one asked for', async (range) => {
    await serve((_, response) => respond(response, 206, '0123456789', { 'content-range': range }));
    for (const asked of [{ startByte: 0, endByte: 10 }, { startByte: 5 }]) {
      await expect(store.get(KEY, { range: asked })).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
    }
  });

  it('and a whole one without a length are refused: nobody could tell where they end', async () => {
    await serve((_, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.end('0123456789');
    });
    await expect(store.get(KEY)).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
  });

  it('may be the beginning of an object of any size', async () => {
    const headers = { 'content-range': `bytes 0-9/${Number.MAX_SAFE_INTEGER}` };
    await serve((_, response) => respond(response, 206, '0123456789', headers));
    const object = await store.get(KEY, { range: { startByte: 0, endByte: 10 } });
    expect(object?.sizeBytes).toBe(Number.MAX_SAFE_INTEGER);
    expect((await bytesOf(object))?.toString()).toBe('0123456789');
  });
});

describe('a listing', () => {
  it.for([
    ['no size', `<Key>prefix/a</Key>${MODIFIED}`],
    ['a size that is none', `<Key>prefix/a</Key><Size>many</Size>${MODIFIED}`],
    ['a size below nothing', `<Key>prefix/a</Key><Size>-1</Size>${MODIFIED}`],
    ['half a byte', `<Key>prefix/a</Key><Size>1.5</Size>${MODIFIED}`],
    ['a size beyond all numbers', `<Key>prefix/a</Key><Size>9007199254740992</Size>${MODIFIED}`],
    ['no time', '<Key>prefix/a</Key><Size>1</Size>'],
    ['no key', `<Size>1</Size>${MODIFIED}`],
    ['a key of another place', `<Key>other/a</Key><Size>1</Size>${MODIFIED}`],
  ])('of an object with %s is refused', async ([, entry]) => {
    await serve((_, response) => respond(response, 200, page(`<Contents>${entry}</Contents>`)));
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
  });

  it('that goes round in a circle ends', async () => {
    const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>';
    await serve((_, response) => respond(response, 200, page('', more)));
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
    expect(fake.requests).toHaveLength(2);
  });
});

describe('an answer without end', () => {
  it.for<[what: string, status: number, ask: () => Promise<unknown>]>([
    ['a listing', 200, () => keysOf(store)],
    ['the tags', 200, async () => store.capabilities.tagging?.getTags(KEY)],
    ['an error', 500, () => store.get(KEY)],
  ])('in place of %s is refused, and no more than 16 MiB of it held', async ([, status, ask]) => {
    let sentBytes = 0;
    await serve((_, response) => {
      response.writeHead(status, { 'content-type': 'application/xml' });
      const send = () => {
        while (!response.destroyed && sentBytes < 512 * MIB) {
          sentBytes += MIB;
          if (!response.write(Buffer.alloc(MIB, ' '))) {
            response.once('drain', send);
            return;
          }
        }
      };
      send();
    });
    const before = process.resourceUsage().maxRSS;
    await expect(ask()).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
    expect(sentBytes).toBeLessThan(64 * MIB);
    expect((process.resourceUsage().maxRSS - before) * KIB).toBeLessThan(128 * MIB);
  });
});
