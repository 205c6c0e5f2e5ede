import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { RigError } from '../../kernel/errors.ts';
import { MIB, showSize } from '../../kernel/size.ts';

/** A page of 1,000 keys of 1 KiB, each of their bytes in three, takes far less. */
const MAX_ANSWER_BYTES = 16 * MIB;

/** An HTTP response as the SDK hands it around. */
export interface Answer {
  readonly statusCode: number;
  body: Readable;
}

export function isAnswer(response: unknown): response is Answer {
  return (
    typeof response === 'object' &&
    response !== null &&
    'statusCode' in response &&
    'body' in response &&
    response.body instanceof Readable
  );
}

/** The SDK holds answers whole, an object's bytes excepted: one that is longer than any of S3's is an error. */
export function limitAnswers(client: S3Client): S3Client {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args);
        const { response } = result;
        if (isAnswer(response) && (commandName !== 'GetObjectCommand' || response.statusCode >= 300)) {
          response.body = Readable.from(limited(response.body));
        }
        return result;
      },
    { step: 'deserialize', priority: 'low', name: 'limitAnswers' },
  );
  return client;
}

async function* limited(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let lengthBytes = 0;
  for await (const chunk of body) {
    lengthBytes += chunk.length;
    if (lengthBytes > MAX_ANSWER_BYTES) {
      const most = showSize(MAX_ANSWER_BYTES);
      throw new RigError('RIG_STORE_UNSUPPORTED', `the store gave an answer of more than ${most}`, {
        hint: 'check the endpoint: is this an S3 server?',
      });
    }
    yield chunk;
  }
}
