import { spawnSync } from 'node:child_process';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { AS_ORDINARY_USER, expectRefusal, JOURNAL, type Refusal, resultOf, Scene } from '../support/scene.ts';

/** What is wrong, and how a command that meets it ends. */
interface Mistake {
  readonly argv: readonly string[];
  readonly expected: readonly [exitCode: number, code: string, message: string, hint: string];
  /** Makes the scene wrong. */
  readonly arrange?: (scene: Scene) => unknown;
  readonly through?: readonly string[];
}

const RESTORE = ['restore', '--to', 'new'];

const MISTAKES: Readonly<Record<string, Mistake>> = {
  'an unknown option': {
    argv: ['push', 'app.log', '--folow'],
    expected: [2, 'RIG_USAGE', "unknown option '--folow'", 'did you mean --follow?'],
  },
  'an unknown command': {
    argv: ['pusk', 'app.log'],
    expected: [2, 'RIG_USAGE', "unknown command 'pusk'", 'did you mean push?'],
  },
  'a bad size': {
    argv: ['push', 'app.log', '--batch-bytes', '8 bananas'],
    expected: [2, 'RIG_USAGE', '--batch-bytes: "8 bananas" is not a size', 'such as 64KiB'],
  },
  'a bad duration': {
    argv: ['push', 'app.log', '--follow', '--interval', 'soon'],
    expected: [2, 'RIG_USAGE', '--interval: "soon" is not a duration', 'such as 500ms'],
  },
  'a bad offset': {
    argv: [...RESTORE, '--at', '12x'],
    expected: [2, 'RIG_USAGE', '--at: "12x" is not a point in time', 'an offset (12345 or 0x48e)'],
  },
  'an offset above the largest there is': {
    argv: [...RESTORE, '--at', '9007199254740992'],
    expected: [2, 'RIG_USAGE', 'offset 9007199254740992 is above 2^53-1', 'rigctl status'],
  },
  'a time without a zone': {
    argv: [...RESTORE, '--at', '2026-11-21T10:32:07'],
    expected: [2, 'RIG_USAGE', 'has no zone', 'add the zone'],
  },
  'a time that does not exist': {
    argv: [...RESTORE, '--at', '2026-02-30T10:32:07Z'],
    expected: [2, 'RIG_USAGE', 'is not a point in time', 'a time with its zone'],
  },
  'an archive URL without a scheme': {
    argv: ['status', '--archive', 'backups'],
    expected: [2, 'RIG_CONFIG_INVALID', '"backups" is not an archive URL', 'write file:backups'],
  },
  'an unknown scheme': {
    argv: ['status', '--archive', 'ftp://host/backups'],
    expected: [2, 'RIG_CONFIG_INVALID', 'no store is known by the scheme "ftp:"', 'file:'],
  },
  'an archive URL that names nothing': {
    argv: ['push', 'app.log', '--archive', 's3://'],
    expected: [2, 'RIG_CONFIG_INVALID', 's3:// is not an s3 URL', 's3://bucket/prefix'],
  },

  'a missing journal': {
    argv: ['push', 'missing.log'],
    expected: [15, 'RIG_LOCAL_IO', 'journal missing.log is not there', 'check the path'],
  },
  'a missing journal to follow': {
    argv: ['push', 'missing.log', '--follow'],
    expected: [15, 'RIG_LOCAL_IO', 'journal missing.log is not there', 'start the application'],
  },
  'a directory as journal': {
    argv: ['push', 'full'],
    expected: [15, 'RIG_LOCAL_IO', 'journal full is a directory', 'name the append-only file'],
  },
  'a FIFO as journal': {
    argv: ['push', 'fifo'],
    arrange: (scene) => spawnSync('mkfifo', [scene.path('fifo')]),
    expected: [15, 'RIG_LOCAL_IO', 'journal fifo is not a regular file', 'name the append-only file'],
  },
  'an unreadable journal': {
    argv: ['push', 'app.log'],
    arrange: (scene) => chmod(scene.path('app.log'), 0),
    through: AS_ORDINARY_USER,
    expected: [15, 'RIG_LOCAL_IO', 'cannot open journal app.log: EACCES', 'the right to read'],
  },
  'an unreadable journal to compare with': {
    argv: ['verify', '--against', 'app.log'],
    arrange: (scene) => chmod(scene.path('app.log'), 0),
    through: AS_ORDINARY_USER,
    expected: [15, 'RIG_LOCAL_IO', 'cannot open journal app.log: EACCES', 'the right to read'],
  },
  'a journal that is not the one in the archive': {
    argv: ['push', 'precious'],
    expected: [11, 'RIG_DIVERGED', 'precious', 'archive'],
  },
  'a journal that is behind the archive': {
    argv: ['push', 'app.log'],
    arrange: (scene) => writeFile(scene.path('app.log'), JOURNAL.slice(0, 14)),
    expected: [11, 'RIG_LOCAL_BEHIND', 'ends at offset 14', 'restore to the archive'],
  },
  'an empty journal where there was more': {
    argv: ['push', 'app.log'],
    arrange: (scene) => writeFile(scene.path('app.log'), ''),
    expected: [11, 'RIG_LOCAL_BEHIND', 'ends at offset 0', 'restore to the archive'],
  },

  'a target that exists': {
    argv: ['restore', '--to', 'precious'],
    expected: [15, 'RIG_TARGET_EXISTS', 'target precious exists', '--force'],
  },
  'a target that is a directory': {
    argv: ['restore', '--to', 'full', '--force'],
    expected: [15, 'RIG_TARGET_EXISTS', 'target full exists and is a directory', 'name a file'],
  },
  'a target that is a device': {
    argv: ['restore', '--to', '/dev/null', '--force'],
    expected: [15, 'RIG_TARGET_EXISTS', 'target /dev/null exists and is not a regular file', '"-"'],
  },
  'a target that is a link to nowhere': {
    argv: ['restore', '--to', 'link'],
    arrange: (scene) => symlink('nowhere', scene.path('link')),
    expected: [15, 'RIG_TARGET_EXISTS', 'target link exists', '--force'],
  },
  'a target without a name': {
    argv: ['restore', '--to', 'new/'],
    expected: [15, 'RIG_LOCAL_IO', 'cannot restore to new/: it names a directory', 'name a file'],
  },
  "a target's parent that is missing": {
    argv: ['restore', '--to', 'missing/new'],
    expected: [15, 'RIG_LOCAL_IO', 'missing is not a directory', 'mkdir -p missing'],
  },
  "a target's parent that is a file": {
    argv: ['restore', '--to', 'precious/new'],
    expected: [15, 'RIG_LOCAL_IO', 'cannot look at target precious/new', 'directories exist'],
  },
  "a target's parent that may not be written to": {
    argv: ['restore', '--to', 'full/new'],
    arrange: (scene) => chmod(scene.path('full'), 0o500),
    through: AS_ORDINARY_USER,
    expected: [15, 'RIG_LOCAL_IO', 'target full/new: EACCES', 'that this user may write to'],
  },

  'an offset beyond the end': {
    argv: [...RESTORE, '--at', '35'],
    expected: [
      10,
      'RIG_OFFSET_NOT_COVERED',
      'offset 35 (0x23) is beyond the archive',
      'ask for a point within',
    ],
  },
  'an offset inside a record': {
    argv: [...RESTORE, '--at', '10'],
    expected: [10, 'RIG_OFFSET_NOT_BOUNDARY', 'begins at 8 (0x8) and ends at 14', '--at 8 or --at 14'],
  },
  'a time before the first observation': {
    argv: [...RESTORE, '--at', '2001-01-01T00:00:00Z'],
    expected: [10, 'RIG_OFFSET_NOT_COVERED', 'before all observations', 'ask for a point within'],
  },

  'an archive that is not there': {
    argv: [...RESTORE, '--archive', 'file:missing'],
    expected: [10, 'RIG_ARCHIVE_NOT_FOUND', 'there is no archive at file:', 'check --archive'],
  },
  'an empty directory as archive': {
    argv: ['verify', '--archive', 'file:empty'],
    arrange: (scene) => mkdir(scene.path('empty')),
    expected: [10, 'RIG_ARCHIVE_NOT_FOUND', 'there is no archive at file:', 'check --archive'],
  },
  'a directory that is not an archive': {
    argv: ['push', 'app.log', '--archive', 'file:full'],
    expected: [2, 'RIG_CONFIG_INVALID', 'holds objects and is not an archive', 'prefix of its own'],
  },
  'a file as archive': {
    argv: ['push', 'app.log', '--archive', 'file:precious'],
    expected: [2, 'RIG_CONFIG_INVALID', 'a file is where a directory must be', 'move that file away'],
  },
  'an archive below a missing directory': {
    argv: ['push', 'app.log', '--archive', 'file:missing/archive'],
    expected: [2, 'RIG_CONFIG_INVALID', 'there is no directory', 'mkdir -p'],
  },
  'an unreadable archive': {
    argv: RESTORE,
    arrange: (scene) => chmod(scene.path('archive'), 0),
    through: AS_ORDINARY_USER,
    expected: [12, 'RIG_STORE_DENIED', 'cannot read ARCHIVE.json', 'the right to read'],
  },
  'an archive that may not be written to': {
    argv: ['push', 'app.log', '--archive', 'file:full/archive'],
    arrange: (scene) => chmod(scene.path('full'), 0o500),
    through: AS_ORDINARY_USER,
    expected: [12, 'RIG_STORE_DENIED', 'cannot write ARCHIVE.json', 'the right to read and write'],
  },
  'an archive of another format': {
    argv: ['push', 'app.log', '--format', 'bytes'],
    expected: [2, 'RIG_CONFIG_INVALID', 'a journal of format lines, not bytes', 'leave --format out'],
  },
  'an archive of a later version': {
    argv: RESTORE,
    arrange: (scene) => writeFile(scene.path('archive/ARCHIVE.json'), '{"version":2}'),
    expected: [14, 'RIG_VERSION_UNKNOWN', 'ARCHIVE.json', 'newer rigctl'],
  },
  'an archive without its descriptor': {
    argv: ['push', 'app.log'],
    arrange: (scene) => rm(scene.path('archive/ARCHIVE.json')),
    expected: [14, 'RIG_DESCRIPTOR_LOST', 'ARCHIVE.json', 'WRITER/'],
  },
};

