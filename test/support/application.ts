/**
 * An application with a journal, for tests that kill it: appends record after record, says each one's end, and
 * ends with its stdin. A record that it was killed in the middle of is completed at the next start.
 * node application.ts JOURNAL SEED sync|nosync
 */
import { fdatasyncSync, fstatSync, openSync, writeSync } from 'node:fs';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { JournalText } from './journal-text.ts';

const LONGEST_PAUSE_MS = 8;

const [path = '', seed = '', sync = ''] = process.argv.slice(2);
const text = new JournalText(Number(seed));
const journal = openSync(path, 'a');
let stopped = false;
process.stdin.resume().on('end', () => {
  stopped = true;
});

for (let at = fstatSync(journal).size; !stopped; ) {
  const end = text.recordEndAfter(at);
  const middle = at + Math.floor((end - at) * systemRandom.next());
  writeSync(journal, text.slice(at, middle));
  await systemClock.sleep(1);
  writeSync(journal, text.slice(middle, end));
  if (sync === 'sync') {
    fdatasyncSync(journal);
  }
  process.stdout.write(`${end}\n`);
  at = end;
  await systemClock.sleep(systemRandom.next() * LONGEST_PAUSE_MS);
}
