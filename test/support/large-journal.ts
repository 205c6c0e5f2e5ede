import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { assert } from '../../src/kernel/assert.ts';
import { MIB } from '../../src/kernel/size.ts';

const LINE_FEED = 10;

/** Longer than any record that the tests generate. */
const WINDOW_BYTES = MIB;

/** Writes chunks to a file as they come. */
export async function writeChunks(path: string, chunks: Iterable<Buffer>): Promise<void> {
  await pipeline(Readable.from(chunks), createWriteStream(path));
}

/** The SHA-256 of the file's first bytes, up to each of these offsets, out of one pass over the file. */
export async function prefixDigests(path: string, offsets: readonly number[]): Promise<Map<number, string>> {
  const digests = new Map<number, string>();
  const pending = [...new Set(offsets)].sort((left, right) => left - right);
  const hash = createHash('sha256');
  let at = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: MIB }) as AsyncIterable<Buffer>) {
    let hashed = 0;
    for (let next = pending[0]; next !== undefined && next <= at + chunk.length; next = pending[0]) {
      hash.update(chunk.subarray(hashed, next - at));
      hashed = next - at;
      digests.set(next, hash.copy().digest('hex'));
      pending.shift();
    }
    hash.update(chunk.subarray(hashed));
    at += chunk.length;
  }
  assert(pending.length === 0, 'no offset lies beyond the end of the file');
  return digests;
}

/** Where the line that holds the byte at `offset` begins and ends. */
export async function lineAround(path: string, offset: number): Promise<{ start: number; end: number }> {
  await using file = await open(path);
  const windowStart = Math.max(0, offset - WINDOW_BYTES);
  const { buffer, bytesRead } = await file.read(
    Buffer.alloc(2 * WINDOW_BYTES),
    0,
    2 * WINDOW_BYTES,
    windowStart,
  );
  const window = buffer.subarray(0, bytesRead);
  const at = offset - windowStart;
  const end = window.indexOf(LINE_FEED, at);
  assert(end !== -1, 'the line ends within the window');
  const start = at === 0 ? 0 : window.lastIndexOf(LINE_FEED, at - 1) + 1;
  return { start: windowStart + start, end: windowStart + end + 1 };
}
