import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { RigError } from '../../kernel/errors.ts';
import { isOffset } from '../../kernel/offset.ts';
import type { ListedObject, ListOptions } from '../contract.ts';
import { isKey } from '../key.ts';
import type { S3Bucket } from './s3-bucket.ts';
import type { PageEntry } from './s3-page.ts';

/** All objects below the prefix, however many pages that takes. */
export async function* listObjects(
  bucket: S3Bucket,
  prefix: string,
  { after, signal }: ListOptions,
): AsyncIterable<ListedObject> {
  const { prefix: base } = bucket.location;
  let previous = after ?? '';
  for await (const page of pages(bucket, prefix, after, signal)) {
    for (const entry of entriesOf(bucket, page)) {
      const { name, ...object } = readEntry(entry, page.EncodingType === 'url', base + prefix);
      const key = name.slice(base.length);
      if (isKey(key)) {
        requireOrder(previous, key);
        previous = key;
      }
      if (key !== '') {
        // An object named like the prefix itself is how some tools mark a "directory".
        yield { key, ...object };
        signal?.throwIfAborted();
      }
    }
  }
}

/** From the second one on, the next page is asked for while one is read: who wants a few names pays for one page. */
async function* pages(
  bucket: S3Bucket,
  prefix: string,
  after: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ListObjectsV2CommandOutput, void, undefined> {
  const start = after === undefined ? {} : { StartAfter: bucket.location.prefix + after };
  const first = await askForPage(bucket, prefix, start, signal);
  yield first.page;
  const left = new AbortController();
  const ended = AbortSignal.any([left.signal, ...(signal === undefined ? [] : [signal])]);
  const ask = (ContinuationToken: string | undefined) => {
    const asked =
      ContinuationToken === undefined ? undefined : askForPage(bucket, prefix, { ContinuationToken }, ended);
    asked?.catch(() => undefined); // judged when its turn comes
    return asked;
  };
  let asked = ask(first.next);
  try {
    while (asked !== undefined) {
      const { page, next }: AskedPage = await asked;
      asked = ask(next);
      yield page;
    }
  } finally {
    left.abort();
    await Promise.allSettled([asked]);
  }
}

interface AskedPage {
  readonly page: ListObjectsV2CommandOutput;
  /** Where the next one begins. */
  readonly next: string | undefined;
}

async function askForPage(
  bucket: S3Bucket,
  prefix: string,
  from: { readonly StartAfter?: string; readonly ContinuationToken?: string },
  signal: AbortSignal | undefined,
): Promise<AskedPage> {
  const { sdk, client } = bucket.connection;
  const { bucket: Bucket, prefix: base } = bucket.location;
  // Keys come encoded, so that no key can break the XML.
  const query = { Bucket, Prefix: base + prefix, EncodingType: 'url' as const, ...from };
  const command = new sdk.ListObjectsV2Command(query);
  const page = await bucket.run(bucket.call('list'), signal, (options) => client.send(command, options));
  requireListing(page, Bucket);
  return { page, next: nextToken(page, from.ContinuationToken) };
}

/** An answer that got lost on its way, or of something that is no store, must not pass for "there is nothing". */
function requireListing({ IsTruncated }: ListObjectsV2CommandOutput, bucket: string): void {
  if (IsTruncated === undefined) {
    throw new RigError('RIG_STORE_UNAVAILABLE', `cannot list ${bucket}: the answer is no listing`, {
      hint: 'check the endpoint: is this an S3 server?',
    });
  }
}

/**
 * Where the next page begins; `asked`: where this one did.
 * @throws RigError RIG_STORE_UNSUPPORTED rather than take the beginning of a listing for the whole, or go on for ever.
 */
function nextToken(
  { IsTruncated, NextContinuationToken }: ListObjectsV2CommandOutput,
  asked: string | undefined,
): string | undefined {
  if (IsTruncated !== true) {
    return undefined;
  }
  if (NextContinuationToken === undefined || NextContinuationToken === asked) {
    throw noListing('the store cuts a listing without saying how to go on');
  }
  return NextContinuationToken;
}

function entriesOf({ connection }: S3Bucket, page: ListObjectsV2CommandOutput): readonly PageEntry[] {
  const ofSdk = (page.Contents ?? []).map(({ Key, Size, LastModified }) => ({
    key: Key,
    sizeBytes: Size,
    modifiedAtMs: LastModified?.getTime(),
  }));
  return [...connection.entriesOf(page), ...ofSdk];
}

/** `prefix`: what all names must begin with, the archive's own prefix included. */
function readEntry(
  { key: listed = '', sizeBytes, modifiedAtMs }: PageEntry,
  isEncoded: boolean,
  prefix: string,
): { readonly name: string; readonly sizeBytes: number; readonly modifiedAtMs: number } {
  const name = isEncoded ? decodeKey(listed) : listed;
  if (listed === '' || !(name ?? prefix).startsWith(prefix)) {
    throw noListing(`the store lists ${JSON.stringify(listed)} below ${JSON.stringify(prefix)}`);
  }
  if (!isOffset(sizeBytes) || modifiedAtMs === undefined) {
    throw noListing(`the store lists ${listed} without its size or its time`);
  }
  return { name: name ?? listed, sizeBytes, modifiedAtMs };
}

function noListing(message: string): RigError {
  return new RigError('RIG_STORE_UNSUPPORTED', message, {
    hint: 'check the endpoint, and use a store that implements ListObjectsV2',
  });
}

function requireOrder(previous: string, key: string): void {
  if (key <= previous) {
    throw new RigError('RIG_STORE_UNSUPPORTED', `the store lists ${key} after ${previous}, out of order`, {
      hint: 'use a general purpose bucket: directory buckets list in no order',
    });
  }
}

/** Undefined: it is not UTF-8, and so not ours; it stays encoded, and is a stray. */
function decodeKey(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
