import type { Clock } from '../../kernel/clock.ts';
import { type ErrorCode, errnoOf, messageOf, RigError, type RigErrorOptions } from '../../kernel/errors.ts';
import { readRetryAfter } from './s3-retry-after.ts';

/** What was asked, for the message and for what an answer means. */
export interface S3Call {
  readonly operation: string;
  readonly bucket: string;
  readonly key?: string | undefined;
  /** `if: 'absent'`. */
  readonly createOnly?: boolean | undefined;
  /** What these credentials need for it, where a denial would not tell: `s3:GetLifecycleConfiguration`. */
  readonly right?: string | undefined;
  /** For calls that many stores lack: what to do where there is none. */
  readonly instead?: string | undefined;
  readonly endpointUrl: string | undefined;
  readonly region: string;
  readonly clock: Clock;
}

/** The parts of the SDK's errors that can be relied on. */
export interface S3Answer {
  readonly status: number;
  /** The server's code (`NoSuchKey`); `Unknown` and the like where the answer has no body. */
  readonly name: string;
  /** Where Amazon says the bucket is. */
  readonly region: string | undefined;
  readonly retryAfter: string | undefined;
  readonly contentType: string | undefined;
}

/** Gives anything that a call of the SDK threw its meaning. Unknown errors, which are bugs, come back as they are. */
export function explain(error: unknown, call: S3Call): unknown {
  if (error instanceof RigError) {
    return error;
  }
  const answer = answerOf(error);
  return answer !== undefined && answer.status >= 300 && isWhole(error, answer)
    ? explainAnswer(error, answer, call)
    : explainNoAnswer(error, call);
}

/**
 * An answer whose words got lost on their way is none, since a status alone can mean this or that: the SDK gives it the
 * name of what went wrong. That a server fails is clear without words.
 */
function isWhole(error: unknown, { status, contentType }: S3Answer): boolean {
  const isOfServer = error instanceof Error && '$fault' in error;
  return status >= 500 || isOfServer || !(whyUnreachable(error) !== undefined || isXml(contentType));
}

/** Gives a body that broke off its meaning: whatever it says, the rest of it did not come. */
export function explainBreak(error: unknown, call: S3Call): unknown {
  const explained = explain(error, call);
  return explained instanceof RigError
    ? explained
    : failed('RIG_STORE_UNAVAILABLE', `cannot ${what(call)}: the connection broke`, call, {
        hint: 'try again',
        cause: error,
      });
}

/** The HTTP status of the answer that an error came from, and the server's name for it. */
export function answerOf(error: unknown): S3Answer | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) {
    return undefined;
  }
  const { httpStatusCode: status } = error.$metadata as { readonly httpStatusCode?: number };
  if (status === undefined) {
    return undefined;
  }
  const response = '$response' in error ? error.$response : undefined;
  const bodyRegion = 'Region' in error && typeof error.Region === 'string' ? error.Region : undefined;
  return {
    status,
    name: error.name,
    region: bodyRegion ?? headerOf(response, 'x-amz-bucket-region'),
    retryAfter: headerOf(response, 'retry-after'),
    contentType: headerOf(response, 'content-type'),
  };
}

/** A header of an HTTP response as the SDK hands it around; names are in lower case. */
export function headerOf(response: unknown, name: string): string | undefined {
  if (typeof response === 'object' && response !== null && 'headers' in response) {
    const value = (response.headers as Readonly<Record<string, string | undefined>>)[name];
    return typeof value === 'string' ? value : undefined;
  }
  return undefined;
}

const DENIED: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  InvalidAccessKeyId: ['the store does not know this access key', 'check AWS_ACCESS_KEY_ID or the profile'],
  SignatureDoesNotMatch: [
    'the secret key does not belong to this access key',
    'check AWS_SECRET_ACCESS_KEY or the profile',
  ],
  ExpiredToken: ['the session token has expired', 'renew the session, for example with "aws sso login"'],
  ExpiredTokenException: [
    'the session token has expired',
    'renew the session, for example with "aws sso login"',
  ],
  TokenRefreshRequired: [
    'the session token has expired',
    'renew the session, for example with "aws sso login"',
  ],
  InvalidToken: ['the session token is not valid', 'check AWS_SESSION_TOKEN or renew the session'],
  RequestTimeTooSkewed: [
    "this machine's clock is too far from the store's",
    'set the clock, for example with "chronyc makestep"',
  ],
};

