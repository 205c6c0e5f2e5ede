import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openS3Store, type S3Options } from '../../src/store/drivers/s3.ts';
import { FakeS3, fakeOptions, respond, stubFakeEnvironment } from '../support/fake-s3.ts';

let fake: FakeS3;
let directory: string;

beforeEach(async () => {
  stubFakeEnvironment();
  directory = await mkdtemp(join(tmpdir(), 'rigctl-s3-config-'));
  fake = await FakeS3.start((_, response) => respond(response, 200, '', { etag: '"v"' }));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await fake.stop();
  await rm(directory, { recursive: true });
});

/** What the server sees of a store that was opened in this way: region and access key, from the signature. */
async function seen(
  url: string,
  options: Partial<S3Options> = {},
): Promise<{ region?: string; key?: string }> {
  const store = await openS3Store(new URL(url), { ...fakeOptions(), ...options });
  await store.head('LOG/0');
  await store.close();
  const { path, headers } = fake.requests.at(-1) ?? { path: '', headers: { authorization: '' } };
  expect(path).toBe('/bucket/prefix/LOG/0');
  const [, key, region] = /Credential=([^/]+)\/\d+\/([^/]+)\//.exec(headers.authorization ?? '') ?? [];
  return { ...(region && { region }), ...(key && { key }) };
}

const opened = (url: string, options: Partial<S3Options> = {}) =>
  openS3Store(new URL(url), { ...fakeOptions(), ...options });

describe('the endpoint', () => {
  it('comes from the option before the URL before the environment', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', fake.url);
    await seen('s3://bucket/prefix');
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:9');
    await seen(`s3://bucket/prefix?endpoint=${fake.url}`);
    await seen('s3://bucket/prefix?endpoint=http://127.0.0.1:9', { endpointUrl: fake.url });
    expect(fake.requests).toHaveLength(3);
  });

  it('has the bucket in the path, not in a name that may not resolve', async () => {
    await seen('s3://bucket/prefix', { endpointUrl: fake.url.replace('127.0.0.1', 'localhost') });
  });

  it('comes from AWS_ENDPOINT_URL when nothing is said for S3', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', fake.url);
    expect(await seen('s3://bucket/prefix')).toEqual({ region: 'us-east-1', key: 'AKIAFAKE' });
  });

  it('comes, with region and credentials, from the profile chosen, even where the environment has others', async () => {
    const [config, credentials] = [join(directory, 'config'), join(directory, 'credentials')];
    const services = `[services local]\ns3 =\n  endpoint_url = ${fake.url}\n`;
    await writeFile(config, `[profile backup]\nregion = eu-north-1\nservices = local\n\n${services}`);
    await writeFile(
      credentials,
      '[backup]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret\n',
    );
    vi.stubEnv('AWS_CONFIG_FILE', config);
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', credentials);
    expect(await seen('s3://bucket/prefix', { profile: 'backup' })).toEqual({
      region: 'eu-north-1',
      key: 'AKIAPROFILE',
    });
  });

  it.for(['127.0.0.1:9000', 'ftp://host', 'nonsense', 'https://user:hush@host'])(
    'is refused when it is %s, and no secret is repeated',
    async (endpointUrl) => {
      const error = await opened('s3://bucket', { endpointUrl }).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'RIG_CONFIG_INVALID' });
      expect(error.message).not.toContain('hush');
    },
  );
});

describe('the region', () => {
  it('comes from the option, the URL, AWS_REGION, AWS_DEFAULT_REGION; other servers do without', async () => {
    const endpointUrl = fake.url;
    const environment = { AWS_REGION: 'r-3', AWS_DEFAULT_REGION: 'r-4' };
    const inUrl = 's3://bucket/prefix?region=r-2';
    expect(await seen(inUrl, { endpointUrl, environment, region: 'r-1' })).toMatchObject({ region: 'r-1' });
    expect(await seen(inUrl, { endpointUrl, environment })).toMatchObject({ region: 'r-2' });
    const bare = 's3://bucket/prefix/';
    expect(await seen(bare, { endpointUrl, environment })).toMatchObject({ region: 'r-3' });
    const older = { AWS_DEFAULT_REGION: 'r-4' };
    expect(await seen(bare, { endpointUrl, environment: older })).toMatchObject({ region: 'r-4' });
    expect(await seen(bare, { endpointUrl })).toMatchObject({ region: 'us-east-1' });
  });

  it('must be known for Amazon', async () => {
    await expect(opened('s3://bucket')).rejects.toMatchObject({
      code: 'RIG_CONFIG_INVALID',
      hint: expect.stringContaining('--region'),
    });
  });
});

describe('the URL', () => {
  it.for([
    's3:///prefix',
    's3://bucket:9000/prefix',
    's3://bucket/prefix#part',
    's3://bucket/prefix?acl=public',
    's3://key:hush@bucket/prefix',
    's3://bucket/%ff',
  ])('%s is refused, and no secret is repeated', async (url) => {
    const error = await opened(url, { region: 'us-east-1' }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'RIG_CONFIG_INVALID' });
    expect(error.message).not.toContain('hush');
  });

  it.for([
    ['s3://bucket', 's3://bucket'],
    ['s3://bucket/', 's3://bucket'],
    ['s3://bucket/a/b/?region=us-east-1', 's3://bucket/a/b'],
  ] as const)('%s is %s in messages', async ([url, shown]) => {
    const store = await opened(url, { region: 'us-east-1' });
    expect(store.url).toBe(shown);
    await store.close();
  });

  it('of Amazon itself has create-only multipart uploads for sure', async () => {
    const store = await opened('s3://bucket', { region: 'us-east-1' });
    expect(store.capabilities).toMatchObject({ createOnly: true, multipartCreateOnly: true, replace: true });
    await store.close();
  });
});
