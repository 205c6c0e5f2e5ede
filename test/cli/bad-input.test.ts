import { describe, expect, it } from 'vitest';
import { CliWorld, JOURNAL, journalLines, worldWithArchive } from '../support/cli-world.ts';
import { type FileSystemCall, systemError } from '../support/memory-filesystem.ts';

/** A command, one thing that is wrong with its world, and how the command ends then. */
interface Trouble {
  readonly argv: readonly string[];
  readonly make?: (world: CliWorld) => void;
  readonly exitCode: number;
  readonly code: string;
  readonly message: RegExp;
}

/** Calls on a path fail as the system would let them fail. */
function fails(errno: string, matches: (call: FileSystemCall) => boolean): (world: CliWorld) => void {
  return ({ fileSystem }) => {
    fileSystem.beforeCall = (call) => {
      if (matches(call)) {
        throw systemError(errno, call.name, call.path);
      }
    };
  };
}

const TROUBLE: Readonly<Record<string, Trouble>> = {
  'a missing journal': {
    argv: ['push', '/none.log'],
    exitCode: 15,
    code: 'RIG_LOCAL_IO',
    message: /journal \/none\.log is not there/,
  },
  'a directory as journal': {
    argv: ['push', '/'],
    exitCode: 15,
    code: 'RIG_LOCAL_IO',
    message: /journal \/ is a directory/,
  },
  'a journal that may not be read': {
    argv: ['push', JOURNAL],
    make: fails('EACCES', ({ name, path }) => name === 'openForReading' && path === JOURNAL),
    exitCode: 15,
    code: 'RIG_LOCAL_IO',
    message: /app\.log/,
  },
  'a journal that is shorter than the archive': {
    argv: ['push', JOURNAL],
    make: ({ fileSystem }) => fileSystem.truncate(JOURNAL, 24),
    exitCode: 11,
    code: 'RIG_LOCAL_BEHIND',
    message: /24 \(0x18\)/,
  },
  'another journal': {
    argv: ['push', '/other.log'],
    make: ({ fileSystem }) => fileSystem.append('/other.log', journalLines(200).replaceAll('event', 'EVENT')),
    exitCode: 11,
    code: 'RIG_DIVERGED',
    message: /other\.log/,
  },
  'another format': {
    argv: ['push', JOURNAL, '--format', 'bytes'],
    exitCode: 2,
    code: 'RIG_CONFIG_INVALID',
    message: /format lines, not bytes/,
  },
  'a target that exists': {
    argv: ['restore', '--to', '/precious'],
    exitCode: 15,
    code: 'RIG_TARGET_EXISTS',
    message: /\/precious/,
  },
  'a state where there are no snapshots': {
    argv: ['restore', '--to', '/out', '--state'],
    exitCode: 10,
    code: 'RIG_OFFSET_NOT_COVERED',
    message: /no snapshot of the state/,
  },
  'a target whose parent is missing': {
    argv: ['restore', '--to', '/no/where'],
    exitCode: 15,
    code: 'RIG_LOCAL_IO',
    message: /\/no/,
  },
  'a full disk at the target': {
    argv: ['restore', '--to', '/out'],
    make: ({ fileSystem }) => {
      fileSystem.freeBytes = 100;
    },
    exitCode: 15,
    code: 'RIG_LOCAL_IO',
    message: /no space left|ENOSPC|full/,
  },
  'a read-only target': {
    argv: ['restore', '--to', '/precious', '--force'],
    make: fails('EROFS', ({ name }) => name === 'createNew' || name === 'makeDirectory'),
    exitCode: 15,
    code: 'RIG_LOCAL_IO',
    message: /read-only|EROFS/,
  },
  'an offset beyond the end': {
    argv: ['restore', '--to', '/out', '--at', '9999'],
    exitCode: 10,
    code: 'RIG_OFFSET_NOT_COVERED',
    message: /9999 \(0x270f\)/,
  },
  'an offset within a record': {
    argv: ['restore', '--to', '/out', '--at', '13'],
    exitCode: 10,
    code: 'RIG_OFFSET_NOT_BOUNDARY',
    message: /12 \(0xc\).*24 \(0x18\)/,
  },
  'a time before the first observation': {
    argv: ['restore', '--to', '/out', '--at', '2020-01-01T00:00:00Z'],
    exitCode: 10,
    code: 'RIG_OFFSET_NOT_COVERED',
    message: /2020-01-01T00:00:00.000Z/,
  },
  'an archive that is not there': {
    argv: ['restore', '--to', '/out'],
    make: ({ namespace }) => namespace.objects.clear(),
    exitCode: 10,
    code: 'RIG_ARCHIVE_NOT_FOUND',
    message: /there is no archive/,
  },
  'a lost descriptor': {
    argv: ['restore', '--to', '/out'],
    make: ({ namespace }) => namespace.objects.delete('ARCHIVE.json'),
    exitCode: 14,
    code: 'RIG_DESCRIPTOR_LOST',
    message: /ARCHIVE\.json/,
  },
};

