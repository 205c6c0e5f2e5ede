import {
  chmodSync,
  closeSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { GIB } from '../../src/kernel/size.ts';
import { Supply } from './mixed.ts';

const FILES_IN_A_DIRECTORY = 500;
/** Sizes go round: the first is 0, none is greater than this. */
const FILE_LIMIT_BYTES = 2_500;
const MODES = [0o644, 0o600, 0o755, 0o444, 0o640, 0o4711];
const FIRST_SECOND = 1_700_000_000;

export const SPARSE_FILE_BYTES = GIB;
/** In it, in a hole before it and one after it. */
const ISLAND = { bytes: 100_000, at: SPARSE_FILE_BYTES / 2 + 1_000 };

const raw = (path: string): Buffer => Buffer.from(path, 'latin1');

/**
 * Makes a directory of so many small files, with many modes and times, links and empty directories; some have names as
 * long as can be, or names that are not UTF-8. In it is `sparse` too, a file of 1 GiB that occupies next to nothing.
 */
export function makeLargeTree(root: string, files: number): void {
  mkdirSync(root);
  const supply = new Supply(1);
  for (let index = 0; index < files; index += 1) {
    if (index % FILES_IN_A_DIRECTORY === 0) {
      makeDirectory(root, index);
    }
    const path = filePath(root, index);
    writeFileSync(path, supply.take((index * 7) % FILE_LIMIT_BYTES));
    chmodSync(path, MODES[index % MODES.length] ?? 0);
    utimesSync(path, FIRST_SECOND, FIRST_SECOND + index / 7);
  }
  makeSparseFile(`${root}/sparse`, supply.take(ISLAND.bytes));
}

/** Changes one in `every` of the files that {@link makeLargeTree} made: what is in them, not how much. */
export function changeLargeTree(root: string, files: number, every: number): void {
  const supply = new Supply(2);
  for (let index = every - 1; index < files; index += every) {
    writeFileSync(filePath(root, index), supply.take((index * 7) % FILE_LIMIT_BYTES));
  }
}

function makeDirectory(root: string, index: number): void {
  const path = directoryPath(root, index);
  mkdirSync(`${path}/empty`, { recursive: true });
  chmodSync(path, 0o750);
  symlinkSync(raw(`../nowhere/\xe9${index}`), raw(`${path}/link`));
  lutimesSync(raw(`${path}/link`), FIRST_SECOND, FIRST_SECOND + index / 7);
}

function directoryPath(root: string, index: number): string {
  return `${root}/part-${Math.floor(index / FILES_IN_A_DIRECTORY)}`;
}

/** In each directory one name is of 255 bytes, and one is Latin-1. */
function filePath(root: string, index: number): Buffer {
  const place = index % FILES_IN_A_DIRECTORY;
  const name = place === 1 ? 'long'.padEnd(255, '-') : place === 2 ? 'caf\xe9' : `entry-${place}.json`;
  return raw(`${directoryPath(root, index)}/${name}`);
}

function makeSparseFile(path: string, island: Uint8Array): void {
  const file = openSync(path, 'wx');
  writeSync(file, island, 0, island.length, ISLAND.at);
  closeSync(file);
  truncateSync(path, SPARSE_FILE_BYTES);
}
