import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { KIB, MIB } from '../../src/kernel/size.ts';

/** For a closer look: RIGCTL_TEST_FUZZ_KEYS=10000000. */
const KEYS = Number(process.env['RIGCTL_TEST_FUZZ_KEYS'] ?? 50_000);
const SCRIPT = fileURLToPath(new URL('../support/listing-process.ts', import.meta.url));
/** Of a process that lists next to nothing. */
const HEAP_BYTES = 48 * MIB;
const REST_BYTES = 160 * MIB;

/** How the command ended in a process that may hold so much for each key, and no more. */
async function outcome(command: string, kind: string, keys: number, bytesPerKey: number) {
  const heapBytes = HEAP_BYTES + keys * bytesPerKey;
  const heap = `--max-old-space-size=${Math.ceil(heapBytes / MIB)}`;
  const args = [heap, SCRIPT, command, kind, String(keys)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { ended, peakKib } = JSON.parse(stdout);
  expect(peakKib * KIB).toBeLessThan(heapBytes + REST_BYTES);
  return ended;
}

describe('an archive that lists very many keys', () => {
  test.each([
    ['ls', 'lone batches', 0],
    ['status', 'lone batches', 200],
    ['restore', 'lone batches', 200],
    ['verify', 'lone batches', 200],
    ['prune', 'lone batches', 100],
    ['status', 'writers', 200],
    ['status', 'strays', 0],
  ] as const)(
    'is given to %s, of %s, within %i bytes of heap for each',
    async (command, kind, bytesPerKey) => {
      expect(await outcome(command, kind, KEYS, bytesPerKey)).toBe('done');
    },
  );

  // Each has an error of its own, of which the first and the last are told.
  test('is given to status, of damaged snapshots, within 3 KiB of heap for each', async () => {
    expect(await outcome('status', 'snapshots', Math.ceil(KEYS / 10), 3 * KIB)).toBe('done');
  });
});
