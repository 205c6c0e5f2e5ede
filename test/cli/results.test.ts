import { describe, expect, it } from 'vitest';
import { verifyCommand } from '../../src/cli/commands/verify.ts';
import { createProgram } from '../../src/cli/program.ts';
import { VERIFY_LEVELS } from '../../src/workflows/verify.ts';
import { overwrite } from '../support/archive-builder.ts';
import { CliWorld, JOURNAL, type JsonLine, journalLines, worldWithArchive } from '../support/cli-world.ts';
import { lineArchive } from '../support/line-archive.ts';
import { archiveWith } from '../support/snapshot-archive.ts';

const FIRST_BATCH = 'LOG/0000000000000000';

/** Parses every line, and gives the result, which is the last line and the only one of its type. */
function resultOf(lines: readonly JsonLine[]): JsonLine {
  for (const line of lines) {
    expect(line.v).toBe(1);
    expect(line.ts).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  }
  const results = lines.filter(({ type }) => type === 'result');
  expect(results).toHaveLength(1);
  expect(lines.at(-1)).toBe(results[0]);
  return lines.at(-1) as JsonLine;
}

describe('push', () => {
  it('says what it pushed and what it left', async () => {
    const world = new CliWorld();
    world.fileSystem.append(JOURNAL, `${journalLines(1_000)}{"unfin`);
    expect(await world.run('push', JOURNAL, '--format', 'lines')).toEqual({ exitCode: 0, atOnce: false });
    expect(world.stdout.lines).toEqual([
      expect.stringMatching(
        /^pushed 13\.6 KiB in 1 batch \([\d.]+ KiB stored\), durable at 13890 \(0x3642\)$/,
      ),
      'not pushed: an unfinished record of 7 B at the end of the journal',
    ]);
    await world.run('push', JOURNAL);
    expect(world.stdout.lines[0]).toBe('nothing new to push, durable at 13890 (0x3642)');
  });

  it('has its fields in JSON', async () => {
    const world = new CliWorld();
    world.fileSystem.append(JOURNAL, journalLines(10));
    await world.run('push', JOURNAL, '--json');
    expect(resultOf(world.stdout.json)).toMatchObject({
      command: 'push',
      ok: true,
      exitCode: 0,
      durable: 120,
      batches: 1,
      bytes: 120,
      storedBytes: expect.any(Number),
      snapshots: 0,
      tornBytes: 0,
      warningCount: 0,
    });
    expect(world.stderr.text).toBe('');
  });

  it('passes its options on', async () => {
    const world = new CliWorld();
    world.fileSystem.append(JOURNAL, journalLines(2_000));
    await world.run('push', JOURNAL, '--batch-bytes', '4KiB', '--compression', 'gzip:9', '--format', 'lines');
    expect(world.stdout.text).toMatch(/ in \d\d? batches /);
    const first = world.namespace.objects.get(FIRST_BATCH)?.bytes ?? [];
    expect([...first.slice(0, 3)]).toEqual([0x1f, 0x8b, 8]);
    const claim = world.namespace.objects.get('WRITER/0000000000000001')?.bytes ?? [];
    expect(JSON.parse(Buffer.from(claim).toString())).toMatchObject({
      host: 'web1',
      pid: 4711,
      mode: 'once',
    });
  });

  it('of a journal that is not there ends with status 15', async () => {
    const world = new CliWorld();
    expect(await world.run('push', '/none')).toMatchObject({ exitCode: 15 });
    expect(world.stderr.lines).toEqual([
      'error: journal /none is not there',
      expect.stringMatching(/^hint: /),
    ]);
  });
});

