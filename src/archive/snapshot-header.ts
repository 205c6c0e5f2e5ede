import { assert } from '../kernel/assert.ts';
import { isSha256, type Sha256 } from '../kernel/digest.ts';
import { isOffset, type Offset } from '../kernel/offset.ts';
import type { JsonObject } from './json.ts';
import { decodeVersioned } from './versioned.ts';

/** What a snapshot is an image of. */
export type SnapshotOf = 'state' | 'journal';
/** How the image's bytes are to be taken: as one file, or as a tar stream of a directory. */
export type SnapshotContent = 'file' | 'tar';

/** What a snapshot object says of itself in front of its frames. Man page rigctl-archive(5) is the reference. */
export interface SnapshotHeader {
  readonly v: 1;
  readonly kind: 'snapshot';
  /** The archive's id. */
  readonly archive: string;
  readonly at: Offset;
  readonly of: SnapshotOf;
  readonly content: SnapshotContent;
  /** The greatest cut not beyond `at`: the batches after the snapshot begin there. */
  readonly cut: Offset;
  /** The chain at `cut`. */
  readonly chain: Sha256;
  readonly epoch: number;
  /** RFC 3339, when it was sealed. */
  readonly createdAt: string;
  /** Of an increment only: the snapshot whose pieces it shares, and the `sha256` in that one's footer. */
  readonly base?: Offset | undefined;
  readonly baseSha256?: Sha256 | undefined;
}

/** The header as JSON. What it asserts, {@link decodeSnapshotHeader} checks. */
export function encodeSnapshotHeader(header: SnapshotHeader): Uint8Array {
  const problem = findProblem(header);
  assert(problem === undefined, `a snapshot header to be valid: ${problem}`);
  return Buffer.from(JSON.stringify(header));
}

/**
 * Reads a header back.
 * @throws RigError RIG_VERSION_UNKNOWN for another version; RIG_CHECKSUM_MISMATCH for anything that no writer of
 *   version 1 writes.
 */
export function decodeSnapshotHeader(key: string, json: Uint8Array): SnapshotHeader {
  return decodeVersioned(key, json, {
    what: 'header',
    hasTypes: hasHeaderTypes,
    findProblem,
    offsetOf: ({ at }) => at,
  });
}

function hasHeaderTypes(value: JsonObject): value is JsonObject & SnapshotHeader {
  const { kind, archive, at, of, content, cut, chain, epoch, createdAt, base, baseSha256 } = value;
  return (
    kind === 'snapshot' &&
    typeof archive === 'string' &&
    [at, cut, epoch].every(isOffset) &&
    (of === 'state' || of === 'journal') &&
    (content === 'file' || content === 'tar') &&
    isSha256(chain) &&
    typeof createdAt === 'string' &&
    (base === undefined || isOffset(base)) &&
    (baseSha256 === undefined || isSha256(baseSha256))
  );
}

/** What makes this no header of version 1, or undefined when nothing does. */
function findProblem({ at, of, content, cut, epoch, base, baseSha256 }: SnapshotHeader): string | undefined {
  if (cut > at) {
    return 'its cut is beyond its offset';
  }
  if (of === 'journal' && content !== 'file') {
    return 'a journal is one file';
  }
  if (epoch < 1) {
    return 'epochs count from 1';
  }
  if ((base === undefined) !== (baseSha256 === undefined)) {
    return 'a base has an offset and a hash';
  }
  // So no chain ever comes back to where it has been.
  return base !== undefined && base >= at ? 'its base is not an earlier snapshot' : undefined;
}
