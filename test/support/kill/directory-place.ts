import { join } from 'node:path';
import { Disk, isLoopMountPossible } from './disk.ts';
import type { Place } from './place.ts';

/** An archive in a directory; on a disk of its own where this process may mount one. */
export async function openDirectoryPlace(directory: string): Promise<Place> {
  const path = join(directory, 'store');
  const intervals = ['0', '5ms', '50ms'];
  const url = `file:${join(path, 'archive')}`;
  if (!isLoopMountPossible()) {
    const impossible = ['a full disk or a power cut under the archive: this process may not mount'];
    const dispose = async () => undefined;
    return {
      url,
      directUrl: url,
      intervals,
      outages: [],
      cutPower: undefined,
      impossible,
      [Symbol.asyncDispose]: dispose,
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
    url,
    directUrl: url,
    intervals,
    outages: [full],
    cutPower: () => disk.cutPower(),
    impossible: [],
    [Symbol.asyncDispose]: async () => disk[Symbol.dispose](),
  };
}
