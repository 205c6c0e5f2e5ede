import { errnoOf, RigError } from '../../kernel/errors.ts';
import type { FileHandle } from '../../kernel/filesystem.ts';

/** Part of a snapshot's content, never empty. The bytes are the receiver's. */
export interface LocalPiece {
  readonly bytes: Uint8Array;
  /** Set on the first piece of an entry of a directory: the entry's raw path. Keys ascend in tree order. */
  readonly key?: string;
}

/** A snapshot on this machine, for reading: a file's bytes, or a directory as a tar stream. */
export interface LocalSource {
  readonly content: 'file' | 'tar';
  /** No reading gives more bytes. */
  readonly atMostBytes: number;
  /**
   * The content from its beginning; the same bytes each time.
   * @throws RigError RIG_INCOMPLETE when the snapshot is not what it was when the source was opened, at the latest
   *   when the reading ends; RIG_LOCAL_IO when it cannot be read.
   */
  open(): AsyncIterable<LocalPiece>;
}

/** What is compared with another snapshot at once, so that what changed is stored and what did not is not. */
const PIECE_BYTES = 64 * 1024;
const READ_BYTES = 1024 * 1024;

/** `path` is the snapshot's or that of something in it. */
export function changedWhileRead(path: string): RigError {
  return new RigError('RIG_INCOMPLETE', `snapshot changed while it was read: ${path}`, {
    hint: 'write snapshots elsewhere, rename them into the snapshot directory when complete, then leave them alone',
    details: { path },
  });
}

/** What a call says when what was there a moment ago is gone, or is something else now. */
const CHANGED_ERRNOS: readonly string[] = [
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'ESTALE',
  'ENXIO',
  'EINVAL',
];

/** A system call's error as RIG_INCOMPLETE when the snapshot changed, else RIG_LOCAL_IO; anything else passes. */
export async function reading<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) {
      throw error;
    }
    if (CHANGED_ERRNOS.includes(errno)) {
      throw changedWhileRead(path);
    }
    throw new RigError('RIG_LOCAL_IO', `cannot read snapshot ${path}: ${errno}`, {
      hint: 'check that this user may read all of it, the disk and the system log',
      cause: error,
      details: { path, errno },
    });
  }
}

/** A file's bytes in pieces; `paddingBytes` zeros are added to the last one. */
export async function* readPieces(
  handle: FileHandle,
  path: string,
  sizeBytes: number,
  paddingBytes = 0,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let startBytes = 0; startBytes < sizeBytes; startBytes += READ_BYTES) {
    const lengthBytes = Math.min(READ_BYTES, sizeBytes - startBytes);
    const isLast = startBytes + lengthBytes === sizeBytes;
    const block = Buffer.alloc(lengthBytes + (isLast ? paddingBytes : 0));
    await fill(handle, path, block.subarray(0, lengthBytes), startBytes);
    for (let at = 0; at < lengthBytes; at += PIECE_BYTES) {
      yield block.subarray(at, at + PIECE_BYTES < lengthBytes ? at + PIECE_BYTES : block.length);
    }
  }
}

async function fill(handle: FileHandle, path: string, block: Uint8Array, startBytes: number): Promise<void> {
  for (let doneBytes = 0; doneBytes < block.length; ) {
    const got = await reading(path, () => handle.read(block.subarray(doneBytes), startBytes + doneBytes));
    if (got === 0) {
      throw changedWhileRead(path);
    }
    doneBytes += got;
  }
}
