import { execFileSync } from 'node:child_process';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MIB } from '../../src/kernel/size.ts';
import { Figures } from '../support/figures.ts';
import { prefixDigests, writeChunks } from '../support/large-journal.ts';
import { ndjson } from '../support/ndjson.ts';
import { noise } from '../support/noise.ts';

const NOISE_BYTES = 256 * MIB;
const GZIP_BYTES = 64 * MIB;
const BY_HAND = "(cd LOG; printf '%s\\0' * | xargs -0 cat) | gzip -dc | sha256sum";

it('256 MiB that do not compress come back byte for byte, in little memory', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-large-'));
  const figures = new Figures();
  const journal = join(directory.path, 'noise');
  const archive = ['--archive', `file:${join(directory.path, 'archive')}`];
  await writeChunks(journal, noise(5, NOISE_BYTES));
  const middle = NOISE_BYTES / 2 + 12_345;
  const digests = await prefixDigests(journal, [middle, NOISE_BYTES]);

  const pushed = await figures.run('push of noise', ['push', journal, '--format', 'bytes', ...archive]);
  expect(pushed).toMatchObject({ exitCode: 0, result: { durable: NOISE_BYTES } });
  for (const [offset, digest] of digests) {
    const restored = await figures.restoredDigest('restore of noise', ['--at', `${offset}`, ...archive]);
    expect(restored).toMatchObject({ digest, ended: { exitCode: 0, result: { offset } } });
  }
  expect(await figures.run('verify of noise', ['verify', ...archive])).toMatchObject({ exitCode: 0 });
  figures.print();
});

it('a journal compressed with gzip comes back with rigctl, and by hand with gzip', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-large-'));
  const figures = new Figures();
  const journal = join(directory.path, 'events.ndjson');
  const archive = ['--archive', `file:${join(directory.path, 'archive')}`];
  await writeChunks(journal, ndjson(6, GZIP_BYTES));
  const pushed = await figures.run('push with gzip', [
    ...['push', journal, '--format', 'lines', '--compression', 'gzip', '--batch-bytes', '8MiB', ...archive],
  ]);
  const sizeBytes = Number(pushed.result['durable']);
  const digest = (await prefixDigests(journal, [sizeBytes])).get(sizeBytes);
  expect(sizeBytes).toBeGreaterThanOrEqual(GZIP_BYTES);
  expect(await figures.restoredDigest('restore with gzip', archive)).toMatchObject({ digest });
  expect(await figures.run('verify with gzip', ['verify', '--against', journal, ...archive])).toMatchObject({
    exitCode: 0,
  });
  const printed = execFileSync('bash', ['-o', 'pipefail', '-c', BY_HAND], {
    cwd: join(directory.path, 'archive'),
  });
  expect(printed.toString()).toBe(`${digest}  -\n`);
  figures.print();
});