describe.each(Object.entries(TROUBLE))('%s', (_what, { argv, make, exitCode, code, message }) => {
  it(`ends with status ${exitCode}, a message and a hint, and harms nothing`, async () => {
    const world = await worldWithArchive();
    world.fileSystem.append('/precious', 'precious');
    make?.(world);
    const objects = new Map(world.namespace.objects);
    expect(await world.run(...argv)).toEqual({ exitCode, atOnce: false });
    const [error = '', hint = '', ...more] = world.stderr.lines.filter((line) => !line.startsWith('note: '));
    expect(error).toMatch(/^error: (?:[a-z0-9"/]|ARCHIVE)/);
    expect(error).toMatch(message);
    expect(hint).toMatch(/^hint: [a-z]/);
    expect(more).toEqual([]);
    await world.run(...argv, '--json');
    expect(world.stdout.json.at(-1)).toMatchObject({ type: 'result', ok: false, exitCode, error: { code } });
    expect(new Map(world.namespace.objects)).toEqual(objects);
    expect(world.fileSystem.contentOf('/precious').toString()).toBe('precious');
    world.fileSystem.beforeCall = () => {};
    const names = (await world.fileSystem.list('/')).map(({ name }) => name);
    expect(names.filter((name) => !name.endsWith('.log')).sort()).toEqual(['precious']);
  });
});

describe('nothing wrong', () => {
  it('is an empty journal: its archive can be restored at 0', async () => {
    const world = new CliWorld();
    world.fileSystem.append('/empty.log', '');
    expect(await world.run('push', '/empty.log')).toMatchObject({ exitCode: 0 });
    expect(world.stdout.text).toBe('nothing new to push, durable at 0 (0x0)\n');
    expect(await world.run('verify')).toMatchObject({ exitCode: 0 });
    expect(await world.run('restore', '--to', '/out')).toMatchObject({ exitCode: 0 });
    expect(world.fileSystem.contentOf('/out')).toHaveLength(0);
  });
});

describe('a follower', () => {
  it.each([
    ['cut', (world: CliWorld) => world.fileSystem.truncate(JOURNAL, 24)],
    [
      'replaced',
      async (world: CliWorld) => {
        await world.fileSystem.remove(JOURNAL);
        world.fileSystem.append(JOURNAL, journalLines(200));
      },
    ],
  ])('whose journal is %s ends with status 15 and says so', async (_how, change) => {
    const world = await worldWithArchive();
    world.renewOutputs();
    const ended = world.start('push', JOURNAL, '--follow', '--json');
    await world.clock.advance(30_000);
    await change(world);
    expect(await world.clock.runUntil(ended)).toEqual({ exitCode: 15, atOnce: false });
    expect(world.stdout.json.at(-1)).toMatchObject({ ok: false, error: { code: 'RIG_JOURNAL_TRUNCATED' } });
  });
});

it('a path with control characters is shown, not obeyed, and quoted where it is to be copied', async () => {
  const world = new CliWorld();
  await world.run('push', '/no\u001b[2J\nsuch.journal');
  expect(world.stderr.text).toContain('/no\\u001b[2J\\nsuch.journal');
  world.fileSystem.append('/app.log', 'one\n');
  await world.run('push', '/app.log');
  await world.run('restore', '--to', "/it's not/here/app.log");
  expect(world.stderr.text).toContain("mkdir -p '/it'\\''s not/here'");
});
