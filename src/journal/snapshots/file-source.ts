import type { FileHandle, FileStat, FileSystem } from '../../kernel/filesystem.ts';
import { changedWhileRead, type LocalPiece, type LocalSource, reading, readPieces } from './local-source.ts';

/** A snapshot that is one file. See {@link LocalSource}. */
export async function openFileSource(path: string, fileSystem: FileSystem): Promise<LocalSource> {
  const first = await reading(path, () => fileSystem.stat(path));
  if (first?.kind !== 'file') {
    throw changedWhileRead(path);
  }
  return {
    content: 'file',
    atMostBytes: first.sizeBytes,
    open: () => readFile(path, first, fileSystem),
  };
}

async function* readFile(
  path: string,
  first: FileStat,
  fileSystem: FileSystem,
): AsyncGenerator<LocalPiece, void, undefined> {
  const handle = await reading(path, () => fileSystem.openForReading(path));
  try {
    await checkUnchanged(path, first, handle, fileSystem);
    for await (const bytes of readPieces(handle, path, first.sizeBytes)) {
      yield { bytes };
    }
    await checkUnchanged(path, first, handle, fileSystem);
  } finally {
    await handle.close();
  }
}

/** The file that was opened and the file that has the name are both what was first seen. */
async function checkUnchanged(
  path: string,
  first: FileStat,
  handle: FileHandle,
  fileSystem: FileSystem,
): Promise<void> {
  const stats = await reading(path, () => Promise.all([handle.stat(), fileSystem.stat(path)]));
  if (stats.some((stat) => stat?.identity !== first.identity || stat.changeToken !== first.changeToken)) {
    throw changedWhileRead(path);
  }
}
