import { RigError } from '../../kernel/errors.ts';
import { isOffset, type Offset } from '../../kernel/offset.ts';

/** How names of 16 digits are to be read, which could be hexadecimal or decimal; undefined: they are refused. */
export type SnapshotNames = 'hex' | 'dec' | undefined;

/**
 * The offset that an entry of a snapshot directory is named by: `0x` and hex digits, 16 hex digits, or fewer than 16
 * decimal digits. Undefined for any other name.
 * @throws RigError RIG_CONFIG_INVALID for 16 decimal digits when `names` does not say how to read them, and for an
 *   offset above 2^53-1.
 */
export function offsetOfName(name: string, names: SnapshotNames): Offset | undefined {
  const radix = radixOf(name, names);
  if (radix === undefined) {
    return undefined;
  }
  const offset = Number.parseInt(name, radix);
  if (!isOffset(offset)) {
    throw new RigError(
      'RIG_CONFIG_INVALID',
      `snapshot ${name} is named by an offset above 2^53-1, the largest there is`,
      {
        hint: 'name snapshots by the journal offset they were taken at, or move what is none elsewhere',
        details: { name },
      },
    );
  }
  return offset;
}

/** Names that are not final, or not meant for others: they mean nothing yet. */
export function isPassedOver(name: string): boolean {
  return name.startsWith('.') || name.endsWith('.tmp');
}

function radixOf(name: string, names: SnapshotNames): 10 | 16 | undefined {
  if (/^[0-9]{1,15}$/.test(name)) {
    return 10;
  }
  if (/^[0-9]{16}$/.test(name)) {
    if (names === undefined) {
      throw new RigError(
        'RIG_CONFIG_INVALID',
        `snapshot ${name} could be named in hexadecimal or in decimal`,
        {
          hint: 'say which: add --snapshot-names hex or --snapshot-names dec',
          details: { name },
        },
      );
    }
    return names === 'hex' ? 16 : 10;
  }
  return /^(?:0x[0-9a-f]+|[0-9a-f]{16})$/i.test(name) ? 16 : undefined;
}
