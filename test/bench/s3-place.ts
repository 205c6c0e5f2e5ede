import { openS3Store } from '../../src/store/drivers/s3.ts';
import { realS3Options } from '../support/real-s3.ts';

/** An S3 server, and a bucket in it for the bench alone. */
export interface S3Place {
  readonly endpointUrl: string;
  readonly bucket: string;
}

/** The server that `.ci/with-s3` started or was told of; undefined without it. */
export function s3PlaceOf({
  RIGCTL_TEST_S3_ENDPOINT: endpointUrl,
  RIGCTL_TEST_S3_BUCKET: bucket,
}: NodeJS.ProcessEnv): S3Place | undefined {
  return endpointUrl === undefined || bucket === undefined ? undefined : { endpointUrl, bucket };
}

/** The URL of an archive. */
export function archiveUrl({ endpointUrl, bucket }: S3Place, prefix: string): string {
  return `s3://${bucket}/${prefix}?endpoint=${encodeURIComponent(endpointUrl)}`;
}

/** Removes all that is below a prefix, whoever has put it there. */
export async function removeObjects(place: S3Place, prefix: string): Promise<void> {
  const store = await openS3Store(new URL(archiveUrl(place, prefix)), realS3Options());
  try {
    const keys: string[] = [];
    for await (const { key } of store.list('')) {
      keys.push(key);
    }
    await store.delete(keys);
  } finally {
    await store.close();
  }
}
