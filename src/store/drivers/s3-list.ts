import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { RigError } from '../../kernel/errors.ts';
import { isOffset } from '../../kernel/offset.ts';
import type { ListedObject, ListOptions } from '../contract.ts';
import { isKey } from '../key.ts';
import type { S3Bucket } from './s3-bucket.ts';

/** All objects below the prefix, or a part of them, however many pages that takes. */
export async function* listObjects(
  bucket: S3Bucket,
  prefix: string,
  { after = '', upTo, signal }: ListOptions,
): AsyncIterable<ListedObject> {
  let previous = after;
  for await (const { objects } of pages(bucket, { prefix, after, upTo }, signal)) {
    for (const object of objects) {
      const { key } = object;
      if (isKey(key)) {
        requireOrder(previous, key);
        previous = key;
        if (isBeyond(key, upTo)) {
          return;
        }
      }
      if (key !== '' && !isBeyond(placeOf(key), upTo)) {
        // An object named like the prefix itself is how some tools mark a "directory".
        yield object;
        signal?.throwIfAborted();
      }
    }
  }
}

/** What is listed: keys without the archive's own prefix. */
interface Listing {
  readonly prefix: string;
  /** Empty: from the beginning. */
  readonly after: string;
  /** Undefined: to the end. */
  readonly upTo: string | undefined;
}

interface Page {
  readonly objects: readonly ListedObject[];
  /** Where the next one begins; undefined: there is no more to list. */
  readonly next: string | undefined;
}

/** From the second one on, the next page is asked for while one is read: who wants a few names pays for one page. */
async function* pages(
  bucket: S3Bucket,
  listing: Listing,
  signal: AbortSignal | undefined,
): AsyncGenerator<Page, void, undefined> {
  const first = await askForPage(bucket, listing, undefined, signal);
  yield first;
  const left = new AbortController();
  const ended = AbortSignal.any([left.signal, ...(signal === undefined ? [] : [signal])]);
  const ask = ({ next }: Page) => {
    const asked = next === undefined ? undefined : askForPage(bucket, listing, next, ended);
    asked?.catch(() => undefined); // judged when its turn comes
    return asked;
  };
  let asked = ask(first);
  try {
    while (asked !== undefined) {
      const page: Page = await asked;
      asked = ask(page);
      yield page;
    }
  } finally {
    left.abort();
    await Promise.allSettled([asked]);
  }
}

/** `token`: what the page before it said of where this one begins; undefined: it is the first. */
async function askForPage(
  bucket: S3Bucket,
  { prefix, after, upTo }: Listing,
  token: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Page> {
  const { sdk, client } = bucket.connection;
  const { bucket: Bucket, prefix: base } = bucket.location;
  const start = after === '' ? {} : { StartAfter: base + after };
  // Keys come encoded, so that no key can break the XML.
  const query = { Bucket, Prefix: base + prefix, EncodingType: 'url' as const };
  const from = token === undefined ? start : { ContinuationToken: token };
  const command = new sdk.ListObjectsV2Command({ ...query, ...from });
  const page = await bucket.run(bucket.call('list'), signal, (options) => client.send(command, options));
  requireListing(page, Bucket);
  const objects = objectsOf(bucket, page, base + prefix);
  const next = nextToken(page, token);
  const isLast = objects.some(({ key }) => isKey(key) && isBeyond(key, upTo));
  return { objects, next: isLast ? undefined : next };
}

function isBeyond(place: string, upTo: string | undefined): boolean {
  return upTo !== undefined && place > upTo;
}

/** Where a name is listed: what is no text is still encoded, and lies where its bytes lie. */
function placeOf(name: string): string {
  return name.replace(/%([89A-F][0-9A-F])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
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

/** `prefix`: what all names must begin with, the archive's own prefix included. */
function objectsOf(
  { connection, location }: S3Bucket,
  page: ListObjectsV2CommandOutput,
  prefix: string,
): readonly ListedObject[] {
  const ofSdk = (page.Contents ?? []).map(({ Key, Size, LastModified }) => ({
    key: Key,
    sizeBytes: Size,
    modifiedAtMs: LastModified?.getTime(),
  }));
  const isEncoded = page.EncodingType === 'url';
  return [...connection.entriesOf(page), ...ofSdk].map((entry) => {
    const name = readName(entry.key ?? '', isEncoded, prefix);
    const { sizeBytes, modifiedAtMs } = entry;
    if (!isOffset(sizeBytes) || modifiedAtMs === undefined) {
      throw noListing(`the store lists ${name} without its size or its time`);
    }
    return { key: name.slice(location.prefix.length), sizeBytes, modifiedAtMs };
  });
}

function readName(listed: string, isEncoded: boolean, prefix: string): string {
  const name = isEncoded ? decodeKey(listed) : listed;
  if (listed === '' || !(name ?? prefix).startsWith(prefix)) {
    throw noListing(`the store lists ${JSON.stringify(listed)} below ${JSON.stringify(prefix)}`);
  }
  return name ?? listed;
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
