import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bodyOf } from '../../src/store/body.ts';
import type { Store } from '../../src/store/contract.ts';
import {
  FakeS3,
  fakeOptions,
  respond,
  respondError,
  type Script,
  stubFakeEnvironment,
} from '../support/fake-s3.ts';
import { bytesOf, keysOf } from '../support/store-bytes.ts';

const KEY = 'LOG/0000000000000000';
const ABSENT = { if: 'absent' } as const;
const ANY = { if: 'any' } as const;
const QUICK = { connectMs: 1_000, silenceMs: 200, answerMs: 200 };

let fake: FakeS3;
let store: Store;

beforeEach(stubFakeEnvironment);

afterEach(async () => {
  vi.unstubAllEnvs();
  await store.close();
  await fake.stop();
});

async function serve(script: Script, timeouts = QUICK): Promise<void> {
  fake = await FakeS3.start(script);
  store = await fake.open({ timeouts });
}

const putNew = () => store.put(KEY, bodyOf('x'), ABSENT);

describe('a create-only put that the store refuses', () => {
  it.for([
    [412, 'PreconditionFailed', 'RIG_OBJECT_EXISTS', false],
    [412, '', 'RIG_OBJECT_EXISTS', false],
    [409, 'ObjectAlreadyExists', 'RIG_OBJECT_EXISTS', false],
    [304, '', 'RIG_OBJECT_EXISTS', false],
    [409, 'ConditionalRequestConflict', 'RIG_STORE_UNAVAILABLE', true],
    [409, 'OperationAborted', 'RIG_STORE_UNAVAILABLE', true],
    [501, 'NotImplemented', 'RIG_STORE_UNSUPPORTED', false],
    [400, 'InvalidArgument', 'RIG_STORE_UNSUPPORTED', false],
  ] as const)('with %i %s: %s', async ([status, name, code, retryable]) => {
    await serve((_, response) =>
      name === '' ? respond(response, status) : respondError(response, status, name),
    );
    await expect(putNew()).rejects.toMatchObject({ code, retryable });
    expect(fake.requests).toHaveLength(1);
    expect(fake.requests[0]?.headers['if-none-match']).toBe('*');
  });

  it('is sent once whatever happens: a second time would make an own success "exists"', async () => {
    await serve((_, response) => response.destroy());
    await expect(putNew()).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE', retryable: true });
    expect(fake.requests).toHaveLength(1);
  });

  it('is not taken for an existing object when it was no create-only put', async () => {
    await serve((_, response) => respondError(response, 409, 'OperationAborted'));
    await expect(store.put(KEY, bodyOf('x'), ANY)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
    expect(fake.requests[0]?.headers['if-none-match']).toBeUndefined();
  });
});

describe('credentials', () => {
  it.for([
    [403, 'InvalidAccessKeyId', 'does not know this access key', 'AWS_ACCESS_KEY_ID'],
    [403, 'SignatureDoesNotMatch', 'secret key does not belong', 'AWS_SECRET_ACCESS_KEY'],
    [400, 'ExpiredToken', 'session token has expired', 'aws sso login'],
    [400, 'InvalidToken', 'session token is not valid', 'AWS_SESSION_TOKEN'],
    [403, 'RequestTimeTooSkewed', 'clock is too far', 'set the clock'],
    [403, 'AccessDenied', 'may not do this (403 AccessDenied)', 's3:ListBucket'],
  ] as const)('%i %s says what is wrong and what to do', async ([status, name, message, hint]) => {
    await serve((_, response) => respondError(response, status, name));
    for (const call of [() => store.get(KEY), putNew, () => keysOf(store), () => store.delete([KEY])]) {
      const error = await call().catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'RIG_STORE_DENIED', retryable: false });
      expect(error.message).toContain(message);
      expect(error.hint).toContain(hint);
      expect(`${error.message} ${error.hint} ${JSON.stringify(error.details)}`).not.toMatch(
        /fake-secret-key|Signature=|Credential=/,
      );
    }
  });

  it('that are not set anywhere are a denial before any request', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    await serve((_, response) => respond(response, 200));
    await expect(store.head(KEY)).rejects.toMatchObject({
      code: 'RIG_STORE_DENIED',
      message: expect.stringContaining('no credentials found'),
      hint: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
    expect(fake.requests).toEqual([]);
  });
});

