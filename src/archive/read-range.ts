import type { CallOptions, Store } from '../store/contract.ts';
import { ByteReader } from './byte-reader.ts';
import { damaged, vanished } from './damage.ts';

/**
 * Exactly these bytes of an object that is known to have them. May be repeated.
 * @throws RigError RIG_OBJECT_NOT_FOUND when it is gone, RIG_CHECKSUM_MISMATCH when it has become shorter.
 */
export async function readRange(
  store: Store,
  key: string,
  range: { readonly startByte: number; readonly endByte: number },
  options: CallOptions,
): Promise<Uint8Array> {
  const lengthBytes = range.endByte - range.startByte;
  const object = await store.get(key, { ...options, range });
  if (object === undefined) {
    throw vanished(key);
  }
  const reader = new ByteReader(object.body);
  try {
    const bytes = await reader.take(lengthBytes);
    const more = await reader.take(1);
    if (bytes.length !== lengthBytes || more.length > 0) {
      throw damaged(key, `it does not have the bytes ${range.startByte} to ${range.endByte}`);
    }
    return bytes;
  } finally {
    await reader.close();
  }
}
