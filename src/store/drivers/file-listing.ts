import { join } from 'node:path';
import { mapInOrder } from '../../kernel/concurrency.ts';
import type { DirectoryEntry, FileSystem } from '../../kernel/filesystem.ts';
import type { ListedObject } from '../contract.ts';
import { isKeySegment } from '../key.ts';

export interface Listing {
  readonly fileSystem: FileSystem;
  readonly root: string;
  readonly prefix: string;
  readonly after: string;
  readonly upTo: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** The entries of a directory, all durable; none when it is not there. */
  readonly entriesOf: (path: string) => Promise<readonly DirectoryEntry[]>;
}

/** Below the root: files being written. It is on the same file system as the objects, and never listed. */
export const TEMPORARY = '.rigctl-tmp';

const PARALLEL_STATS = 16;

/**
 * The objects in one directory and below, in the order of their full keys. `directoryKey` is empty or ends in a
 * slash. Sizes are
 * looked up while the caller takes the objects; only names are held, of one directory at each level.
 */
export async function* listObjects(listing: Listing, directoryKey = ''): AsyncGenerator<ListedObject> {
  const { root, signal } = listing;
  const entries = await listing.entriesOf(join(root, directoryKey.replace(/\/$/, '')));
  const named = await Promise.all(entries.map((entry) => orderedName(listing, directoryKey, entry)));
  const wanted = named
    .filter((key) => key !== undefined)
    .filter((key) => mayMatch(listing, key))
    .sort();
  for await (const { key, object } of mapInOrder(wanted, PARALLEL_STATS, (key) => lookUp(listing, key))) {
    signal?.throwIfAborted();
    if (key.endsWith('/')) {
      yield* listObjects(listing, key);
    } else if (object !== undefined) {
      yield object;
    }
  }
}

/**
 * The key of a file, or of a directory with a slash at its end: sorted like this, directories and files come in the
 * order of full keys (`LOG-x` before `LOG/0`). Undefined for what cannot be part of a key.
 */
async function orderedName(
  { fileSystem, root }: Listing,
  directoryKey: string,
  { name, kind }: DirectoryEntry,
): Promise<string | undefined> {
  const key = `${directoryKey}${name}`;
  if (!isKeySegment(name) || key === TEMPORARY) {
    return undefined;
  }
  // A symbolic link counts as what it leads to, as it does when it is read through.
  const actual = kind === 'other' ? (await fileSystem.stat(join(root, key)))?.kind : kind;
  return actual === 'file' ? key : actual === 'directory' ? `${key}/` : undefined;
}

function mayMatch({ prefix, after, upTo }: Listing, key: string): boolean {
  if (upTo !== undefined && key > upTo) {
    return false;
  }
  if (!key.endsWith('/')) {
    return key.startsWith(prefix) && key > after;
  }
  return (key.startsWith(prefix) || prefix.startsWith(key)) && (key > after || after.startsWith(key));
}

async function lookUp(
  { fileSystem, root }: Listing,
  key: string,
): Promise<{ readonly key: string; readonly object?: ListedObject }> {
  if (key.endsWith('/')) {
    return { key };
  }
  const stat = await fileSystem.stat(join(root, key));
  if (stat?.kind !== 'file') {
    return { key }; // removed since the directory was read
  }
  return { key, object: { key, sizeBytes: stat.sizeBytes, modifiedAtMs: stat.modifiedAtMs } };
}
