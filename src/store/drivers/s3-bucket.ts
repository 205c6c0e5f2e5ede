import type { PutOptions } from '../contract.ts';
import type { S3Connection, S3Options } from './s3-connection.ts';
import { answerOf, explain, type S3Answer, type S3Call } from './s3-errors.ts';
import type { S3Location } from './s3-location.ts';

/** What to do about answers that are not errors to the caller, by the server's code or by HTTP status. */
type Expected<Result> = Readonly<Record<string, () => Result | Promise<Result>>>;

/** The part of a bucket below a prefix, and how to talk to it. */
export class S3Bucket {
  readonly connection: S3Connection;
  readonly location: S3Location;
  readonly options: S3Options;

  constructor(connection: S3Connection, location: S3Location, options: S3Options) {
    this.connection = connection;
    this.location = location;
    this.options = options;
  }

  target(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.location.bucket, Key: this.location.prefix + key };
  }

  condition(condition: PutOptions['if']): { readonly IfNoneMatch?: string } {
    return condition === 'absent' ? { IfNoneMatch: '*' } : {};
  }

  /** For requests that need a checksum of their body: the oldest kind is the one that every other server knows. */
  get checksum(): { readonly ChecksumAlgorithm?: 'MD5' } {
    return this.connection.endpointUrl === undefined ? {} : { ChecksumAlgorithm: 'MD5' };
  }

  call(operation: string, key?: string, condition?: PutOptions['if']): S3Call {
    const { endpointUrl, region } = this.connection;
    const { bucket } = this.location;
    const { clock } = this.options;
    return { operation, bucket, key, createOnly: condition === 'absent', endpointUrl, region, clock };
  }

  /** Makes one request, and gives its errors their meaning. Once aborted, the signal's reason is the error. */
  async run<Result>(
    call: S3Call,
    signal: AbortSignal | undefined,
    request: (options: { readonly abortSignal?: AbortSignal }) => Promise<Result>,
    expected: Expected<Result> = {},
  ): Promise<Result> {
    signal?.throwIfAborted();
    try {
      return await request(signal === undefined ? {} : { abortSignal: signal });
    } catch (error) {
      signal?.throwIfAborted();
      const answer = answerOf(error);
      const handle = answer && handlerOf(expected, answer);
      if (handle === undefined) {
        throw explain(error, call);
      }
      return handle();
    }
  }
}

/** A server that fails says nothing of the key, whatever name it gives; and a name may be anything. */
function handlerOf<Result>(
  expected: Expected<Result>,
  { name, status }: S3Answer,
): Expected<Result>[string] | undefined {
  const known = status < 500 && Object.hasOwn(expected, name) ? name : status;
  return Object.hasOwn(expected, known) ? expected[known] : undefined;
}
