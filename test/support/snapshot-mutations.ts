import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { fc } from '@fast-check/vitest';
import { codecNamed } from '../../src/archive/codec.ts';
import { type FrameEntry, frameEntry, storedBytesOf } from '../../src/archive/frame.ts';
import { crc32 } from '../../src/kernel/digest.ts';
import { byteMutation, headerMutation, jsonMutation, type Mutation } from './mutations.ts';

/** A snapshot object's parts; `start` ends where its index begins. */
interface Parts {
  readonly start: Buffer;
  readonly footer: { readonly frames: FrameEntry[]; readonly index: FrameEntry[] };
  readonly index: Buffer;
}

export function takeApart(object: Buffer): Parts {
  const lengthBytes = Number(object.readBigUInt64LE(object.length - 16));
  const footer = JSON.parse(object.toString('utf8', object.length - lengthBytes + 12, object.length - 16));
  const indexEnd = object.length - lengthBytes;
  const indexStart = indexEnd - storedBytesOf(footer.index);
  return { start: object.subarray(0, indexStart), index: object.subarray(indexStart, indexEnd), footer };
}

export const skippable = (content: Buffer) => Buffer.from(codecNamed('zstd').wrapHeader(content));

export function footerFrame(json: Buffer): Buffer {
  const content = Buffer.alloc(4 + json.length + 16);
  content.writeUInt32LE(crc32(json), 0);
  json.copy(content, 4);
  content.writeBigUInt64LE(BigInt(content.length + 8), 4 + json.length);
  content.write('RIGFOOT1', 12 + json.length);
  return skippable(content);
}

/** An object whose footer's JSON is changed, its checksum right again. */
export function withFooter(object: Buffer, change: (json: Buffer) => Buffer): Buffer {
  const { start, index, footer } = takeApart(object);
  return Buffer.concat([start, index, footerFrame(change(Buffer.from(JSON.stringify(footer))))]);
}

/** An object whose index is changed, all checksums but the hash of its pieces right again. */
export function withIndex(object: Buffer, change: (text: Buffer) => Buffer): Buffer {
  const { start, index, footer } = takeApart(object);
  const text = change(zstdDecompressSync(index.subarray(8)));
  const stored = skippable(zstdCompressSync(text));
  const json = JSON.stringify({ ...footer, index: [frameEntry(text.length, stored)] });
  return Buffer.concat([start, stored, footerFrame(Buffer.from(json))]);
}

const footerMutation = jsonMutation.map(
  (mutate): Mutation =>
    (object) =>
      withFooter(object, mutate),
);

/** Lines that are changed, left out, moved or there twice. */
const lineMutation = fc
  .tuple(fc.nat(20), fc.nat(20), jsonMutation, fc.constantFrom('change', 'remove', 'move', 'repeat'))
  .map(
    ([from, to, mutate, how]): Mutation =>
      (object) =>
        withIndex(object, (text) => {
          const lines = text.toString().split('\n').slice(0, -1);
          const index = from % lines.length;
          const line = lines[index] ?? '';
          lines.splice(
            index,
            how === 'repeat' ? 0 : 1,
            ...(how === 'change' ? [mutate(Buffer.from(line)).toString()] : []),
          );
          if (how === 'move' || how === 'repeat') {
            lines.splice(to % (lines.length + 1), 0, line);
          }
          return Buffer.from(lines.map((each) => `${each}\n`).join(''));
        }),
  );

const textMutation = (others: readonly Buffer[]) =>
  byteMutation(others).map(
    (mutate): Mutation =>
      (object) =>
        withIndex(object, mutate),
  );

/** What somebody makes of a snapshot who knows how to mend its checksums. `others` may be mixed into its index. */
export const snapshotMutation = (others: readonly Buffer[]): fc.Arbitrary<Mutation> =>
  fc.oneof(headerMutation, footerMutation, lineMutation, textMutation(others));
