import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutBucketVersioningCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { assert } from '../../src/kernel/assert.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { messageOf } from '../../src/kernel/errors.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import type { S3Options } from '../../src/store/drivers/s3.ts';

/** The server that `.ci/with-s3` runs the tests against. Without one they fail: nothing is skipped silently. */
function realS3(): { readonly endpointUrl: string; readonly bucket: string } {
  const { RIGCTL_TEST_S3_ENDPOINT: endpointUrl, RIGCTL_TEST_S3_BUCKET: bucket } = process.env;
  assert(endpointUrl !== undefined && bucket !== undefined, 'no S3 server: run this with .ci/with-s3');
  return { endpointUrl, bucket };
}

export function realS3Options(): S3Options {
  return {
    clock: systemClock,
    random: systemRandom,
    environment: process.env,
    endpointUrl: realS3().endpointUrl,
  };
}

/** A place of its own for each test. */
export function freshS3Url(bucket = realS3().bucket): URL {
  return new URL(`s3://${bucket}/${randomUUID()}/archive`);
}

export async function keepVersions(bucket: string, status: 'Enabled' | 'Suspended'): Promise<void> {
  const client = s3Client();
  const VersioningConfiguration = { Status: status };
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  client.destroy();
}

/** The keys of uploads in parts that were neither completed nor given up, in the whole bucket. */
export async function unfinishedUploads(): Promise<readonly string[]> {
  const { bucket: Bucket } = realS3();
  const client = s3Client();
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  client.destroy();
  return Uploads.map(({ Key = '' }) => Key);
}

/** An upload in parts that was neither completed nor given up. */
export interface UnfinishedUpload {
  /** In the bucket. */
  readonly key: string;
  /** How many parts of it the server has; without any it takes no room. */
  readonly parts: number;
}

/** Those below a URL. */
export async function uploadsLeftBehind({ hostname: Bucket, pathname }: URL): Promise<UnfinishedUpload[]> {
  const client = s3Client();
  const Prefix = pathname.slice(1);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }));
  const left: UnfinishedUpload[] = [];
  for (const { Key, UploadId } of Uploads) {
    try {
      const { Parts = [] } = await client.send(new ListPartsCommand({ Bucket, Key, UploadId }));
      left.push({ key: Key ?? '', parts: Parts.length });
    } catch (error) {
      const isOver = error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404;
      assert(isOver, messageOf(error)); // it was completed or given up just now
    }
  }
  client.destroy();
  return left;
}

/** How many parts uploads below a URL have left behind. */
export async function partsLeftBehind(url: URL): Promise<number> {
  return (await uploadsLeftBehind(url)).reduce((sum, { parts }) => sum + parts, 0);
}

/** A bucket of its own, for what changes a bucket as a whole. */
export async function freshBucket(options: { readonly versioned: boolean }): Promise<S3Bucket> {
  const client = s3Client();
  const Bucket = `rigctl-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket }));
  if (options.versioned) {
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  }
  const listed = async () => {
    const { Versions = [], DeleteMarkers = [] } = await client.send(
      new ListObjectVersionsCommand({ Bucket }),
    );
    return [...Versions, ...DeleteMarkers];
  };
  return {
    url: new URL(`s3://${Bucket}/team/app`),
    versions: async () => (await listed()).map(({ Key = '' }) => Key).sort(),
    async remove() {
      for (const { Key, VersionId } of await listed()) {
        await client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
      }
      await client.send(new DeleteBucketCommand({ Bucket }));
      client.destroy();
    },
  };
}

export interface S3Bucket {
  /** Of an archive in it. */
  readonly url: URL;
  /** The keys of all versions of all objects, and of the markers of removed ones. */
  versions(): Promise<readonly string[]>;
  /** With all that is in it. */
  remove(): Promise<void>;
}

function s3Client(): S3Client {
  return new S3Client({
    endpoint: realS3().endpointUrl,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}
