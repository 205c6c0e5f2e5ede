import { RigError } from '../../kernel/errors.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { explain, type S3Call } from './s3-errors.ts';
import { giveUpUpload, insist } from './s3-give-up.ts';

/**
 * Does the store refuse to complete a create-only multipart upload of a key that exists? Some servers look at the
 * condition of a plain put only, and would overwrite. Tried on a key of its own, which is removed again.
 */
export async function probeMultipartCreateOnly(bucket: S3Bucket): Promise<boolean> {
  const { sdk, client } = bucket.connection;
  const key = `PROBE/${bucket.options.random.uuid()}`;
  const target = bucket.target(key);
  const call = bucket.call('put', key, 'absent');
  try {
    await client.send(new sdk.PutObjectCommand({ ...target, Body: Buffer.from('probe') }));
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(target));
    const upload = { ...target, UploadId };
    try {
      const part = { PartNumber: 1, Body: Buffer.from('probe') };
      const { ETag } = await client.send(new sdk.UploadPartCommand({ ...upload, ...part }));
      const parts = { MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] }, IfNoneMatch: '*' };
      await client.send(new sdk.CompleteMultipartUploadCommand({ ...upload, ...parts }));
      return false;
    } catch (error) {
      return refuses(error, call);
    } finally {
      await giveUpUpload(bucket, upload);
    }
  } finally {
    await insist(bucket.options, async () => {
      const deleted = client.send(new sdk.DeleteObjectCommand(target));
      return await deleted.then(
        () => true,
        () => false,
      );
    });
  }
}

function refuses(error: unknown, call: S3Call): boolean {
  const explained = explain(error, call);
  if (explained instanceof RigError && explained.code === 'RIG_OBJECT_EXISTS') {
    return true;
  }
  if (explained instanceof RigError && explained.code === 'RIG_STORE_UNSUPPORTED') {
    return false;
  }
  throw error;
}
