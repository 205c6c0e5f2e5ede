import { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { assert } from '../../kernel/assert.ts';
import { RigError } from '../../kernel/errors.ts';
import { isOffset } from '../../kernel/offset.ts';
import type { GetOptions, ObjectInfo, StoredObject } from '../contract.ts';
import { resolveRange } from '../key.ts';
import { readBody } from './s3-body.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { explainBreak, noSuchBucket } from './s3-errors.ts';

export async function getObject(
  bucket: S3Bucket,
  key: string,
  options: GetOptions,
): Promise<StoredObject | undefined> {
  const { startByte, endByte } = resolveRange(options.range, Number.MAX_SAFE_INTEGER);
  if (startByte === endByte) {
    return emptyRange(bucket, key, options);
  }
  const isToEnd = options.range?.endByte === undefined;
  const range =
    isToEnd && startByte === 0 ? {} : { Range: `bytes=${startByte}-${isToEnd ? '' : endByte - 1}` };
  const { sdk, client } = bucket.connection;
  const command = new sdk.GetObjectCommand({ ...bucket.target(key), ...range });
  return bucket.run<StoredObject | undefined>(
    bucket.call('get', key),
    options.signal,
    async (abort) => storedObject(bucket, key, options, await client.send(command, abort)),
    { NoSuchKey: () => undefined, 416: () => emptyRange(bucket, key, options) },
  );
}

export async function headObject(
  bucket: S3Bucket,
  key: string,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo | undefined> {
  const { sdk, client } = bucket.connection;
  const command = new sdk.HeadObjectCommand(bucket.target(key));
  return bucket.run<ObjectInfo | undefined>(
    bucket.call('head', key),
    signal,
    async (abort) => {
      const output = await client.send(command, abort);
      return objectInfo(bucket, output, output.ContentLength ?? 0);
    },
    {
      404: async () => {
        await requireBucket(bucket, signal);
        return undefined;
      },
    },
  );
}

/** Tells a missing bucket from a missing key, which the answer to a head request does not. */
async function requireBucket(bucket: S3Bucket, signal: AbortSignal | undefined): Promise<void> {
  const { sdk, client } = bucket.connection;
  const command = new sdk.HeadBucketCommand({ Bucket: bucket.location.bucket });
  const call = bucket.call('head');
  await bucket.run<unknown>(call, signal, (abort) => client.send(command, abort), {
    403: () => undefined, // these credentials may look at objects only
    404: () => {
      throw noSuchBucket(call);
    },
  });
}

function storedObject(
  bucket: S3Bucket,
  key: string,
  { range, signal }: GetOptions,
  output: GetObjectCommandOutput,
): StoredObject {
  const { ContentLength: lengthBytes, Body: stream } = output;
  assert(stream instanceof Readable, 'the SDK gives bodies as streams');
  const sizeBytes = wholeSize(output, range?.startByte);
  const { startByte, endByte } = resolveRange(range, sizeBytes ?? 0);
  if (sizeBytes === undefined || endByte - startByte !== lengthBytes) {
    stream.destroy();
    throw new RigError('RIG_STORE_UNSUPPORTED', `the store gave other bytes of ${key} than were asked for`, {
      hint: 'use a store that honours "Range"',
      details: { object: key },
    });
  }
  const onBreak = (error: unknown) => explainBreak(error, bucket.call('read', key));
  return { ...objectInfo(bucket, output, sizeBytes), body: readBody(stream, lengthBytes, signal, onBreak) };
}

/** The size of the object that the answer holds, or of which it holds what was asked for; undefined: it does not. */
function wholeSize(
  { ContentLength: lengthBytes, ContentRange }: GetObjectCommandOutput,
  startByte = 0,
): number | undefined {
  if (ContentRange === undefined) {
    return lengthBytes;
  }
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(ContentRange) ?? [];
  const [first = -1, last = -1, sizeBytes = -1] = match.slice(1).map(Number);
  return first === startByte && last < sizeBytes && isOffset(sizeBytes) ? sizeBytes : undefined;
}

/** A range without bytes cannot be asked for; the object's size can. */
async function emptyRange(
  bucket: S3Bucket,
  key: string,
  { range, signal }: GetOptions,
): Promise<StoredObject | undefined> {
  const info = await headObject(bucket, key, signal);
  if (info === undefined) {
    return undefined;
  }
  const { startByte, endByte } = resolveRange(range, info.sizeBytes);
  if (startByte < endByte) {
    throw new RigError('RIG_STORE_UNAVAILABLE', `${key} was replaced while it was read`, {
      hint: 'try again',
      details: { object: key },
    });
  }
  return { ...info, body: noBytes() };
}

async function* noBytes(): AsyncIterable<Uint8Array> {}

function objectInfo(
  { connection }: S3Bucket,
  output: { readonly LastModified?: { getTime(): number } | undefined; readonly ETag?: string | undefined },
  sizeBytes: number,
): ObjectInfo {
  return {
    sizeBytes,
    modifiedAtMs: output.LastModified?.getTime() ?? 0,
    version: output.ETag ?? '',
    storeTimeMs: connection.storeTimeMsOf(output),
  };
}
