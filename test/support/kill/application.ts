/**
 * An application with a journal, for tests that kill it: appends record after record, says each one's end, and
 * ends with its stdin. A record that it was killed in the middle of is completed at the next start. Where there is no
 * room it says `full` and tries again. With a directory it also puts snapshots of its state there, files or trees, and
 * says `snapshot` after each. After `small` or `large` on its stdin it takes one at once, and says `large 12345`.
 * node application.ts JOURNAL SEED sync|nosync [file|tree DIRECTORY]
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../src/kernel/clock.ts';
import { errnoOf } from '../../../src/kernel/errors.ts';
import { systemRandom } from '../../../src/kernel/random.ts';
import { KIB } from '../../../src/kernel/size.ts';
import { stateAt, stateFileAt } from './application-state.ts';
import { JournalText } from './journal-text.ts';

const LONGEST_PAUSE_MS = 8;
const SNAPSHOT_EVERY_BYTES = 64 * KIB;
const FULL_PAUSE_MS = 20;

const [path = '', seed = '', sync = '', kind = '', directory = ''] = process.argv.slice(2);
const text = new JournalText(Number(seed));
const journal = openSync(path, 'a');
let stopped = false;
let wanted: 'small' | 'large' | undefined;
process.stdin
  .on('data', (line) => {
    wanted = String(line) === 'large' ? 'large' : 'small';
  })
  .on('end', () => {
    stopped = true;
  });

for (let at = fstatSync(journal).size; !stopped; ) {
  const end = text.recordEndAfter(at);
  const middle = at + Math.floor((end - at) * systemRandom.next());
  await append(text.slice(at, middle));
  await systemClock.sleep(1);
  await append(text.slice(middle, end));
  if (sync === 'sync') {
    fdatasyncSync(journal);
  }
  say(String(end));
  const isDue = Math.floor(at / SNAPSHOT_EVERY_BYTES) < Math.floor(end / SNAPSHOT_EVERY_BYTES);
  if (directory !== '' && (isDue || wanted !== undefined)) {
    takeSnapshot(end);
  }
  at = end;
  await systemClock.sleep(systemRandom.next() * LONGEST_PAUSE_MS);
}

/** Goes on where it stopped when there is room again: a part of a record stands in the journal meanwhile. */
async function append(bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length && !stopped; ) {
    try {
      done += writeSync(journal, bytes, done);
    } catch (error) {
      sayIfFull(error);
      await systemClock.sleep(FULL_PAUSE_MS);
    }
  }
}

/** Nobody ever sees half of one, nor after a power cut one that names what is not there. */
function takeSnapshot(at: number): void {
  const [unfinished, finished] = [join(directory, '.unfinished'), join(directory, String(at))];
  if (existsSync(finished)) {
    return; // what the journal lost in a power cut is written again
  }
  try {
    rmSync(unfinished, { recursive: true, force: true });
    writeState(unfinished, at, wanted === 'large');
    renameSync(unfinished, finished);
    syncDirectory(directory);
    say(wanted === undefined ? 'snapshot' : `${wanted} ${at}`);
    wanted = undefined;
  } catch (error) {
    sayIfFull(error);
  }
}

function writeState(target: string, at: number, isLarge: boolean): void {
  if (kind === 'file') {
    writeDurably(target, stateFileAt(text, at, isLarge));
    return;
  }
  mkdirSync(target);
  for (const [name, bytes] of stateAt(text, at, isLarge)) {
    writeDurably(join(target, name), bytes);
  }
  syncDirectory(target);
}

function writeDurably(file: string, bytes: Buffer): void {
  const handle = openSync(file, 'w');
  try {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(handle, bytes, done);
    }
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function syncDirectory(target: string): void {
  const handle = openSync(target, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

function sayIfFull(error: unknown): void {
  if (errnoOf(error) !== 'ENOSPC') {
    throw error;
  }
  say('full');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
