import type { FileHandle, FileSystem } from '../../src/kernel/filesystem.ts';
import { systemError } from '../support/memory-filesystem.ts';
import type { Process } from './process.ts';

/** A file call that waits is rare enough not to slow down the simulation, and any of them may. */
const WAIT_RATE = 0.05;
const LOST_HINT_RATE = 0.2;
const SHORT_READ_RATE = 0.1;

/**
 * A machine's file system as one of its processes sees it. Reading the disk may fail when told so; what needs space
 * fails when the disk is full, a write perhaps after a part of it.
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
  const needSpace = (name: string, path: string) => {
    if (!machine.takeSpace()) {
      process.fullDisks += 1;
      process.note(`${name} ${path}: the disk is full`);
      process.universe.count(`disk full: ${name}`);
      throw systemError('ENOSPC', name, path);
    }
  };
  const withSpace = (name: string, path: string, work: () => Promise<void>) =>
    call(() => {
      needSpace(name, path);
      return work();
    });
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
  const wrapNew = (path: string, handle: FileHandle): FileHandle => ({
    ...wrap(path, handle),
    write: (bytes, positionBytes) =>
      call(async () => {
        if (machine.isDiskFull) {
          await handle.write(bytes.subarray(0, dice.whole(0, bytes.length - 1)), positionBytes);
        }
        needSpace('write', path);
        return handle.write(bytes, positionBytes);
      }),
    setLength: (lengthBytes) => withSpace('setLength', path, () => handle.setLength(lengthBytes)),
    sync: () => withSpace('sync', path, () => handle.sync()),
  });
  const { fileSystem } = machine;
  return {
    createNew: (path, mode) =>
      call(async () => {
        needSpace('createNew', path);
        return wrapNew(path, await fileSystem.createNew(path, mode));
      }),
    list: (path) => fileSystem.list(path),
    makeDirectory: (path, mode) => withSpace('mkdir', path, () => fileSystem.makeDirectory(path, mode)),
    link: (existing, created) => withSpace('link', created, () => fileSystem.link(existing, created)),
    rename: (from, to) => withSpace('rename', to, () => fileSystem.rename(from, to)),
    remove: (path, options) =>
      call(() => {
        machine.removed.add(path);
        return fileSystem.remove(path, options);
      }),
    syncDirectory: (path) => withSpace('fsync of', path, () => fileSystem.syncDirectory(path)),
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
