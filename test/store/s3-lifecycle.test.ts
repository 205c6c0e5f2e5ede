import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { assert } from '../../src/kernel/assert.ts';
import { MIB } from '../../src/kernel/size.ts';
import type { Lifecycle, Store, Tagging } from '../../src/store/contract.ts';
import { type FakeRequest, FakeS3, respond, respondError, stubFakeEnvironment } from '../support/fake-s3.ts';

type Answer = (response: ServerResponse, request: FakeRequest) => void;

const START = '<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
const FOREIGN = [
  [
    '<Rule >\r\n  <ID>minio</ID><Status>Enabled</Status><Filter/>',
    '<DelMarkerExpiration><Days>1.5</Days></DelMarkerExpiration></Rule>',
  ].join(''),
  [
    '<Rule><Prefix>€/&lt;</Prefix><!-- why --><ID><![CDATA[<]]></ID>',
    "<Expiration x='1'><Days>9</Days></Expiration></Rule >",
  ].join(''),
];
const ADDED = {
  id: 'rigctl:x:log',
  prefix: 'prefix/LOG/',
  tags: { rigctl: 'expendable' },
  expireAfterDays: 3,
};

let fake: FakeS3;
let store: Store;
let answer: Answer;

beforeEach(async () => {
  stubFakeEnvironment();
  fake = await FakeS3.start((request, response) => answer(response, request));
  store = await fake.open();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await store.close();
  await fake.stop();
});

const lifecycle = (): Lifecycle => {
  assert(store.capabilities.lifecycle !== undefined, 'the S3 driver knows lifecycle rules');
  return store.capabilities.lifecycle;
};
const tagging = (): Tagging => {
  assert(store.capabilities.tagging !== undefined, 'the S3 driver knows tags');
  return store.capabilities.tagging;
};
const calls: Record<string, () => Promise<unknown>> = {
  read: () => lifecycle().read(),
  write: () => lifecycle().write({ rules: [ADDED], attributes: {} }),
  remove: () => lifecycle().write({ rules: [], attributes: {} }),
  versions: () => lifecycle().keepsVersions(),
  tag: () => tagging().setTags('LOG/0', { a: '1' }),
  tags: () => tagging().getTags('LOG/0'),
};

/** A server that keeps one document of rules. */
function keep(document: string, headers: Record<string, string> = {}): { document: string } {
  const kept = { document };
  answer = (response, { method, query, body }) => {
    expect(query.has('lifecycle')).toBe(true);
    if (method === 'GET') {
      return respond(response, 200, kept.document, headers);
    }
    kept.document = method === 'PUT' ? body.toString() : '';
    return respond(response, method === 'PUT' ? 200 : 204);
  };
  return kept;
}

describe('lifecycle rules of a bucket', () => {
  it('go back byte for byte, whatever is in them, with ours beside them', async () => {
    const kept = keep(`<?xml version="1.0"?>\n${START}\n${FOREIGN.join('\n')}\n</LifecycleConfiguration>`);
    const { rules, attributes, document } = await lifecycle().read();
    expect(document).toBe(kept.document);
    expect(rules.map(({ unknownElements }) => unknownElements)).toEqual([['DelMarkerExpiration'], []]);
    await lifecycle().write({ rules: [...rules, ADDED], attributes });
    expect(kept.document).toContain(`${START}${FOREIGN.join('')}<Rule><ID>rigctl:x:log</ID>`);
    const again = await lifecycle().read();
    expect(again.rules.map(({ text }) => text)).toEqual([...FOREIGN, expect.any(String)]);
    expect(again.rules[2]).toMatchObject({ ...ADDED, enabled: true });
    expect(lifecycle().keyPrefix).toBe('prefix/');
  });

  it('are sent with the checksum and the signature of their own bytes', async () => {
    keep('');
    await lifecycle().write({ rules: [ADDED], attributes: {} });
    const [{ headers, body, path } = {} as FakeRequest] = fake.requests;
    expect(path).toBe('/bucket/');
    expect(headers['content-md5']).toBe(createHash('md5').update(body).digest('base64'));
    expect(headers['x-amz-content-sha256']).toBe(createHash('sha256').update(body).digest('hex'));
    expect(headers['content-length']).toBe(String(body.length));
    expect(headers['authorization']).toContain('content-md5');
  });

  it('go back with the header that belongs to them', async () => {
    const name = 'x-amz-transition-default-minimum-object-size';
    keep(`${START}${FOREIGN.join('')}</LifecycleConfiguration>`, { [name]: 'varies_by_storage_class' });
    const { rules, attributes } = await lifecycle().read();
    await lifecycle().write({ rules, attributes });
    expect(fake.requests.at(-1)?.headers[name]).toBe('varies_by_storage_class');
    await lifecycle().write({ rules, attributes: {} });
    expect(fake.requests.at(-1)?.headers[name]).toBeUndefined();
  });

  it('are removed with the whole configuration when none is left', async () => {
    keep(`${START}<Rule/></LifecycleConfiguration>`);
    const { attributes } = await lifecycle().read();
    await lifecycle().write({ rules: [], attributes });
    expect(fake.requests.map(({ method }) => method)).toEqual(['GET', 'DELETE']);
  });

  it('are none where the server says so, in each of its ways', async () => {
    answer = (response) => respondError(response, 404, 'NoSuchLifecycleConfiguration');
    expect(await lifecycle().read()).toMatchObject({ rules: [], document: '' });
    keep('');
    expect(await lifecycle().read()).toMatchObject({ rules: [], document: '' });
    keep('<LifecycleConfiguration/>');
    expect(await lifecycle().read()).toMatchObject({ rules: [] });
  });

  it.for([
    ['entities', '<!DOCTYPE a [<!ENTITY b "b">]><LifecycleConfiguration>&b;</LifecycleConfiguration>'],
    ['another document', '<html><body>hello</body></html>'],
  ] as const)('are refused with %s', async ([_, document]) => {
    keep(document);
    await expect(lifecycle().read()).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
  });

  it('are read no further than any rules go', async () => {
    keep(`${START}${' '.repeat(5 * MIB)}</LifecycleConfiguration>`);
    await expect(lifecycle().read()).rejects.toMatchObject({
      code: 'RIG_STORE_UNSUPPORTED',
      message: expect.stringContaining('more than 4'),
    });
  });

  it('that are cut off in the middle are asked for again', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write(START, () => response.destroy());
    };
    await expect(lifecycle().read()).rejects.toMatchObject({
      code: 'RIG_STORE_UNAVAILABLE',
      retryable: true,
    });
  });
});

