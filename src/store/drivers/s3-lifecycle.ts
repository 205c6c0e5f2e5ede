import type { PutBucketLifecycleConfigurationCommandInput } from '@aws-sdk/client-s3';
import type { CallOptions, Lifecycle, LifecycleConfiguration, WantedLifecycle } from '../contract.ts';
import { decodeLifecycle, NO_LIFECYCLE, readLifecycle, renderLifecycle } from '../lifecycle-document.ts';
import type { S3Bucket } from './s3-bucket.ts';
import type { S3Call } from './s3-errors.ts';
import { captureBody, replaceBody } from './s3-lifecycle-body.ts';

/** A header of its own that belongs to the rules: a put without it sets it back. */
const MINIMUM_SIZE = 'transitionDefaultMinimumObjectSize';

/**
 * The bucket's lifecycle rules, read and written as the bytes that they are: what the SDK makes of them loses every
 * element that it does not know.
 */
export function s3Lifecycle(bucket: S3Bucket): Lifecycle {
  return {
    keyPrefix: bucket.location.prefix,
    read: async ({ signal }: CallOptions = {}) => readRules(bucket, signal),
    write: async (wanted: WantedLifecycle, { signal }: CallOptions = {}) =>
      wanted.rules.length === 0 ? removeRules(bucket, signal) : writeRules(bucket, wanted, signal),
    keepsVersions: async ({ signal }: CallOptions = {}) => keepsVersions(bucket, signal),
  };
}

function readRules(bucket: S3Bucket, signal: AbortSignal | undefined): Promise<LifecycleConfiguration> {
  const { sdk, client } = bucket.connection;
  const command = new sdk.GetBucketLifecycleConfigurationCommand({ Bucket: bucket.location.bucket });
  const body = captureBody(command);
  const call = ruleCall(bucket, 'read the lifecycle rules of', 's3:GetLifecycleConfiguration');
  return bucket.run<LifecycleConfiguration>(
    call,
    signal,
    async (abort) => {
      const { TransitionDefaultMinimumObjectSize: minimumSize } = await client.send(command, abort);
      const document = decodeLifecycle(body());
      const attributes = minimumSize === undefined ? {} : { [MINIMUM_SIZE]: minimumSize };
      return document === '' ? NO_LIFECYCLE : readLifecycle(document, attributes);
    },
    { NoSuchLifecycleConfiguration: () => NO_LIFECYCLE },
  );
}

function writeRules(
  bucket: S3Bucket,
  wanted: WantedLifecycle,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { sdk, client } = bucket.connection;
  const input: PutBucketLifecycleConfigurationCommandInput = {
    Bucket: bucket.location.bucket,
    LifecycleConfiguration: { Rules: [] },
    ...bucket.checksum,
  };
  const minimumSize = wanted.attributes[MINIMUM_SIZE] as typeof input.TransitionDefaultMinimumObjectSize;
  const command = new sdk.PutBucketLifecycleConfigurationCommand(
    minimumSize === undefined ? input : { ...input, TransitionDefaultMinimumObjectSize: minimumSize },
  );
  replaceBody(command, renderLifecycle(wanted));
  const call = ruleCall(bucket, 'write these lifecycle rules to', 's3:PutLifecycleConfiguration');
  return bucket.run<void>(call, signal, async (abort) => void (await client.send(command, abort)));
}

function removeRules(bucket: S3Bucket, signal: AbortSignal | undefined): Promise<void> {
  const { sdk, client } = bucket.connection;
  const command = new sdk.DeleteBucketLifecycleCommand({ Bucket: bucket.location.bucket });
  const call = ruleCall(bucket, 'remove the lifecycle rules of', 's3:PutLifecycleConfiguration');
  return bucket.run<void>(call, signal, async (abort) => void (await client.send(command, abort)), {
    NoSuchLifecycleConfiguration: () => undefined,
  });
}

/** A store that does not know the question keeps no versions. */
function keepsVersions(bucket: S3Bucket, signal: AbortSignal | undefined): Promise<boolean> {
  const { sdk, client } = bucket.connection;
  const command = new sdk.GetBucketVersioningCommand({ Bucket: bucket.location.bucket });
  const call = ruleCall(bucket, 'read whether versions are kept in', 's3:GetBucketVersioning');
  return bucket.run<boolean>(
    call,
    signal,
    async (abort) => (await client.send(command, abort)).Status !== undefined,
    { 405: () => false, 501: () => false },
  );
}

function ruleCall(bucket: S3Bucket, operation: string, right: string): S3Call {
  return {
    ...bucket.call(operation),
    right,
    instead: 'use "rigctl prune" instead, which needs no lifecycle rules',
  };
}
