import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { RigError } from '../../kernel/errors.ts';
import type { ListedObject, ListOptions } from '../contract.ts';
import { isKey } from '../key.ts';
import type { S3Bucket } from './s3-bucket.ts';

/** All objects below the prefix, however many pages that takes. */
export async function* listObjects(
  bucket: S3Bucket,
  prefix: string,
  { after, signal }: ListOptions,
): AsyncIterable<ListedObject> {
  const { prefix: base } = bucket.location;
  let previous = after ?? '';
  for await (const page of pages(bucket, prefix, after, signal)) {
    for (const { Key: listed = '', Size: sizeBytes = 0, LastModified: modified } of page.Contents ?? []) {
      const key = (page.EncodingType === 'url' ? decodeKey(listed) : listed).slice(base.length);
      if (isKey(key)) {
        requireOrder(previous, key);
        previous = key;
      }
      if (key !== '') {
        // An object named like the prefix itself is how some tools mark a "directory".
        yield { key, sizeBytes, modifiedAtMs: modified?.getTime() ?? 0 };
        signal?.throwIfAborted();
      }
    }
  }
}

async function* pages(
  bucket: S3Bucket,
  prefix: string,
  after: string | undefined,
  signal: AbortSignal | undefined,
): AsyncIterable<ListObjectsV2CommandOutput> {
  const { sdk, client } = bucket.connection;
  const { bucket: Bucket, prefix: base } = bucket.location;
  // Keys come encoded, so that no key can break the XML.
  const query = { Bucket, Prefix: base + prefix, EncodingType: 'url' as const };
  const start = after === undefined ? {} : { StartAfter: base + after };
  let ContinuationToken: string | undefined;
  do {
    const from = ContinuationToken === undefined ? start : { ContinuationToken };
    const command = new sdk.ListObjectsV2Command({ ...query, ...from });
    const page = await bucket.run(bucket.call('list'), signal, (options) => client.send(command, options));
    requireListing(page, Bucket);
    yield page;
    ContinuationToken = nextToken(page);
  } while (ContinuationToken !== undefined);
}

/** An answer that got lost on its way, or of something that is no store, must not pass for "there is nothing". */
function requireListing({ IsTruncated }: ListObjectsV2CommandOutput, bucket: string): void {
  if (IsTruncated === undefined) {
    throw new RigError('RIG_STORE_UNAVAILABLE', `cannot list ${bucket}: the answer is no listing`, {
      hint: 'check the endpoint: is this an S3 server?',
    });
  }
}

/** @throws RigError RIG_STORE_UNSUPPORTED rather than take the beginning of a listing for the whole. */
function nextToken({ IsTruncated, NextContinuationToken }: ListObjectsV2CommandOutput): string | undefined {
  if (IsTruncated === true && NextContinuationToken === undefined) {
    throw new RigError('RIG_STORE_UNSUPPORTED', 'the store cuts a listing without saying how to go on', {
      hint: 'use a store that implements ListObjectsV2',
    });
  }
  return IsTruncated === true ? NextContinuationToken : undefined;
}

function requireOrder(previous: string, key: string): void {
  if (key <= previous) {
    throw new RigError('RIG_STORE_UNSUPPORTED', `the store lists ${key} after ${previous}, out of order`, {
      hint: 'use a general purpose bucket: directory buckets list in no order',
    });
  }
}

/** A key that is not UTF-8 is not ours: it stays encoded, and is a stray. */
function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    return encoded;
  }
}
