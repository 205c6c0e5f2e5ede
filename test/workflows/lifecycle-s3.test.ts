import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { applyLifecycle, removeLifecycle } from '../../src/workflows/lifecycle.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';
import { type FakeRequest, FakeS3, respond, respondError, stubFakeEnvironment } from '../support/fake-s3.ts';
import { POLICY } from '../support/lifecycle-rules.ts';
import { refusal } from '../support/line-archive.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { testContext } from '../support/workflow-context.ts';

const DESCRIPTOR = JSON.stringify({
  version: 1,
  id: ARCHIVE_ID,
  format: 'bytes',
  unit: 'byte',
  journal: 'journal',
  createdAt: '2026-11-21T10:32:07.000Z',
});

/** Five rules of others: order, space, comments, entities, and elements that the SDK would drop. */
const RULES = [
  '<Rule>\n\t<Status>Enabled</Status><ID>a &#38; b</ID><!-- why --><Prefix>tmp/</Prefix>' +
    '<Expiration><Days>007</Days></Expiration></Rule>',
  '<Rule><ID>minio</ID><Filter><Prefix>x/</Prefix></Filter><Status>Enabled</Status>' +
    '<DelMarkerExpiration><Days>3</Days></DelMarkerExpiration>' +
    '<Expiration><Days>5</Days><ExpiredObjectAllVersions>true</ExpiredObjectAllVersions></Expiration></Rule>',
  '<Rule ><ID>umlaut \u00e4 \u{1f4be}</ID><Filter><And><Prefix>y/</Prefix><Tag><Key>k</Key><Value>&lt;</Value></Tag>' +
    '</And></Filter><Status>Enabled</Status>' +
    '<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>',
  '<Rule><ID>off</ID><Filter/><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>',
  '<Rule><ID>vendor</ID><Filter><Prefix>z/</Prefix></Filter><Status>Enabled</Status>' +
    '<v:Thing xmlns:v="urn:v" v:a="1"/><Expiration><Date>2090-01-01T00:00:00Z</Date></Expiration></Rule>',
];
const START = '<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
const DOCUMENT = `<?xml version="1.0"?>\n${START}\n  ${RULES.join('\n  ')}\n</LifecycleConfiguration>`;

let fake: FakeS3;
let document = '';
/** What the server makes of the rules that it gets. */
let take: (written: string) => string = (written) => written;

beforeEach(async () => {
  stubFakeEnvironment();
  document = DOCUMENT;
  take = (written) => written;
  fake = await FakeS3.start(answer);
});

afterEach(async () => {
  await fake.stop();
  vi.unstubAllEnvs();
});

function answer({ method, path, query, body }: FakeRequest, response: ServerResponse): void {
  if (query.has('lifecycle')) {
    answerLifecycle(method, body, response);
  } else if (query.has('versioning')) {
    respond(response, 200, '<VersioningConfiguration/>');
  } else if (path.endsWith('/ARCHIVE.json')) {
    respond(response, 200, DESCRIPTOR, { etag: '"1"', 'last-modified': 'Sat, 21 Nov 2026 10:32:07 GMT' });
  } else {
    respondError(response, 404, 'NoSuchKey');
  }
}

function answerLifecycle(method: string, body: Buffer, response: ServerResponse): void {
  if (method === 'GET' && document === '') {
    respondError(response, 404, 'NoSuchLifecycleConfiguration');
  } else if (method === 'GET') {
    respond(response, 200, document, {
      'content-type': 'application/xml',
      'x-amz-transition-default-minimum-object-size': 'varies_by_storage_class',
    });
  } else {
    document = method === 'PUT' ? take(body.toString()) : '';
    respond(response, method === 'PUT' ? 200 : 204);
  }
}

async function workflows() {
  const store = await fake.open();
  const clock = new SimulatedClock();
  const context = { ...testContext(store), clock };
  const change = { backupDirectory: '/', confirm: async () => {}, acceptLoss: async () => {} };
  const finish = <Result>(work: Promise<Result>) => clock.runUntil(work).finally(() => store.close());
  return {
    apply: () => finish(applyLifecycle(context, { ...change, policy: POLICY })),
    remove: () => finish(removeLifecycle(context, change)),
  };
}

function puts(): FakeRequest[] {
  return fake.requests.filter(({ method }) => method === 'PUT');
}

describe('on S3', () => {
  test('every byte of the rules of others is sent as it came, with apply and with remove', async () => {
    expect(await (await workflows()).apply()).toMatchObject({ changed: true });
    expect(document).toContain(RULES.join(''));
    expect(document.match(/<Rule[ >]/g)).toHaveLength(5 + 4);
    expect(document).toContain(
      '<Prefix>prefix/LOG/</Prefix><Tag><Key>rigctl</Key><Value>expendable</Value></Tag>',
    );
    expect(await (await workflows()).remove()).toMatchObject({ changed: true });
    expect(document).toContain(`${START}${RULES.join('')}</LifecycleConfiguration>`);
    for (const { headers } of puts()) {
      expect(headers['x-amz-transition-default-minimum-object-size']).toBe('varies_by_storage_class');
    }
  });

  test('without other rules the configuration is gone after remove', async () => {
    document = '';
    await (await workflows()).apply();
    await (await workflows()).remove();
    expect(document).toBe('');
    expect(fake.requests.at(-2)).toMatchObject({ method: 'DELETE' });
  });

  test('a server that drops an element of a foreign rule gets the old rules back, but cannot keep them', async () => {
    take = (written) => written.replace('<ExpiredObjectAllVersions>true</ExpiredObjectAllVersions>', '');
    const error = await refusal((await workflows()).apply());
    expect(error).toMatchObject({ code: 'RIG_STORE_UNSUPPORTED', details: { restored: false } });
    expect(error.message).toContain('lifecycle rule "minio" is not as it was');
    expect(puts()).toHaveLength(2);
    expect(document).not.toContain('rigctl:');
  });

  test('a server that drops giving up uploads, as MinIO does, is a warning', async () => {
    take = (written) => written.replaceAll(/<AbortIncomplete.*?<\/AbortIncompleteMultipartUpload>/g, '');
    expect(await (await workflows()).apply()).toMatchObject({ changed: true });
  });
});
