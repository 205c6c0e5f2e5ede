import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Disk, hasDisks } from './disk.ts';
import type { Place } from './place.ts';

/** An archive in a directory; on a disk of its own where this process may mount one. */
export async function openDirectoryPlace(directory: string): Promise<Place> {
  const path = join(directory, 'store');
  const url = `file:${join(path, 'archive')}`;
  const common = {
    url,
    directUrl: url,
    intervals: ['0', '5ms', '50ms'],
    batchBytes: ['4KiB', '16KiB', '8MiB'],
    putMoments: [],
    unfinishedPuts: async () => [],
  };
  if (!hasDisks()) {
    mkdirSync(path);
    return {
      ...common,
      outages: [],
      cutPower: undefined,
      impossible: ['a full disk or a power cut: this process may not mount a disk'],
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
  const disk = Disk.mount(path);
  const full = {
    name: 'fill the disk of the archive',
    sign: /no space left on the file system/,
    isReadable: true,
    begin: async () => disk.fill(),
    end: async () => disk.free(),
  };
  return {
    ...common,
    outages: [full],
    cutPower: () => disk.cutPower(),
    impossible: [],
    [Symbol.asyncDispose]: async () => disk[Symbol.dispose](),
  };
}
