import { mkdir, mkdtempDisposable, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MIB } from '../../src/kernel/size.ts';
import { prefixDigests, writeChunks } from '../support/large-journal.ts';
import { noise } from '../support/noise.ts';
import { freshS3Url, realS3Options, unfinishedUploads } from '../support/real-s3.ts';
import { rigctl } from '../support/rigctl-process.ts';

const SNAPSHOT_BYTES = 100 * MIB;
/** Of the other writer: goes in parts too. */
const OTHER_BYTES = 40 * MIB;

it('a snapshot that goes in parts comes back, and no later writer overwrites it', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'rigctl-large-snapshot-'));
  const url = freshS3Url();
  url.searchParams.set('endpoint', realS3Options().endpointUrl ?? '');
  const archive = ['--archive', url.href];
  const [ours, theirs] = [join(directory.path, 'ours'), join(directory.path, 'theirs')];
  for (const [seed, place, sizeBytes] of [
    [1, ours, SNAPSHOT_BYTES],
    [2, theirs, OTHER_BYTES],
  ] as const) {
    await mkdir(place);
    await writeChunks(join(place, '4096'), noise(seed, sizeBytes));
  }
  const content = await prefixDigests(join(ours, '4096'), [SNAPSHOT_BYTES]);
  const expectOurs = async (name: string) => {
    const target = join(directory.path, name);
    const { result } = await rigctl(['restore', '--to', target, ...archive]);
    expect(result).toMatchObject({ ok: true, offset: 4096, base: 4096 });
    expect((await stat(target)).size).toBe(SNAPSHOT_BYTES);
    expect(await prefixDigests(target, [SNAPSHOT_BYTES])).toEqual(content);
  };

  const pushed = await rigctl(['push', '--snapshots', ours, ...archive]);
  expect(pushed.result).toMatchObject({ ok: true, snapshots: 1, skippedSnapshots: 0 });
  expect(await unfinishedUploads()).toEqual([]);
  await expectOurs('restored');

  const refused = await rigctl(['push', '--snapshots', theirs, ...archive]);
  expect(refused).toMatchObject({ exitCode: 3, result: { error: { code: 'RIG_INCOMPLETE' }, snapshots: 0 } });
  expect(refused.lines.map(({ code }) => code)).toContain('snapshot-differs');
  expect(await unfinishedUploads()).toEqual([]);
  await expectOurs('restored again');
});