describe('versions', () => {
  it.for([
    ['<VersioningConfiguration/>', false],
    ['<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>', true],
    ['<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>', true],
  ] as const)('with %s are kept: %s', async ([document, keeps]) => {
    answer = (response) => respond(response, 200, document);
    expect(await lifecycle().keepsVersions()).toBe(keeps);
  });

  it.for([501, 405])('are not kept where nobody knows the question: %i', async (status) => {
    answer = (response) => respondError(response, status, 'NotImplemented');
    expect(await lifecycle().keepsVersions()).toBe(false);
  });
});

describe('a store that refuses', () => {
  it.for([
    ['read', 's3:GetLifecycleConfiguration'],
    ['write', 's3:PutLifecycleConfiguration'],
    ['remove', 's3:PutLifecycleConfiguration'],
    ['versions', 's3:GetBucketVersioning'],
    ['tag', 's3:PutObjectTagging'],
    ['tags', 's3:GetObjectTagging'],
  ] as const)('to %s names the right that is missing: %s', async ([name, right]) => {
    answer = (response) => respondError(response, 403, 'AccessDenied');
    await expect(calls[name]?.()).rejects.toMatchObject({
      code: 'RIG_STORE_DENIED',
      hint: expect.stringContaining(`allow ${right} `),
    });
  });

  it.for([
    [501, 'NotImplemented'],
    [405, 'MethodNotAllowed'],
    [400, 'InvalidRequest'],
  ] as const)('rules or tags with %i %s is unsupported, and "prune" is named', async ([status, code]) => {
    answer = (response) => respondError(response, status, code);
    for (const name of ['read', 'write', 'remove', 'tag', 'tags']) {
      await expect(calls[name]?.(), name).rejects.toMatchObject({
        code: 'RIG_STORE_UNSUPPORTED',
        hint: expect.stringContaining('rigctl prune'),
      });
    }
  });

  it('these rules says why', async () => {
    answer = (response) => respondError(response, 400, 'MalformedXML');
    await expect(calls['write']?.()).rejects.toMatchObject({
      code: 'RIG_STORE_UNSUPPORTED',
      message: expect.stringMatching(/400 MalformedXML: no$/),
    });
  });

  it.for(Object.keys(calls))('to %s now may be asked again', async (name) => {
    for (const status of [503, 409]) {
      answer = (response) => respondError(response, status, status === 409 ? 'OperationAborted' : 'SlowDown');
      await expect(calls[name]?.()).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE', retryable: true });
    }
    answer = (response) => response.destroy();
    await expect(calls[name]?.()).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE', retryable: true });
  });
});

describe('tags of an object', () => {
  it('are sent as a whole, with a checksum that every server knows', async () => {
    answer = (response) => respond(response, 200);
    expect(await tagging().setTags('LOG/0', { a: '<1>', b: '' })).toBe(true);
    const [{ headers, body, path, query, method } = {} as FakeRequest] = fake.requests;
    expect([method, path, query.has('tagging')]).toEqual(['PUT', '/bucket/prefix/LOG/0', true]);
    expect(body.toString()).toContain('<Tag><Key>a</Key><Value>&lt;1&gt;</Value></Tag>');
    expect(headers['content-md5']).toBe(createHash('md5').update(body).digest('base64'));
  });

  it('are asked of an object that is gone', async () => {
    answer = (response) => respondError(response, 404, 'NoSuchKey');
    expect([await tagging().setTags('LOG/0', {}), await tagging().getTags('LOG/0')]).toEqual([
      false,
      undefined,
    ]);
    answer = (response) => respondError(response, 404, 'NoSuchBucket');
    await expect(tagging().getTags('LOG/0')).rejects.toMatchObject({ code: 'RIG_ARCHIVE_NOT_FOUND' });
  });
});