describe('restore', () => {
  it('writes the file and says which point it is', async () => {
    const world = await worldWithArchive();
    await world.run('restore', '--to', '/out', '--at', '0xc');
    expect(world.fileSystem.contentOf('/out').toString()).toBe(journalLines(1));
    expect(world.stdout.lines).toEqual([
      'restored 12 B (1 record, 1 batch) to /out',
      expect.stringMatching(/^recovery point: offset 12 \(0xc\), reached by 2026-/),
    ]);
  });

  it('has its fields in JSON', async () => {
    const world = await worldWithArchive();
    await world.run('restore', '--to', '/out', '--at', '12', '--json');
    expect(resultOf(world.stdout.json)).toMatchObject({
      command: 'restore',
      ok: true,
      at: expect.any(String),
      offset: 12,
      bytes: 12,
      records: 1,
      base: null,
      batches: 1,
      target: '/out',
      dryRun: false,
    });
  });

  it('names both files of a state and the journal after it, and when the state was stored', async () => {
    const world = new CliWorld();
    const { namespace } = await archiveWith({ at: 14 });
    for (const [key, object] of namespace.objects) {
      world.namespace.objects.set(key, object);
    }
    await world.run('restore', '--to', '/out', '--state', '--at', '19');
    expect(world.stdout.lines).toEqual([
      'restored 20 B (1 record, the snapshot at 14 (0xe), 1 batch) to /out and /out.journal',
      expect.stringMatching(/^recovery point: offset 19 \(0x13\), reached by 2026-/),
    ]);
    await world.run('restore', '--to', '/dry', '--state', '--at', '14', '--dry-run');
    expect(world.stdout.lines).toEqual([
      'would restore 15 B (the snapshot at 14 (0xe), 0 batches) to /dry and /dry.journal',
      expect.stringMatching(/^recovery point: offset 14 \(0xe\), in a snapshot stored at 2026-/),
    ]);
    await world.run('restore', '--to', '/dry', '--state', '--dry-run', '--json');
    expect(resultOf(world.stdout.json)).toMatchObject({ target: '/dry', journal: '/dry.journal' });
  });

  it('to stdout gives the bytes alone; the rest goes to stderr', async () => {
    const world = await worldWithArchive(10);
    await world.run('restore', '--to', '-');
    expect(world.stdout.text).toBe(journalLines(10));
    expect(world.stderr.text).toContain('restored 120 B (10 records, 1 batch) to stdout');
    await world.run('restore', '--to', '-', '--json');
    expect(world.stdout.text).toBe(journalLines(10));
    expect(resultOf(world.stderr.json)).toMatchObject({ ok: true, target: '-' });
    await world.run('restore', '--to', '-', '--json', '--at', 'never');
    expect(world.stdout.text).toBe('');
    expect(resultOf(world.stderr.json)).toMatchObject({ ok: false, exitCode: 2 });
  });

  it('understands a while ago', async () => {
    const world = await worldWithArchive();
    await world.clock.advance(3_600_000);
    world.fileSystem.append(JOURNAL, journalLines(1));
    await world.run('push', JOURNAL);
    await world.clock.advance(600_000);
    expect(await world.run('restore', '--to', '/out', '--at', '30m ago')).toMatchObject({ exitCode: 10 });
    await world.run('restore', '--to', '/out', '--at', '30m ago', '--nearest', 'before');
    expect(world.stderr.text).not.toContain('error');
    expect(world.fileSystem.contentOf('/out').toString()).toBe(journalLines(100));
  });

  it('writes nothing in a dry run', async () => {
    const world = await worldWithArchive();
    await world.run('restore', '--to', '/out', '--dry-run');
    expect(world.stdout.lines[0]).toMatch(/^would restore 1\.26 KiB \(1 batch\) to \/out$/);
    expect(await world.fileSystem.stat('/out')).toBeUndefined();
  });

  it('replaces a file only with --force', async () => {
    const world = await worldWithArchive();
    world.fileSystem.append('/out', 'precious');
    expect(await world.run('restore', '--to', '/out')).toMatchObject({ exitCode: 15 });
    expect(world.fileSystem.contentOf('/out').toString()).toBe('precious');
    expect(await world.run('restore', '--to', '/out', '--force')).toMatchObject({ exitCode: 0 });
    expect(world.fileSystem.contentOf('/out').toString()).toBe(journalLines(100));
  });
});

