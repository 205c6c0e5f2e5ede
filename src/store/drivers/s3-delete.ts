import type { _Error } from '@aws-sdk/client-s3';
import { RigError } from '../../kernel/errors.ts';
import type { S3Bucket } from './s3-bucket.ts';

const KEYS_PER_REQUEST = 1_000;

export async function deleteObjects(
  bucket: S3Bucket,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  for (let done = 0; done < keys.length; done += KEYS_PER_REQUEST) {
    await deleteSome(bucket, keys.slice(done, done + KEYS_PER_REQUEST), signal);
  }
}

async function deleteSome(
  bucket: S3Bucket,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { sdk, client } = bucket.connection;
  const { bucket: Bucket, prefix } = bucket.location;
  const Delete = { Quiet: true, Objects: keys.map((key) => ({ Key: prefix + key })) };
  const command = new sdk.DeleteObjectsCommand({ Bucket, Delete, ...bucket.checksum });
  const call = bucket.call('delete from');
  const { Errors = [] } = await bucket.run(call, signal, (options) => client.send(command, options));
  requireDeleted(
    Errors.filter(({ Code }) => Code !== 'NoSuchKey'),
    prefix,
  );
}

/** The answer is "200 OK" even when nothing was removed. */
function requireDeleted(errors: readonly _Error[], prefix: string): void {
  const [first] = errors;
  if (first === undefined) {
    return;
  }
  const objects = errors.map(({ Key: key = '' }) => key.slice(prefix.length));
  const isDenied = first.Code === 'AccessDenied';
  throw new RigError(
    isDenied ? 'RIG_STORE_DENIED' : 'RIG_STORE_UNAVAILABLE',
    `cannot delete ${errors.length} objects, ${objects[0]} among them: ${first.Code}`,
    {
      hint: isDenied ? 'allow s3:DeleteObject for these credentials' : 'try again later',
      details: { objects },
    },
  );
}