const WRONG_REGION = [
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
];
const UNKNOWN_OUTCOME = [
  'RequestTimeout',
  'NoSuchUpload',
  'BadDigest',
  'IncompleteBody',
  'XAmzContentSHA256Mismatch',
];
const LATER = [408, 409, 425, 429, 499];
const NOT_NOW_409 = ['ConditionalRequestConflict', 'OperationAborted'];

function explainAnswer(error: unknown, answer: S3Answer, call: S3Call): RigError {
  const { status, name } = answer;
  if (call.createOnly === true && meansExists(answer)) {
    return failed('RIG_OBJECT_EXISTS', `${call.key} exists already`, call, { cause: error });
  }
  if (Object.hasOwn(DENIED, name) || status === 401 || status === 403) {
    return denied(error, answer, call);
  }
  if (isWrongRegion(answer, call)) {
    return wrongRegion(error, answer, call);
  }
  if (name === 'NoSuchBucket') {
    return noSuchBucket(call, error);
  }
  if (isUnsupported(answer, call)) {
    return unsupported(error, answer, call);
  }
  if (status >= 500 || LATER.includes(status) || UNKNOWN_OUTCOME.includes(name)) {
    return later(error, answer, call);
  }
  return failed('RIG_CONFIG_INVALID', `cannot ${what(call)}: the store answered ${status} ${name}`, call, {
    hint: 'check bucket and endpoint: is this an S3 server?',
    cause: error,
  });
}

/** 412, and what other servers say instead of it. A 409 that names a conflict of requests leaves it open. */
function meansExists({ status, name }: S3Answer): boolean {
  return status === 412 || status === 304 || (status === 409 && !NOT_NOW_409.includes(name));
}

/** What stores say to a header, or to a document, that they do not know. */
const NOT_UNDERSTOOD = [
  'InvalidArgument',
  'InvalidRequest',
  'MalformedXML',
  'NotImplemented',
  'UnsupportedHeader',
];

function isUnsupported({ status, name }: S3Answer, { createOnly, instead }: S3Call): boolean {
  const isSpecial = createOnly === true || instead !== undefined;
  return status === 501 || status === 405 || (status === 400 && isSpecial && NOT_UNDERSTOOD.includes(name));
}

function unsupported(error: unknown, { status, name }: S3Answer, call: S3Call): RigError {
  const operation = call.createOnly === true ? 'create-only puts' : call.operation;
  const why = call.instead === undefined ? '' : `: ${messageOf(error)}`;
  const message = `the store does not support ${operation}: ${status} ${name}${why}`;
  const { instead: hint = 'use a store that honours "If-None-Match: *", as Amazon S3 does' } = call;
  return failed('RIG_STORE_UNSUPPORTED', message, call, { hint, cause: error });
}

function denied(error: unknown, { status, name }: S3Answer, call: S3Call): RigError {
  const [why, hint] = (Object.hasOwn(DENIED, name) && DENIED[name]) || [
    `these credentials may not do this (${status} ${name})`,
    call.right === undefined
      ? // A store hides that a key is absent from whoever may not list the bucket, and reading asks for absent keys.
        `allow it in the policy of the user or of bucket ${call.bucket}; reading takes s3:ListBucket as well`
      : `allow ${call.right} in the policy of the user or of bucket ${call.bucket}`,
  ];
  return failed('RIG_STORE_DENIED', `cannot ${what(call)}: ${why}`, call, { hint, cause: error });
}

/** An answer to a head request has no body, and so no name: there the header tells. */
function isWrongRegion({ status, name, region }: S3Answer, call: S3Call): boolean {
  const elsewhere = region !== undefined && region !== call.region;
  return status === 301 || status === 307 || WRONG_REGION.includes(name) || (status === 400 && elsewhere);
}

