import type { FileHandle, FileSystem } from '../../src/kernel/filesystem.ts';
import { systemError } from '../support/memory-filesystem.ts';
import type { Process } from './process.ts';

/** A file call that waits is rare enough not to slow down the simulation, and any of them may. */
const WAIT_RATE = 0.05;
const LOST_HINT_RATE = 0.2;
const SHORT_READ_RATE = 0.1;

/**
 * What of a machine's file system a push uses, as one of its processes sees it; reading the disk may fail when
 * told so.
 */
export function filesOf(process: Process, failureRate: number): FileSystem {
  const { dice, machine } = process;
  const call = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    await pause(process);
    const result = await work();
    await pause(process);
    return result;
  };
  const mayFail = (name: string, path: string) => {
    if (failureRate > 0 && dice.chance(failureRate)) {
      process.fileFaults += 1;
      process.note(`${name} fails`);
      throw systemError('EIO', name, path);
    }
  };
  const wrap = (path: string, handle: FileHandle): FileHandle => ({
    ...handle,
    read: (buffer, positionBytes) =>
      call(() => {
        mayFail('read', path);
        const isShort = buffer.length > 1 && dice.chance(SHORT_READ_RATE);
        const wanted = isShort ? buffer.subarray(0, dice.whole(1, buffer.length)) : buffer;
        return handle.read(wanted, positionBytes);
      }),
    stat: () => call(() => handle.stat()),
    syncData: () =>
      call(() => {
        mayFail('fdatasync', path);
        return handle.syncData();
      }),
    close: () => call(() => handle.close()),
  });
  const { fileSystem } = machine;
  return {
    createNew: (path, mode) => fileSystem.createNew(path, mode),
    list: (path) => fileSystem.list(path),
    makeDirectory: (path, mode) => fileSystem.makeDirectory(path, mode),
    link: (existing, created) => fileSystem.link(existing, created),
    rename: (from, to) => fileSystem.rename(from, to),
    remove: (path, options) => fileSystem.remove(path, options),
    syncDirectory: (path) => fileSystem.syncDirectory(path),
    openForReading: (path: string) => call(async () => wrap(path, await fileSystem.openForReading(path))),
    stat: (path: string) => call(() => fileSystem.stat(path)),
    watch: (path: string, onHint: () => void) =>
      fileSystem.watch(path, () => {
        if (!dice.chance(LOST_HINT_RATE)) {
          process.deliver(onHint);
        }
      }),
  };
}

function pause(process: Process): Promise<void> | undefined {
  return process.dice.chance(WAIT_RATE) ? process.pass(process.dice.scaled(0.1, 20)) : undefined;
}