describe('verify', () => {
  it('says what it checked', async () => {
    const world = await worldWithArchive();
    expect(await world.run('verify')).toMatchObject({ exitCode: 0 });
    expect(world.stdout.lines).toEqual([
      'the archive is good; checked 1 batch, 0 snapshots, 1.26 KiB at level data',
      'recoverable: 0 (0x0) to 1290 (0x50a)',
    ]);
  });

  it('has its fields in JSON', async () => {
    const world = await worldWithArchive();
    await world.run('verify', '--level', 'replay', '--against', JOURNAL, '--json');
    expect(resultOf(world.stdout.json)).toMatchObject({
      command: 'verify',
      ok: true,
      level: 'replay',
      findings: [],
      warnings: [],
      checked: { batches: 1, snapshots: 0, bytes: 1_290 },
      recoverable: [{ from: 0, to: 1_290 }],
      warningCount: 0,
    });
  });

  it('ends with status 14 on damage, and tells each finding', async () => {
    const world = await worldWithArchive();
    const bytes = world.namespace.objects.get(FIRST_BATCH)?.bytes ?? new Uint8Array();
    bytes.fill(0, bytes.length - 20);
    expect(await world.run('verify')).toMatchObject({ exitCode: 14 });
    expect(world.stdout.text).toMatch(
      /^finding: RIG_\w+.*\n(?:finding: .*\n)*the archive is not good: \d finding/,
    );
    expect(world.stderr.text).toMatch(/^error: .*\nhint: /);
    await world.run('verify', '--json');
    const result = resultOf(world.stdout.json);
    expect(result).toMatchObject({ ok: false, exitCode: 14, error: { kind: 'data' } });
    expect(result['findings']).not.toEqual([]);
  });

  it('ends with status 14 when the journal differs, though the archive itself is whole', async () => {
    const world = await worldWithArchive();
    world.fileSystem.append('/other', journalLines(100).replace('42', '43'));
    expect(await world.run('verify', '--against', '/other', '--json')).toMatchObject({ exitCode: 14 });
    expect(resultOf(world.stdout.json)).toMatchObject({
      error: { details: { code: 'RIG_DIVERGED' } },
      findings: [{ code: 'RIG_DIVERGED' }],
    });
  });

  it('prints warnings as lines of their own and counts them', async () => {
    const world = await worldWithArchive();
    const [claim] = [...world.namespace.objects.values()];
    world.namespace.objects.set('notes.txt', { ...claim, bytes: new Uint8Array(1) } as never);
    expect(await world.run('verify', '--json')).toMatchObject({ exitCode: 0 });
    expect(resultOf(world.stdout.json)).toMatchObject({ ok: true, warningCount: 1 });
    expect(world.stdout.json).toContainEqual(expect.objectContaining({ type: 'warning' }));
    await world.run('verify');
    expect(world.stderr.text).toMatch(/^warning: .*notes\.txt/);
  });

  it('offers every level there is', () => {
    const program = createProgram({ onStart() {}, write() {} });
    const command = program.commands.find((candidate) => candidate.name() === verifyCommand.name);
    const level = command?.options.find(({ long }) => long === '--level');
    expect(level?.argChoices).toEqual(VERIFY_LEVELS);
  });
});

