import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildArchive } from '../support/archive-builder.ts';
import { JOURNAL, type Running, resultOf, Scene } from '../support/scene.ts';

describe.concurrent('--json ends in one result, and every line parses:', () => {
  it.each([
    ['push', ['push', 'app.log'], { durable: JOURNAL.length, batches: 0, bytes: 0, tornBytes: 0 }],
    [
      'push',
      ['push', 'app.log', '--archive', 'file:new'],
      { durable: JOURNAL.length, batches: 1, snapshots: 0 },
    ],
    [
      'restore',
      ['restore', '--to', 'new'],
      { offset: JOURNAL.length, batches: 3, target: 'new', dryRun: false },
    ],
    [
      'restore',
      ['restore', '--to', 'new', '--at', '8', '--dry-run'],
      { offset: 8, batches: 1, dryRun: true },
    ],
    [
      'verify',
      ['verify', '--against', 'app.log'],
      { findings: [], warnings: [], recoverable: [{ from: 0 }] },
    ],
    ['status', ['status'], { durable: JOURNAL.length, latest: null, batches: 3, writer: { epoch: 2 } }],
    ['ls', ['ls'], { entries: 6 }],
    ['completion', ['completion', 'bash'], {}],
    ['help', ['--help'], { text: expect.stringContaining('Usage: rigctl') }],
    ['help', ['restore', '--help'], { text: expect.stringContaining('Usage: rigctl restore') }],
    ['version', ['--version'], {}],
  ])('%s (rigctl %j)', async (command, argv, fields) => {
    await using scene = await Scene.create();
    const said = await scene.run([...argv, '--json']);
    expect(said.stderr).toBe('');
    expect(resultOf(said)).toMatchObject({ command, exitCode: 0, warningCount: 0, ...fields });
  });

  it.each(['push', 'restore', 'verify', 'status', 'ls', 'completion'])('%s used wrongly', async (command) => {
    await using scene = await Scene.create();
    const said = await scene.run([command, '--frob', '--json']);
    expect(said.stderr).toBe('');
    expect(resultOf(said)).toMatchObject({ command, exitCode: 2, error: { code: 'RIG_USAGE' } });
  });

  it.each([
    ['restored', [], { exitCode: 0, target: '-' }, JOURNAL],
    ['refused', ['--at', '10'], { exitCode: 10, error: { code: 'RIG_OFFSET_NOT_BOUNDARY' } }, ''],
    ['called wrongly', ['--at', 'noon'], { exitCode: 2, error: { code: 'RIG_USAGE' } }, ''],
  ])('restore to stdout, %s, on stderr', async (_title, flags, result, journal) => {
    await using scene = await Scene.create();
    const { exitCode, stdout, stderr } = await scene.run(['restore', '--to', '-', '--json', ...flags]);
    expect(stdout).toBe(journal);
    expect(resultOf({ exitCode, stdout: stderr })).toMatchObject({ command: 'restore', ...result });
  });
});

describe('--json ends in one result after the first SIGINT:', () => {
  const BATCHES = 4_000;
  const BATCH_BYTES = 4_096;
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.create();
    const journal = Buffer.alloc(BATCHES * BATCH_BYTES, 'one line of many\n');
    await writeFile(scene.path('long.log'), journal);
    const cuts = Array.from({ length: BATCHES }, (_, index) => (index + 1) * BATCH_BYTES);
    const { namespace } = await buildArchive({ journal, cuts });
    for (const [key, { bytes }] of namespace.objects) {
      await mkdir(dirname(scene.path(`long/${key}`)), { recursive: true });
      await writeFile(scene.path(`long/${key}`), bytes);
    }
  });

  afterAll(() => scene[Symbol.asyncDispose]());

  /** Sends the signal as soon as the command shows that it is at work. */
  async function interrupt(running: Running): Promise<Record<string, unknown>> {
    await running.atWork;
    running.signal('SIGINT');
    const said = await running.ended;
    expect(said.stderr).toBe('');
    const result = resultOf(said);
    expect(result).toMatchObject({ exitCode: 130, error: { code: 'RIG_INTERRUPTED', kind: 'interrupted' } });
    return result;
  }

  const LONG = ['--json', '--archive', 'file:long'];

  it('push, with what is durable', async () => {
    const push = ['push', 'long.log', '--batch-bytes', '4KiB', '--archive', 'file:new', '--json'];
    const { durable } = await interrupt(scene.start(push));
    expect(durable).toBeGreaterThan(0);
    expect(durable).toBeLessThan(BATCHES * BATCH_BYTES);
    const verified = resultOf(await scene.run(['verify', '--json', '--archive', 'file:new']));
    expect(verified).toMatchObject({ exitCode: 0, recoverable: [{ from: 0, to: durable }] });
  });

  it('restore, and nothing is left behind', async () => {
    const before = await scene.tree();
    await interrupt(scene.start(['restore', '--to', 'restored', ...LONG]));
    expect(await scene.tree()).toEqual(before);
  });

  it('verify, which then says nothing of the archive', async () => {
    expect(await interrupt(scene.start(['verify', ...LONG]))).not.toHaveProperty('recoverable');
  });
});
