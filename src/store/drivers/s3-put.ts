import { MIB } from '../../kernel/size.ts';
import type { PutBody, PutOptions, PutResult } from '../contract.ts';
import { gather } from './s3-body.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { putInParts } from './s3-multipart.ts';

/** Above this a body goes in parts; the largest batch, a record of 64 MiB with its header, is below it. */
const SINGLE_PUT_BYTES = 80 * MIB;

/** `beforeParts`: see {@link putInParts}. */
export async function putObject(
  bucket: S3Bucket,
  key: string,
  body: PutBody,
  options: PutOptions,
  beforeParts: () => Promise<void>,
): Promise<PutResult> {
  options.signal?.throwIfAborted();
  const putWhole = (bytes: Uint8Array) => putBytes(bucket, key, bytes, options);
  return body.lengthBytes !== undefined && body.lengthBytes <= SINGLE_PUT_BYTES
    ? putWhole(await gather(body))
    : putInParts({ bucket, key, beforeParts, putWhole }, body, options);
}

function putBytes(
  bucket: S3Bucket,
  key: string,
  bytes: Uint8Array,
  { if: condition, signal }: PutOptions,
): Promise<PutResult> {
  const { sdk, client, requestTimeoutMs, storeTimeMsOf } = bucket.connection;
  const command = new sdk.PutObjectCommand({
    ...bucket.target(key),
    Body: bytes,
    ...bucket.condition(condition),
  });
  const requestTimeout = requestTimeoutMs(bytes.length);
  return bucket.run(bucket.call('put', key, condition), signal, async (abort) => {
    const output = await client.send(command, { ...abort, requestTimeout });
    return { storeTimeMs: storeTimeMsOf(output) };
  });
}
