import { randomUUID } from 'node:crypto';
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { assert } from '../../src/kernel/assert.ts';
import { systemClock } from '../../src/kernel/clock.ts';
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
export function freshS3Url(): URL {
  return new URL(`s3://${realS3().bucket}/${randomUUID()}/archive`);
}

/** The keys of uploads in parts that were neither completed nor given up, in the whole bucket. */
export async function unfinishedUploads(): Promise<readonly string[]> {
  const { endpointUrl, bucket: Bucket } = realS3();
  const client = new S3Client({ endpoint: endpointUrl, forcePathStyle: true });
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  client.destroy();
  return Uploads.map(({ Key = '' }) => Key);
}
