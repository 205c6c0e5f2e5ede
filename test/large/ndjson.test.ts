import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assert } from '../../src/kernel/assert.ts';
import { mapInOrder } from '../../src/kernel/concurrency.ts';
import { parseSize, showSize } from '../../src/kernel/size.ts';
import { Figures } from '../support/figures.ts';
import { lineAround, prefixDigests, writeChunks } from '../support/large-journal.ts';
import { ndjson } from '../support/ndjson.ts';
import type { Ended } from '../support/rigctl-process.ts';
import { seededRandom } from '../support/seeded-random.ts';

const JOURNAL_BYTES = parseSize(process.env['RIGCTL_TEST_LARGE_BYTES'] ?? '1GiB');

/** Restores of either kind. */
const POINTS = 50;
/** So many of them go to files as well. */
const TO_FILES = 5;
/** Two at a time: one waits where the other computes. */
const AT_A_TIME = 2;

const BY_HAND = "(cd LOG; printf '%s\\0' * | xargs -0 cat) | zstd -dc | sha256sum";

describe(`a journal of ${showSize(JOURNAL_BYTES ?? Number.NaN)} of NDJSON`, () => {
  const figures = new Figures();
  let directory: string;
  let journal: string;
  let archive: readonly string[];
  let sizeBytes: number;
  let pushed: Ended;
  /** The SHA-256 of the journal up to the end of some random lines, and up to its end. */
  let digests: Map<number, string>;
  /** Offsets inside of random lines. */
  let inside: { offset: number; before: number; after: number }[];

  beforeAll(async () => {
    assert(JOURNAL_BYTES !== undefined, 'RIGCTL_TEST_LARGE_BYTES is a size');
    directory = await mkdtemp(join(tmpdir(), 'rigctl-large-'));
    journal = join(directory, 'events.ndjson');
    archive = ['--archive', `file:${join(directory, 'archive')}`];
    await writeChunks(journal, ndjson(1, JOURNAL_BYTES));
    sizeBytes = (await stat(journal)).size;
    pushed = await figures.run('push', ['push', journal, '--format', 'lines', ...archive]);
    const random = seededRandom(2);
    const randomLine = () => lineAround(journal, Math.floor(random.next() * sizeBytes));
    const ends = await Promise.all(Array.from({ length: POINTS }, async () => (await randomLine()).end));
    digests = await prefixDigests(journal, [...ends, sizeBytes]);
    inside = await Promise.all(
      Array.from({ length: POINTS }, async () => {
        const { start: before, end: after } = await randomLine();
        const offset = before + 1 + Math.floor(random.next() * (after - before - 1));
        return { offset, before, after };
      }),
    );
  });
  afterAll(async () => {
    figures.print();
    await rm(directory, { recursive: true });
  });

  it('is pushed whole, in little memory', () => {
    expect(pushed).toMatchObject({ exitCode: 0, result: { durable: sizeBytes, tornBytes: 0 } });
  });

  it('is good at every level, and the same as the local file, in little memory', async () => {
    for (const level of ['data', 'replay']) {
      const args = ['verify', '--level', level, '--against', journal, ...archive];
      expect(await figures.run(`verify, level ${level}`, args)).toMatchObject({
        exitCode: 0,
        result: { findings: [], warnings: [], recoverable: [{ from: 0, to: sizeBytes }] },
      });
    }
  });

  it('comes back by hand, with zstd and without rigctl', () => {
    const printed = execFileSync('bash', ['-o', 'pipefail', '-c', BY_HAND], {
      cwd: join(directory, 'archive'),
    });
    expect(printed.toString()).toBe(`${digests.get(sizeBytes)}  -\n`);
  });

  it(`comes back byte for byte at ${POINTS} random record ends`, async () => {
    const restored = mapInOrder(digests.keys(), AT_A_TIME, async (offset) => {
      const { ended, digest } = await figures.restoredDigest('restore', ['--at', `${offset}`, ...archive]);
      return { offset, digest, exitCode: ended.exitCode, given: ended.result['offset'] };
    });
    for await (const { offset, ...outcome } of restored) {
      expect(outcome).toEqual({ digest: digests.get(offset), exitCode: 0, given: offset });
    }
  });

  it(`is refused at ${POINTS} random offsets inside a record, naming where it begins and ends`, async () => {
    const refused = mapInOrder(inside, AT_A_TIME, async (point) => {
      let bytes = 0;
      const args = ['restore', '--at', `${point.offset}`, '--to', '-', ...archive];
      const ended = await figures.run('restore, refused', args, (chunk) => {
        bytes += chunk.length;
      });
      return { point, bytes, ended };
    });
    for await (const { point, bytes, ended } of refused) {
      expect(ended).toMatchObject({
        exitCode: 10,
        result: { ok: false, error: { code: 'RIG_OFFSET_NOT_BOUNDARY', details: point } },
      });
      expect(bytes).toBe(0);
    }
  });

  it('comes back into a file as well', async () => {
    for (const offset of [...digests.keys()].slice(-TO_FILES)) {
      const target = join(directory, `restored-${offset}`);
      const args = ['restore', '--at', `${offset}`, '--to', target, ...archive];
      expect(await figures.run('restore into a file', args)).toMatchObject({ exitCode: 0 });
      expect((await stat(target)).size).toBe(offset);
      expect(await prefixDigests(target, [offset])).toEqual(new Map([[offset, digests.get(offset)]]));
      await rm(target);
    }
  });
});