describe('status', () => {
  it('is a table', async () => {
    const world = await worldWithArchive();
    await world.run('status');
    expect(world.stdout.lines).toEqual([
      expect.stringMatching(/^archive {10}[\da-f-]{36}, format lines$/),
      'durable          1290 (0x50a)',
      expect.stringMatching(/^stored {11}1 batch, 0 snapshots, \d+ B$/),
      'latest snapshot  none',
      expect.stringMatching(/^observed {9}2026-.*Z to 2026-.*Z$/),
      expect.stringMatching(/^writer {11}epoch 1, once, host web1, pid 4711, since 2026-.*Z$/),
      'recoverable      0 (0x0) to 1290 (0x50a)',
    ]);
  });

  it('says up to when the journal was observed where the first batch is damaged', async () => {
    const world = new CliWorld();
    const { store, namespace } = await lineArchive();
    await overwrite(store, FIRST_BATCH, 'rubbish');
    for (const [key, object] of namespace.objects) {
      world.namespace.objects.set(key, object);
    }
    expect(await world.run('status')).toMatchObject({ exitCode: 0 });
    expect(world.stdout.text).toMatch(/^observed {9}up to 2026-.*Z$/m);
    expect(world.stderr.text).toContain(FIRST_BATCH);
  });

  it('has its fields in JSON', async () => {
    const world = await worldWithArchive();
    await world.run('status', '--json');
    const fields = ['durable', 'latest', 'batches', 'snapshots', 'storedBytes'];
    const result = resultOf(world.stdout.json);
    expect(Object.keys(result)).toEqual(
      expect.arrayContaining([...fields, 'firstObserved', 'lastObserved', 'writer', 'recoverable']),
    );
  });

  it('of nothing ends with status 10', async () => {
    const world = new CliWorld();
    expect(await world.run('status', '--json')).toMatchObject({ exitCode: 10 });
    expect(resultOf(world.stdout.json)).toMatchObject({
      error: { code: 'RIG_ARCHIVE_NOT_FOUND', kind: 'not-found', retryable: false, hint: expect.any(String) },
    });
  });
});

describe('ls', () => {
  it('is one line an object', async () => {
    const world = await worldWithArchive();
    await world.run('ls');
    expect(world.stdout.lines).toEqual([
      expect.stringMatching(/^2026-\S+Z +\d+ B {2}ARCHIVE.json {2}descriptor$/),
      expect.stringMatching(/^2026-\S+Z +\d+ B {2}LOG\/0{16} {2}batch from 0 \(0x0\)$/),
      expect.stringMatching(/^2026-.*Z +\d+ B {2}WRITER\/0{15}1 {2}writer of epoch 1$/),
    ]);
  });

  it('is entries and then a result in JSON', async () => {
    const world = await worldWithArchive();
    await world.run('ls', '--json');
    expect(world.stdout.json).toMatchObject([
      { type: 'entry', kind: 'descriptor', key: 'ARCHIVE.json', storedBytes: expect.any(Number) },
      { type: 'entry', kind: 'batch', key: FIRST_BATCH, first: 0, storedBytes: expect.any(Number) },
      { type: 'entry', kind: 'writer', key: 'WRITER/0000000000000001', epoch: 1 },
      { type: 'result', command: 'ls', ok: true, exitCode: 0, entries: 3 },
    ]);
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('for %s is the script, in JSON too', async (shell) => {
    const world = new CliWorld();
    await world.run('completion', shell);
    expect(world.stdout.text).toContain(`${shell} completion for rigctl`);
    const script = world.stdout.text;
    await world.run('completion', shell, '--json');
    expect(resultOf(world.stdout.json)).toMatchObject({ command: 'completion', shell, text: script });
  });
});

describe('what nobody foresaw', () => {
  it('is told as a bug, in one result', async () => {
    const world = await worldWithArchive();
    world.wrapStore = () => {
      throw new TypeError('oops');
    };
    expect(await world.run('status', '--json')).toMatchObject({ exitCode: 1 });
    expect(resultOf(world.stdout.json)).toMatchObject({
      error: { code: 'RIG_ASSERTION', kind: 'internal', message: 'unexpected: oops' },
    });
    await world.run('status', '--verbose');
    expect(world.stderr.lines[0]).toBe('error: unexpected: oops');
    expect(world.stderr.text).toContain('caused by: TypeError: oops\n    at ');
    expect(world.stderr.lines.at(-1)).toMatch(/^hint: report this as a bug/);
  });
});
