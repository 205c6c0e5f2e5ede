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
