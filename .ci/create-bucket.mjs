// Creates a bucket with a fresh name at RIGCTL_TEST_S3_ENDPOINT and prints the name.
import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

const Bucket = `rigctl-test-${randomUUID()}`;
const client = new S3Client({
  endpoint: process.env['RIGCTL_TEST_S3_ENDPOINT'],
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
});
await client.send(new CreateBucketCommand({ Bucket }));
client.destroy();
console.log(Bucket);
