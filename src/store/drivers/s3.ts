import { RigError } from '../../kernel/errors.ts';
import type {
  CallOptions,
  Capabilities,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  PutResult,
  Store,
  StoredObject,
} from '../contract.ts';
import { assertKey, assertPrefix } from '../key.ts';
import { S3Bucket } from './s3-bucket.ts';
import { connect, PARALLEL_CALLS, PARALLEL_LISTINGS, type S3Options } from './s3-connection.ts';
import { deleteObjects } from './s3-delete.ts';
import { getObject, headObject } from './s3-get.ts';
import { s3Lifecycle } from './s3-lifecycle.ts';
import { listObjects } from './s3-list.ts';
import { parseS3Url } from './s3-location.ts';
import { probeMultipartCreateOnly } from './s3-probe.ts';
import { putObject } from './s3-put.ts';
import { s3Tagging } from './s3-tags.ts';

export type { S3Options } from './s3-connection.ts';

/**
 * Opens `s3://bucket/prefix?endpoint=…&region=…` on Amazon S3 or a server that speaks its protocol. Credentials come
 * from the AWS default chain only. Loads the AWS SDK; makes no request to the store.
 * @throws RigError RIG_CONFIG_INVALID when URL, endpoint or region is wrong.
 */
export async function openS3Store(url: URL, options: S3Options): Promise<Store> {
  const location = parseS3Url(url);
  return new S3Store(new S3Bucket(await connect(location, options), location, options));
}

class S3Store implements Store {
  readonly url: string;
  readonly capabilities: Capabilities;
  readonly #bucket: S3Bucket;
  /** Undefined: not known yet. */
  #multipartCreateOnly: boolean | undefined;

  constructor(bucket: S3Bucket) {
    const { connection, location } = bucket;
    this.url = `s3://${location.bucket}/${location.prefix}`.replace(/\/$/, '');
    this.#bucket = bucket;
    // Amazon documents it; of any other store it is found out before the first large create-only put.
    this.#multipartCreateOnly = connection.endpointUrl === undefined ? true : undefined;
    const holds = () => this.#multipartCreateOnly === true;
    this.capabilities = {
      createOnly: true,
      get multipartCreateOnly() {
        return holds();
      },
      replace: true,
      parallelCalls: PARALLEL_CALLS,
      parallelListings: PARALLEL_LISTINGS,
      tagging: s3Tagging(bucket),
      lifecycle: s3Lifecycle(bucket),
    };
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    assertKey(key);
    return getObject(this.#bucket, key, options);
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<ObjectInfo | undefined> {
    assertKey(key);
    return headObject(this.#bucket, key, signal);
  }

  async put(key: string, body: PutBody, options: PutOptions): Promise<PutResult> {
    assertKey(key);
    return putObject(this.#bucket, key, body, options, async () => {
      if (options.if === 'absent') {
        await this.#requireMultipartCreateOnly();
      }
    });
  }

  list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    assertPrefix(prefix);
    return listObjects(this.#bucket, prefix, options);
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    keys.forEach(assertKey);
    await deleteObjects(this.#bucket, keys, signal);
  }

  async close(): Promise<void> {
    this.#bucket.connection.close();
  }

  async #requireMultipartCreateOnly(): Promise<void> {
    this.#multipartCreateOnly ??= await probeMultipartCreateOnly(this.#bucket);
    if (!this.#multipartCreateOnly) {
      throw new RigError('RIG_STORE_UNSUPPORTED', `a large create-only put would overwrite at ${this.url}`, {
        hint: 'use a store that honours "If-None-Match: *" when a multipart upload completes, as Amazon S3 does',
      });
    }
  }
}