describe.concurrent('refused in words and in JSON, with nothing harmed:', () => {
  it.each(Object.entries(MISTAKES))('%s', async (_title, { argv, arrange, through, expected }) => {
    await using scene = await Scene.create();
    await arrange?.(scene);
    const [exitCode, code, message, hint] = expected;
    const refusal: Refusal = { exitCode, code, message, hint };
    await expectRefusal(scene, argv, refusal, through);
  });
});

describe.concurrent('an empty journal', () => {
  it.each([
    ['bytes', ''],
    ['lines', ''],
    ['lines', 'not yet a record'],
  ])('of %s (%j) makes an empty archive, from which it comes back empty', async (format, content) => {
    await using scene = await Scene.create();
    await writeFile(scene.path('empty.log'), content);
    const archive = ['--json', '--archive', 'file:empty'];
    const pushed = resultOf(await scene.run(['push', 'empty.log', '--format', format, ...archive]));
    expect(pushed).toMatchObject({ exitCode: 0, durable: 0, batches: 0, tornBytes: content.length });

    const recoverable = [{ from: 0, to: 0 }];
    const verified = resultOf(await scene.run(['verify', ...archive]));
    expect(verified).toMatchObject({ exitCode: 0, findings: [], warnings: [], recoverable });
    expect(resultOf(await scene.run(['status', ...archive]))).toMatchObject({ durable: 0, recoverable });

    const restored = resultOf(await scene.run([...RESTORE, ...archive]));
    expect(restored).toMatchObject({ exitCode: 0, offset: 0, bytes: 0 });
    expect((await scene.run(['restore', '--to', '-', '--archive', 'file:empty'])).stdout).toBe('');
    await rm(scene.path('new'));
    const refusal = { exitCode: 10, code: 'RIG_OFFSET_NOT_COVERED', message: 'beyond', hint: 'within' };
    await expectRefusal(scene, [...RESTORE, '--at', '1', '--archive', 'file:empty'], refusal);
  });
});

describe.concurrent('restore --force', () => {
  it.each([
    ['a file, and keeps its mode', 'precious', 0o640],
    ['a link to nowhere', 'link', 0o600],
  ])('replaces %s', async (_title, target, mode) => {
    await using scene = await Scene.create();
    await symlink('nowhere', scene.path('link'));
    const before = await scene.tree();
    expect(await scene.run(['restore', '--to', target, '--force'])).toMatchObject({ exitCode: 0 });
    const after = new Map(await scene.tree());
    expect(after.get(target)).toBe(before.get('app.log')?.replace(/^\d+/, `100${mode.toString(8)}`));
    after.set(target, before.get(target) ?? '');
    expect(after).toEqual(before);
  });
});
