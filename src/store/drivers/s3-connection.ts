import { Agent as HttpsAgent } from 'node:https';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { type Clock, parseHttpDate } from '../../kernel/clock.ts';
import { RigError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { KIB } from '../../kernel/size.ts';
import { limitAnswers } from './s3-answer.ts';
import { headerOf } from './s3-errors.ts';
import { checkEndpointUrl, type S3Location } from './s3-location.ts';
import { type PageEntry, shortenListings } from './s3-page.ts';

/**
 * Not imported: an import asks a module for all that it exports, and this one, asked for its WebSocket, loads undici:
 * an eighth of the time of a short command.
 */
const { Agent: HttpAgent } = process.getBuiltinModule('node:http');

export interface S3Options {
  readonly clock: Clock;
  readonly random: Random;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Goes before the URL's, and that before `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` and the profile's. */
  readonly endpointUrl?: string | undefined;
  /** Goes before the URL's, and that before `AWS_REGION`, `AWS_DEFAULT_REGION` and the profile's. */
  readonly region?: string | undefined;
  /** Which profile of the shared AWS files gives credentials, endpoint and region. */
  readonly profile?: string | undefined;
  readonly timeouts?: S3Timeouts | undefined;
}

export interface S3Timeouts {
  readonly connectMs: number;
  /** The longest silence on a connection. */
  readonly silenceMs: number;
  /** From a request's start to the answer's; the body of a request gets {@link SLOWEST_BYTES_PER_MS} on top. */
  readonly answerMs: number;
}

export type S3Sdk = typeof import('@aws-sdk/client-s3');

/** A client of one endpoint, and what the driver must know about it. */
export interface S3Connection {
  readonly sdk: S3Sdk;
  readonly client: S3Client;
  /** Undefined: Amazon's own. */
  readonly endpointUrl: string | undefined;
  readonly region: string;
  /** The `Date` of the answer that this output came from. */
  storeTimeMsOf(output: object): number | undefined;
  /** What of a page of a listing went past the SDK: see {@link shortenListings}. */
  entriesOf(page: object): readonly PageEntry[];
  /** How long a request with this many bytes may take until its answer starts. */
  requestTimeoutMs(bodyBytes: number): number;
  close(): void;
}

/** Calls worth having in flight; more of them wait for no connection. */
export const PARALLEL_CALLS = 16;
/** A server works at one page of a listing for about as long as it takes to read here: more wait for this process. */
export const PARALLEL_LISTINGS = 4;

const DEFAULT_TIMEOUTS: S3Timeouts = { connectMs: 3_000, silenceMs: 30_000, answerMs: 60_000 };
const SLOWEST_BYTES_PER_MS = (32 * KIB) / 1_000;

/**
 * Loads the SDK and finds endpoint, region and credentials; makes no request, except where a profile needs one.
 * @throws RigError RIG_CONFIG_INVALID when endpoint or region is wrong or missing.
 */
export async function connect(location: S3Location, options: S3Options): Promise<S3Connection> {
  if (options.profile !== undefined) {
    // The client's own `profile` option leaves out the profile's endpoint; the environment variable does not.
    process.env['AWS_PROFILE'] = options.profile;
  }
  const sdk = await import('@aws-sdk/client-s3');
  const ambient = await readAmbient(sdk);
  const endpointUrl = options.endpointUrl ?? location.endpointUrl ?? ambient.endpointUrl;
  if (endpointUrl !== undefined) {
    checkEndpointUrl(endpointUrl);
  }
  const { environment } = options;
  const region =
    options.region ??
    location.region ??
    environment['AWS_REGION'] ??
    environment['AWS_DEFAULT_REGION'] ??
    ambient.region ??
    (endpointUrl === undefined ? undefined : 'us-east-1');
  if (region === undefined) {
    throw new RigError('RIG_CONFIG_INVALID', `no region is set for bucket ${location.bucket}`, {
      hint: 'give --region, or set AWS_REGION',
    });
  }
  return open(sdk, endpointUrl, region, options);
}

/** What the environment and the shared AWS files say; the SDK knows where to look. */
async function readAmbient(
  sdk: S3Sdk,
): Promise<{ endpointUrl: string | undefined; region: string | undefined }> {
  const { config } = new sdk.S3Client({ logger: silent });
  try {
    return {
      endpointUrl: await config.serviceConfiguredEndpoint?.(),
      region: await config.region().catch(() => undefined),
    };
  } catch (error) {
    throw new RigError('RIG_CONFIG_INVALID', 'cannot read the AWS configuration', {
      hint: 'mend the shared AWS files (~/.aws/config), or choose another profile',
      cause: error,
    });
  }
}

function open(sdk: S3Sdk, endpointUrl: string | undefined, region: string, options: S3Options): S3Connection {
  const timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
  const settings = { ...clientSettings(options, timeouts), ...endpointSettings(endpointUrl), region };
  const storeTimes = new WeakMap<object, number>();
  const pages = new WeakMap<object, readonly PageEntry[]>();
  const client = limitAnswers(shortenListings(timed(new sdk.S3Client(settings), storeTimes), pages));
  return {
    sdk,
    client,
    endpointUrl,
    region,
    storeTimeMsOf: (output) => storeTimes.get(output),
    entriesOf: (page) => pages.get(page) ?? [],
    requestTimeoutMs: (bodyBytes) => Math.ceil(timeouts.answerMs + bodyBytes / SLOWEST_BYTES_PER_MS),
    close: () => client.destroy(),
  };
}

/** Retries are ours: the SDK's would turn an own success into "exists", and its patience ends after 0.1 s. */
function clientSettings({ environment }: S3Options, timeouts: S3Timeouts): S3ClientConfig {
  // Agents of our own: with the SDK's, a body of 2 MiB or more opens a connection of its own and waits on it.
  const agents = { keepAlive: true, maxSockets: PARALLEL_CALLS + 8, proxyEnv: environment };
  return {
    maxAttempts: 1,
    expectContinueHeader: false,
    logger: silent,
    requestHandler: {
      httpAgent: new HttpAgent(agents),
      httpsAgent: new HttpsAgent(agents),
      connectionTimeout: timeouts.connectMs,
      socketTimeout: timeouts.silenceMs,
      requestTimeout: timeouts.answerMs,
      throwOnRequestTimeout: true, // without it the SDK only logs
    },
  };
}

/**
 * Other servers: keys in the path, since their names rarely resolve per bucket, and no checksums of Amazon's
 * own kind.
 */
function endpointSettings(endpointUrl: string | undefined): S3ClientConfig {
  return endpointUrl === undefined
    ? {}
    : {
        endpoint: endpointUrl,
        forcePathStyle: true,
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
      };
}

/** Notes the `Date` header of each answer beside the output it became. */
function timed(client: S3Client, storeTimes: WeakMap<object, number>): S3Client {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const date = headerOf(result.response, 'date');
      const storeTimeMs = date === undefined ? undefined : parseHttpDate(date);
      if (storeTimeMs !== undefined && result.output !== undefined) {
        storeTimes.set(result.output, storeTimeMs);
      }
      return result;
    },
    { step: 'deserialize', priority: 'high', name: 'storeTime' },
  );
  return client;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };
