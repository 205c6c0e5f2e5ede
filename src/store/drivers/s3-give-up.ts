import type { S3Bucket } from './s3-bucket.ts';
import type { S3Options } from './s3-connection.ts';
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
export function giveUpUpload({ connection, options }: S3Bucket, upload: Upload): Promise<boolean> {
  const { sdk, client } = connection;
  const limits = { requestTimeout: ANSWER_MS };
  return insist(options, async () => {
    try {
      await client.send(new sdk.AbortMultipartUploadCommand(upload), limits);
      await client.send(new sdk.ListPartsCommand(upload), limits);
      return false;
    } catch (error) {
      return answerOf(error)?.status === 404;
    }
  });
}

/** Tries a few times to clean up, since nobody else will. `work` says whether it is done; so does the result. */
export async function insist({ clock, random }: S3Options, work: () => Promise<boolean>): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    if (await work()) {
      return true;
    }
    if (attempt === ATTEMPTS) {
      return false;
    }
    await clock.sleep(random.next() * 250 * 2 ** attempt);
  }
}
