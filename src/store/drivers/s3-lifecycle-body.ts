import { Readable } from 'node:stream';
import type {
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
} from '@aws-sdk/client-s3';
import { RigError } from '../../kernel/errors.ts';
import { MIB, showSize } from '../../kernel/size.ts';
import { isAnswer } from './s3-answer.ts';

/** A thousand rules, which is all that a bucket can have, take less. */
const MAX_DOCUMENT_BYTES = 4 * MIB;
const NO_RULES = '<LifecycleConfiguration/>';

/**
 * Notes the body of the answer, to be asked for once it came. The SDK gets a document without rules instead: it would
 * drop what it does not know, or stumble over it.
 */
export function captureBody(command: GetBucketLifecycleConfigurationCommand): () => Uint8Array {
  let captured: Uint8Array = new Uint8Array();
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { response } = result;
      if (isAnswer(response) && response.statusCode === 200) {
        captured = await readAll(response.body);
        response.body = Readable.from([Buffer.from(NO_RULES)]);
      }
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'captureBody' },
  );
  return () => captured;
}

/** Sends this document in place of the one that the SDK made, checksummed and signed as it is. */
export function replaceBody(command: PutBucketLifecycleConfigurationCommand, document: string): void {
  command.middlewareStack.add(
    (next) => (args) => {
      if (isRequest(args.request)) {
        args.request.body = document;
      }
      return next(args);
    },
    { step: 'build', priority: 'high', name: 'replaceBody' },
  );
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of body) {
    lengthBytes += chunk.length;
    if (lengthBytes > MAX_DOCUMENT_BYTES) {
      throw new RigError(
        'RIG_STORE_UNSUPPORTED',
        `the store's lifecycle rules take more than ${showSize(MAX_DOCUMENT_BYTES)}`,
        { hint: 'use "rigctl prune", which needs no lifecycle rules' },
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function isRequest(request: unknown): request is { body: unknown } {
  return typeof request === 'object' && request !== null && 'body' in request;
}
