import { assert } from '../../kernel/assert.ts';
import type { RawPath } from '../../kernel/file-tree.ts';

/**
 * Headers of tar entries, as POSIX has them, with GNU's extensions for long names and large numbers. Written here
 * because no library writes names that are not UTF-8, nor a header without its data.
 */
export interface TarEntry {
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Of any length. A directory's ends in a slash. */
  readonly name: RawPath;
  /** What a symbolic link says. */
  readonly linkName: RawPath;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the data after the header. */
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
}

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const GREATEST_OCTAL_TIME = 8n ** 11n - 1n;
const TYPE_FLAGS = { file: '0', symlink: '2', directory: '5' } as const;
/** GNU's name for an entry that only carries a name for the next one. */
const LONG_NAME = '././@LongLink';

export const END_OF_ARCHIVE_BYTES = 2 * BLOCK_BYTES;

/** How many zeros follow data of this length. */
export function paddingBytesOf(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

/** All blocks that stand in front of an entry's data. */
export function encodeTarHeader(entry: TarEntry): Uint8Array {
  const { kind, name, linkName, sizeBytes, modifiedAtNs } = entry;
  const seconds = modifiedAtNs / 1_000_000_000n;
  const isPlainTime = modifiedAtNs >= 0n && modifiedAtNs % 1_000_000_000n === 0n;
  const fits = seconds >= 0n && seconds <= GREATEST_OCTAL_TIME;
  return Buffer.concat([
    ...(isPlainTime && fits ? [] : carrier('x', 'PaxHeader', paxRecord('mtime', toDecimal(modifiedAtNs)))),
    ...(name.length > NAME_BYTES ? carrier('L', LONG_NAME, `${name}\0`) : []),
    ...(linkName.length > NAME_BYTES ? carrier('K', LONG_NAME, `${linkName}\0`) : []),
    headerBlock({ ...entry, typeFlag: TYPE_FLAGS[kind], sizeBytes, seconds: fits ? Number(seconds) : 0 }),
  ]);
}

/** An entry that says something about the next one. */
function carrier(typeFlag: string, name: string, content: string): Uint8Array[] {
  const data = Buffer.from(content, 'latin1');
  const fixed = { mode: 0o644, uid: 0, gid: 0, linkName: '', seconds: 0 };
  return [
    headerBlock({ ...fixed, typeFlag, name, sizeBytes: data.length }),
    data,
    Buffer.alloc(paddingBytesOf(data.length)),
  ];
}

interface HeaderFields {
  readonly typeFlag: string;
  readonly name: RawPath;
  readonly linkName: RawPath;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly seconds: number;
}

function headerBlock(fields: HeaderFields): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(fields.name.slice(0, NAME_BYTES), 0, 'latin1');
  writeNumber(block, 100, 8, fields.mode);
  writeNumber(block, 108, 8, fields.uid);
  writeNumber(block, 116, 8, fields.gid);
  writeNumber(block, 124, 12, fields.sizeBytes);
  writeNumber(block, 136, 12, fields.seconds);
  block.write(fields.typeFlag, 156, 'latin1');
  block.write(fields.linkName.slice(0, NAME_BYTES), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of block) {
    sum += byte;
  }
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** In octal, or in GNU's base 256 when it has too many digits. */
function writeNumber(block: Buffer, start: number, lengthBytes: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a number that a tar header can hold');
  const octal = value.toString(8);
  if (octal.length < lengthBytes) {
    block.write(octal.padStart(lengthBytes - 1, '0'), start, 'latin1');
  } else {
    block[start] = 0x80;
    block.writeBigUInt64BE(BigInt(value), start + lengthBytes - 8);
    block[start] |= 0x80;
  }
}

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const digits = `${rest.length + `${rest.length}`.length}`.length;
  return `${rest.length + digits}${rest}`;
}

/** Nanoseconds as seconds. */
function toDecimal(timeNs: bigint): string {
  const [sign, absolute] = timeNs < 0n ? ['-', -timeNs] : ['', timeNs];
  const fraction = `${absolute % 1_000_000_000n}`.padStart(9, '0').replace(/0+$/, '');
  return `${sign}${absolute / 1_000_000_000n}${fraction === '' ? '' : '.'}${fraction}`;
}
