import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { MIB } from '../../src/kernel/size.ts';
import { noise } from '../support/noise.ts';
import { resultOf, Scene } from '../support/scene.ts';

/** More than one batch of what does not compress: the built program has threads for that. */
const JOURNAL_BYTES = 20 * MIB;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

it('with its address space limited, where V8 would end it for a thread, does without threads', async () => {
  await using scene = await Scene.create();
  const journal = Buffer.concat([...noise('limited', JOURNAL_BYTES)]);
  await writeFile(scene.path('big'), journal);
  await scene.run(['push', 'big', '--format', 'bytes', '--archive', 'file:new']);
  const limited = ['bash', '-c', 'ulimit -v 2600000; exec "$@"', 'bash'];
  const said = await scene.run(['restore', '--to', 'out', '--archive', 'file:new'], limited);
  expect(said.stderr).toContain(
    'note: no thread could be started, so that this takes longer: the address space is limited',
  );
  expect(said.exitCode).toBe(0);
  expect(sha256(await readFile(scene.path('out')))).toBe(sha256(journal));
});

it.each(['zstd:1', 'gzip:1'])(
  'a journal of many megabytes in %s comes back as it was',
  async (compression) => {
    await using scene = await Scene.create();
    const journal = Buffer.concat([...noise(compression, JOURNAL_BYTES)]);
    await writeFile(scene.path('big'), journal);
    const archive = ['--archive', 'file:new'];
    const push = ['push', 'big', '--format', 'bytes', '--compression', compression, ...archive, '--json'];
    expect(resultOf(await scene.run(push))).toMatchObject({ ok: true });
    const before = await readdir(scene.directory);
    for (const at of [JOURNAL_BYTES, 18 * MIB + 1]) {
      const restore = ['restore', '--to', 'out', '--at', `${at}`, '--force', ...archive, '--json'];
      const said = await scene.run(restore);
      expect(resultOf(said)).toMatchObject({ ok: true, bytes: at, records: at });
      expect(said.stdout).not.toContain('no-threads');
      expect(sha256(await readFile(scene.path('out')))).toBe(sha256(journal.subarray(0, at)));
    }
    expect((await readdir(scene.directory)).sort()).toEqual([...before, 'out'].sort());
  },
);
