import type { Header } from 'tar-stream';
import { messageOf, RigError } from '../kernel/errors.ts';
import { type RawPath, showRawPath, toRawPath } from '../kernel/file-tree.ts';

/** An entry of a tar stream, as far as it is checked without knowing the others. */
export interface TreeEntry {
  readonly kind: 'file' | 'directory' | 'symlink';
  /** From the root, which itself is `.`; every part of it is a name. */
  readonly path: RawPath;
  /** Of the directory it is in; undefined for the root. */
  readonly parent: RawPath | undefined;
  readonly name: RawPath;
  readonly linkName: RawPath;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
}

const HINT = 'find out who wrote this snapshot, or restore to a point before it with --at';

/** Content that rigctl did not write. */
export function unwelcome(path: RawPath, what: string): RigError {
  return new RigError('RIG_RECORD_MALFORMED', `snapshot holds an entry that ${what}: ${showRawPath(path)}`, {
    hint: HINT,
    details: { entry: showRawPath(path) },
  });
}

export function notATar(cause: unknown): RigError {
  return new RigError('RIG_RECORD_MALFORMED', `snapshot is not a tar stream: ${messageOf(cause)}`, {
    hint: HINT,
    cause,
  });
}

/** @throws RigError RIG_RECORD_MALFORMED for an entry that is nothing a tree holds, or would lead out of the tree. */
export function readTreeEntry(header: Header): TreeEntry {
  const { path: longName, linkpath: longLinkName, mtime } = (header.pax ?? {}) as Record<string, string>;
  const name = longName === undefined ? header.name : toRawPath(longName);
  const linkName = longLinkName === undefined ? (header.linkname ?? '') : toRawPath(longLinkName);
  const kind = header.type;
  if (kind !== 'file' && kind !== 'directory' && kind !== 'symlink') {
    throw unwelcome(name, 'is neither a file nor a directory nor a symbolic link');
  }
  if (kind === 'symlink' && linkName === '') {
    throw unwelcome(name, 'is a symbolic link to nothing');
  }
  const modifiedAtNs = mtime === undefined ? toNs(header.mtime.getTime() / 1_000) : readDecimal(mtime);
  const numbers = [header.mode, header.uid, header.gid, header.size];
  if (modifiedAtNs === undefined || !numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    throw unwelcome(name, 'has a number that none can have');
  }
  const { mode, uid, gid, size: sizeBytes } = header;
  return { kind, ...place(name), linkName, mode: mode & 0o7777, uid, gid, sizeBytes, modifiedAtNs };
}

function place(name: RawPath): Pick<TreeEntry, 'path' | 'parent' | 'name'> {
  const path = name.replace(/^\.\//, '').replace(/\/$/, '');
  if (path === '' || path === '.') {
    return { path: '.', parent: undefined, name: '.' };
  }
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) {
    throw unwelcome(name, 'leads out of the target');
  }
  return { path, parent: parts.slice(0, -1).join('/') || '.', name: parts.at(-1) ?? '' };
}

function toNs(seconds: number): bigint | undefined {
  return Number.isSafeInteger(seconds) ? BigInt(seconds) * 1_000_000_000n : undefined;
}

function readDecimal(seconds: string): bigint | undefined {
  const [, sign, whole = '', fraction = ''] = /^(-?)([0-9]{1,18})(?:\.([0-9]{1,9}))?$/.exec(seconds) ?? [];
  const ns = BigInt(`${whole}${fraction.padEnd(9, '0')}`);
  return sign === undefined ? undefined : sign === '-' ? -ns : ns;
}
