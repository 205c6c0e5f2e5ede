import type { CallOptions, Tagging, Tags } from '../contract.ts';
import { assertKey } from '../key.ts';
import type { S3Bucket } from './s3-bucket.ts';
import type { S3Call } from './s3-errors.ts';

export function s3Tagging(bucket: S3Bucket): Tagging {
  return {
    async setTags(key: string, tags: Tags, options: CallOptions = {}): Promise<boolean> {
      assertKey(key);
      return putTags(bucket, key, tags, options.signal);
    },
    async getTags(key: string, options: CallOptions = {}): Promise<Tags | undefined> {
      assertKey(key);
      return getTags(bucket, key, options.signal);
    },
  };
}

function putTags(
  bucket: S3Bucket,
  key: string,
  tags: Tags,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { sdk, client } = bucket.connection;
  const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const command = new sdk.PutObjectTaggingCommand({
    ...bucket.target(key),
    Tagging: { TagSet },
    ...bucket.checksum,
  });
  const call = tagCall(bucket, 'tag', key, 's3:PutObjectTagging');
  return bucket.run<boolean>(
    call,
    signal,
    async (abort) => {
      await client.send(command, abort);
      return true;
    },
    { NoSuchKey: () => false },
  );
}

function getTags(bucket: S3Bucket, key: string, signal: AbortSignal | undefined): Promise<Tags | undefined> {
  const { sdk, client } = bucket.connection;
  const command = new sdk.GetObjectTaggingCommand(bucket.target(key));
  const call = tagCall(bucket, 'read the tags of', key, 's3:GetObjectTagging');
  return bucket.run<Tags | undefined>(
    call,
    signal,
    async (abort) => {
      const { TagSet = [] } = await client.send(command, abort);
      return Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]));
    },
    { NoSuchKey: () => undefined },
  );
}

function tagCall(bucket: S3Bucket, operation: string, key: string, right: string): S3Call {
  return {
    ...bucket.call(operation, key),
    right,
    instead: 'remove objects with "rigctl prune" instead of tagging them',
  };
}
