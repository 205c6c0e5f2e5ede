import { assert } from '../kernel/assert.ts';
import { crc32 } from '../kernel/digest.ts';
import { KIB } from '../kernel/size.ts';
import type { ByteReader } from './byte-reader.ts';
import { type Codec, LOCATE_BYTES } from './codec.ts';
import { damaged } from './damage.ts';

/** The JSON in front of an object's frames is never longer. */
export const HEADER_LIMIT_BYTES = 16 * KIB;
/** Of a CRC-32 in front of JSON. */
const CRC_BYTES = 4;
/** The beginning of an object that holds any header whole. */
export const HEAD_BYTES = LOCATE_BYTES + CRC_BYTES + HEADER_LIMIT_BYTES;

/** What stands in front of an object's frames. */
export interface Envelope {
  readonly codec: Codec;
  readonly json: Uint8Array;
  readonly framesStart: number;
}

/** Hides an object's header from standard decoders. */
export function wrapEnvelope(codec: Codec, json: Uint8Array): Uint8Array {
  assert(json.length <= HEADER_LIMIT_BYTES, 'a header within its limit');
  return codec.wrapHeader(withCrc(json));
}

/**
 * Reads an object's header and leaves the reader at its first frame.
 * @throws RigError RIG_CHECKSUM_MISMATCH when none of these codecs wrote it, or its CRC does not match.
 */
export async function openEnvelope(
  key: string,
  reader: ByteReader,
  codecs: readonly Codec[],
  kind: 'batch' | 'snapshot',
): Promise<Envelope> {
  const prefix = await reader.take(LOCATE_BYTES);
  for (const codec of codecs) {
    const location = codec.locateHeader(prefix);
    if (location !== undefined) {
      const contentBytes = location.contentEnd - location.contentStart;
      if (contentBytes < CRC_BYTES || contentBytes > CRC_BYTES + HEADER_LIMIT_BYTES) {
        throw damaged(key, `its header claims ${contentBytes} bytes`);
      }
      const rest = await reader.take(Math.max(0, location.framesStart - LOCATE_BYTES));
      const start = Buffer.concat([prefix, rest]);
      const json = withoutCrc(start.subarray(location.contentStart, location.contentEnd));
      if (start.length < location.framesStart || json === undefined) {
        throw damaged(key, 'its header does not match its CRC');
      }
      reader.putBack(start.subarray(location.framesStart));
      return { codec, json, framesStart: location.framesStart };
    }
  }
  throw damaged(key, `it is not a ${kind} of rigctl`);
}

/** `u32le CRC-32 of the JSON`, then the JSON. */
export function withCrc(json: Uint8Array): Uint8Array {
  const checksum = Buffer.alloc(CRC_BYTES);
  checksum.writeUInt32LE(crc32(json), 0);
  return Buffer.concat([checksum, json]);
}

/** The JSON behind its CRC; undefined when they do not match. */
export function withoutCrc(content: Uint8Array): Uint8Array | undefined {
  const json = content.subarray(CRC_BYTES);
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  return content.length >= CRC_BYTES && view.getUint32(0, true) === crc32(json) ? json : undefined;
}