function wrongRegion(error: unknown, { region }: S3Answer, call: S3Call): RigError {
  const message =
    region === undefined
      ? `bucket ${call.bucket} is not in region ${call.region}`
      : `bucket ${call.bucket} is in region ${region}, not ${call.region}`;
  const hint =
    region === undefined ? 'give the region of the bucket with --region' : `give --region ${region}`;
  return failed('RIG_CONFIG_INVALID', message, call, { hint, cause: error });
}

export function noSuchBucket(call: S3Call, cause?: unknown): RigError {
  return failed('RIG_ARCHIVE_NOT_FOUND', `bucket ${call.bucket} does not exist at ${place(call)}`, call, {
    hint: 'create the bucket, or correct the archive URL or the endpoint',
    cause,
  });
}

function later(error: unknown, { status, name, retryAfter }: S3Answer, call: S3Call): RigError {
  const retryAfterMs = readRetryAfter(retryAfter, call.clock);
  return failed(
    'RIG_STORE_UNAVAILABLE',
    `cannot ${what(call)} now: the store answered ${status} ${name}`,
    call,
    {
      hint: 'try again later',
      cause: error,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  );
}

const NO_CREDENTIALS = ['CredentialsProviderError', 'TokenProviderError', 'ProviderError'];

/** Nothing came back, or nothing that could be read. */
function explainNoAnswer(error: unknown, call: S3Call): unknown {
  const name = error instanceof Error ? error.name : '';
  if (NO_CREDENTIALS.includes(name)) {
    return failed('RIG_STORE_DENIED', `no credentials found for ${place(call)}`, call, {
      hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or choose a profile with --profile',
      cause: error,
    });
  }
  if (messageOf(error).startsWith('Checksum mismatch')) {
    return failed('RIG_CHECKSUM_MISMATCH', `${call.key} does not match the checksum stored with it`, call, {
      hint: 'run "rigctl verify" to see what else is damaged',
      cause: error,
    });
  }
  const why = whyUnreachable(error);
  if (why !== undefined) {
    return failed(
      'RIG_STORE_UNAVAILABLE',
      `cannot ${what(call)}: ${place(call)} is out of reach: ${why}`,
      call,
      {
        hint: 'check the endpoint and the network',
        cause: error,
      },
    );
  }
  const answer = answerOf(error);
  return answer === undefined ? error : unreadable(error, answer, call);
}

/** The SDK calls a connection that broke a timeout too: the error number goes first. */
function whyUnreachable(error: unknown): string | undefined {
  const isTimeout = error instanceof Error && error.name === 'TimeoutError';
  const errno = errnoOf(error) ?? (isTimeout ? 'ETIMEDOUT' : undefined);
  return errno === 'ETIMEDOUT' ? 'no answer in time' : errno;
}

/** XML that cannot be read lost its end on the way; anything else never was an answer of S3. */
function unreadable(error: unknown, { contentType }: S3Answer, call: S3Call): RigError {
  const isBroken = isXml(contentType);
  return failed(
    isBroken ? 'RIG_STORE_UNAVAILABLE' : 'RIG_CONFIG_INVALID',
    isBroken
      ? `cannot ${what(call)}: the answer of ${place(call)} is damaged`
      : `cannot ${what(call)}: ${place(call)} does not answer as S3 does`,
    call,
    { hint: isBroken ? 'try again' : 'check the endpoint: is this an S3 server?', cause: error },
  );
}

function isXml(contentType: string | undefined): boolean {
  return contentType?.includes('xml') === true;
}

function what({ operation, key, bucket }: S3Call): string {
  return key === undefined ? `${operation} ${bucket}` : `${operation} ${key}`;
}

function place({ endpointUrl, region }: S3Call): string {
  return endpointUrl ?? `Amazon S3 in ${region}`;
}

function failed(code: ErrorCode, message: string, call: S3Call, options: RigErrorOptions): RigError {
  const details = { bucket: call.bucket, ...(call.key === undefined ? {} : { object: call.key }) };
  return new RigError(code, message, { details, ...options });
}
