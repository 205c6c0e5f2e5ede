import type { FileTree } from '../kernel/file-tree.ts';
import type { FileHandle, FileStat } from '../kernel/filesystem.ts';

async function done(): Promise<void> {}

const STAT: FileStat = {
  kind: 'other',
  sizeBytes: 0,
  mode: 0,
  modifiedAtMs: 0,
  identity: 'nowhere',
  changeToken: 'nowhere',
};

const HANDLE: FileHandle = {
  read: async () => 0,
  write: done,
  stat: async () => STAT,
  setMode: done,
  setLength: done,
  sync: done,
  syncData: done,
  close: done,
};

/** Takes every file and keeps none: for a restore that only has to show that it succeeds. */
export const nowhere: FileTree = {
  list: async () => [],
  lstat: async () => undefined,
  readLink: async () => '',
  openForReading: async () => HANDLE,
  createNew: async () => HANDLE,
  makeDirectory: done,
  symlink: done,
  setMode: done,
  setModified: done,
  setOwner: done,
  remove: done,
  rename: done,
  syncDirectory: done,
  mayGiveAway: false,
};