describe('the wrong place', () => {
  const header = { 'x-amz-bucket-region': 'eu-west-1' };
  it.for<[string, Script]>([
    [
      'a body',
      (_, response) =>
        respondError(response, 400, 'AuthorizationHeaderMalformed', {}, '<Region>eu-west-1</Region>'),
    ],
    ['a redirection', (_, response) => respondError(response, 301, 'PermanentRedirect', header)],
    ['a redirection without a body', (_, response) => respond(response, 301, '', header)],
    ['a header alone', (_, response) => respond(response, 400, '', header)],
  ])('names the region that the bucket is in, from %s', async ([, script]) => {
    await serve(script);
    await expect(store.get(KEY)).rejects.toMatchObject({
      code: 'RIG_CONFIG_INVALID',
      message: 'bucket bucket is in region eu-west-1, not us-east-1',
      hint: 'give --region eu-west-1',
    });
  });

  it('tells a missing bucket from a missing key', async () => {
    await serve((_, response) => respondError(response, 404, 'NoSuchBucket'));
    for (const call of [() => store.get(KEY), () => store.head(KEY), putNew, () => keysOf(store)]) {
      await expect(call()).rejects.toMatchObject({
        code: 'RIG_ARCHIVE_NOT_FOUND',
        hint: expect.stringContaining('create the bucket'),
      });
    }
  });

  it('does not take the "not found" of some web server for a missing key', async () => {
    await serve((_, response) => respond(response, 404, '<html>nothing here</html>'));
    await expect(store.get(KEY)).rejects.toMatchObject({ code: 'RIG_CONFIG_INVALID' });
  });

  it('names an endpoint that nobody answers at', async () => {
    await serve((_, response) => respond(response, 200));
    const gone = await FakeS3.start(() => undefined);
    const [other, { url }] = [await gone.open(), gone];
    await gone.stop();
    await expect(other.head(KEY)).rejects.toMatchObject({
      code: 'RIG_STORE_UNAVAILABLE',
      message: `cannot head ${KEY}: ${url} is out of reach: ECONNREFUSED`,
    });
    await other.close();
  });
});

describe('a store that is not well', () => {
  it.for([408, 429, 499, 500, 502, 503, 504])('%i means later', async (status) => {
    await serve((_, response) => respond(response, status));
    await expect(store.get(KEY)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE', retryable: true });
    expect(fake.requests).toHaveLength(1);
  });

  it('says when to come back, in seconds or by date', async () => {
    const options = fakeOptions();
    const date = 'Sat, 21 Nov 2026 10:33:07 GMT';
    const waits = ['7', date, 'soon'];
    fake = await FakeS3.start((_, response) => {
      respondError(response, 503, 'SlowDown', { 'retry-after': waits.shift() ?? '' });
    });
    store = await fake.open(options);
    await expect(store.get(KEY)).rejects.toMatchObject({ retryAfterMs: 7_000 });
    await expect(store.get(KEY)).rejects.toMatchObject({
      retryAfterMs: Date.parse(date) - options.clock.wallMs(),
    });
    await expect(store.get(KEY)).rejects.toMatchObject({ retryAfterMs: undefined });
  });

  it('may never answer', async () => {
    await serve(() => undefined);
    await expect(putNew()).rejects.toMatchObject({
      code: 'RIG_STORE_UNAVAILABLE',
      message: expect.stringContaining('no answer in time'),
    });
  });

  it('may never answer although it takes bytes for long', async () => {
    await serve(() => undefined, { ...QUICK, silenceMs: 60_000 });
    await expect(putNew()).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
  });

  it('may reset a connection, which is no timeout', async () => {
    await serve((_, response) => response.socket?.resetAndDestroy());
    await expect(store.get(KEY)).rejects.toMatchObject({
      code: 'RIG_STORE_UNAVAILABLE',
      message: expect.stringContaining('out of reach: ECONNRESET'),
    });
  });

  it('may give half an answer, which is not what a web server answers', async () => {
    const answers = [
      ['application/xml', '<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>prefix/LO'],
      ['text/html', '<html><p>Welcome!</html>'],
    ] as const;
    let asked = 0;
    await serve((_, response) => {
      const [type = '', body] = answers[asked] ?? [];
      asked += 1;
      respond(response, 200, body, { 'content-type': type });
    });
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE', retryable: true });
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'RIG_CONFIG_INVALID', retryable: false });
  });

  it.for([404, 403, 412, 409, 400, 301])(
    'may break off in the middle of a %i, which then says nothing',
    async (status) => {
      const headers = { 'content-type': 'application/xml' };
      let asked = 0;
      await serve((_, response) => {
        asked += 1;
        if (asked === 1) {
          response.writeHead(status, { ...headers, 'content-length': '1000' });
          response.write('<Error><Code>NoSuch', () => response.destroy());
        } else {
          respond(response, status, '<Error><Code>NoSuch', headers);
        }
      });
      await expect(putNew()).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE', retryable: true });
      await expect(putNew()).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE', retryable: true });
    },
  );

  it('may break off in the middle of a body', async () => {
    await serve((_, response) => {
      response.writeHead(200, { 'content-length': '1000', etag: '"v"' });
      response.write(Buffer.alloc(400), () => response.destroy());
    });
    const object = await store.get(KEY);
    await expect(bytesOf(object)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE', retryable: true });
  });

  it('may fall silent in the middle of a body', async () => {
    await serve((_, response) => {
      response.writeHead(200, { 'content-length': '1000', etag: '"v"' });
      response.write(Buffer.alloc(400));
    });
    await expect(bytesOf(await store.get(KEY))).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
  });

  it('may refuse to delete some of many', async () => {
    const errors = [
      '<Key>prefix/LOG/1</Key><Code>AccessDenied</Code>',
      '<Key>prefix/LOG/0</Key><Code>NoSuchKey</Code>',
    ];
    await serve((_, response) => {
      respond(
        response,
        200,
        `<DeleteResult>${errors.map((error) => `<Error>${error}</Error>`).join('')}</DeleteResult>`,
      );
    });
    await expect(store.delete(['LOG/0', 'LOG/1', 'LOG/2'])).rejects.toMatchObject({
      code: 'RIG_STORE_DENIED',
      details: { objects: ['LOG/1'] },
    });
  });
});
