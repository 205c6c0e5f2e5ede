import { RigError } from '../../kernel/errors.ts';

/** What an `s3:` URL says: where the keys live, and what it asks of the connection. */
export interface S3Location {
  readonly bucket: string;
  /** Goes before every key: empty, or with a final slash. */
  readonly prefix: string;
  readonly endpointUrl: string | undefined;
  readonly region: string | undefined;
}

/**
 * Reads `s3://bucket/prefix?endpoint=…&region=…`.
 * @throws RigError RIG_CONFIG_INVALID for anything it does not know, credentials among them.
 */
export function parseS3Url(url: URL): S3Location {
  if (url.username !== '' || url.password !== '') {
    throw invalid(
      'an s3 URL holds no credentials',
      'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
    );
  }
  if (url.hostname === '' || url.port !== '' || url.hash !== '') {
    throw invalid(`${url.href} is not an s3 URL`, 'write it as s3://bucket/prefix');
  }
  const known = ['endpoint', 'region'];
  for (const name of url.searchParams.keys()) {
    if (!known.includes(name)) {
      throw invalid(`an s3 URL has no parameter "${name}"`, `use ${known.join(' or ')}, or leave it out`);
    }
  }
  const endpoint = url.searchParams.get('endpoint');
  return {
    bucket: url.hostname,
    prefix: readPrefix(url),
    endpointUrl: endpoint === null ? undefined : endpoint,
    region: url.searchParams.get('region') ?? undefined,
  };
}

function readPrefix(url: URL): string {
  try {
    const path = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
    return path === '' ? '' : `${path}/`;
  } catch {
    throw invalid(`${url.pathname} is not a well-formed prefix`, 'write a percent sign as %25');
  }
}

/** @throws RigError RIG_CONFIG_INVALID unless it is an http or https URL without credentials. */
export function checkEndpointUrl(text: string): void {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalid(`the endpoint "${text}" is not a URL`, 'write it as https://host or http://host:port');
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid(
      `the endpoint at ${url.host} holds credentials`,
      'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
    );
  }
}

function invalid(message: string, hint: string): RigError {
  return new RigError('RIG_CONFIG_INVALID', message, { hint });
}
