import { RigError } from '../kernel/errors.ts';
import type { PutBody, StoredObject } from './contract.ts';

/** A body of chunks that are already in memory. They are not copied and must not change. */
export function bodyOf(...chunks: readonly (Uint8Array | string)[]): PutBody {
  const parts = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
  return {
    lengthBytes: parts.reduce((total, part) => total + part.length, 0),
    open: () => parts,
  };
}

/**
 * Reads a whole object into memory.
 * @throws RigError RIG_CHECKSUM_MISMATCH when it has more than `limitBytes`: nothing is held beyond the limit.
 */
export async function readWhole(key: string, object: StoredObject, limitBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of object.body) {
    lengthBytes += chunk.length;
    if (lengthBytes > limitBytes) {
      throw new RigError(
        'RIG_CHECKSUM_MISMATCH',
        `${key} has more than the ${limitBytes} bytes it may have`,
        {
          hint: 'run "rigctl verify" to see what else is damaged',
          details: { object: key, limitBytes },
        },
      );
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, lengthBytes);
}
