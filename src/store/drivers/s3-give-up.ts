import type { S3Bucket } from './s3-bucket.ts';
import { answerOf } from './s3-errors.ts';

interface Upload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string | undefined;
}

const ATTEMPTS = 4;
const ANSWER_MS = 10_000;

/**
 * Ends an upload that is not to be completed. A part that arrives after that would stay, unseen and paid for: so it is
 * looked for, and the upload given up again. False: the store was out of reach, what it has of the upload stays there.
 */
export async function giveUpUpload({ connection, options }: S3Bucket, upload: Upload): Promise<boolean> {
  const { sdk, client } = connection;
  const limits = { requestTimeout: ANSWER_MS };
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.send(new sdk.AbortMultipartUploadCommand(upload), limits);
      await client.send(new sdk.ListPartsCommand(upload), limits);
    } catch (error) {
      if (answerOf(error)?.status === 404) {
        return true;
      }
    }
    if (attempt === ATTEMPTS) {
      return false;
    }
    await options.clock.sleep(options.random.next() * 250 * 2 ** attempt);
  }
}
