import { describe, expect, it } from 'vitest';
import { scanStyle } from '../../src/cli/arguments.ts';
import { COMMANDS } from '../../src/cli/commands/all.ts';
import { CliWorld, worldWithArchive } from '../support/cli-world.ts';

/** Arguments that are wrong, the command they got to, and what is said. */
const MISTAKES: readonly [argv: string[], command: string | null, message: string, hint: string][] = [
  [[], null, 'no command is given', 'rigctl --help'],
  [['pusk', 'x'], null, "unknown command 'pusk'", 'did you mean push?'],
  [['--frob'], null, "unknown option '--frob'", 'rigctl --help'],
  [['push'], 'push', 'there is nothing to push', '--snapshots'],
  [['push', 'a', '--expire', 'mark'], 'push', '--expire is given without --snapshots', '--snapshots'],
  [['push', 'a', '--keep-last', '2'], 'push', 'what to keep', '--expire'],
  [['push', 'a', '--prune-local', '2'], 'push', '--prune-local is given without --snapshots', '--snapshots'],
  [
    ['push', 'a', '--snapshots', 'd', '--full-ratio', 'half'],
    'push',
    '--full-ratio: "half" is not a number from 0 to 100',
    'give a number',
  ],
  [['push', 'a', 'b'], 'push', "too many arguments for 'push'", 'rigctl push --help'],
  [['push', 'a', '--folow'], 'push', "unknown option '--folow'", 'did you mean --follow?'],
  [['push', 'a', '--jsn'], 'push', "unknown option '--jsn'", 'did you mean --json?'],
  [
    ['push', 'a', '--interval'],
    'push',
    "option '--interval <duration>' argument missing",
    'rigctl push --help',
  ],
  [['push', 'a', '--interval', '5'], 'push', '--interval: "5" is not a duration', '500ms'],
  [['push', 'a', '--batch-bytes', '1KiB'], 'push', '--batch-bytes: 1KiB is below 4KiB', '8MiB'],
  [['push', 'a', '--compression', 'xz'], 'push', '--compression: "xz" is not a compression', 'zstd'],
  [
    ['push', 'a', '--format', 'csv'],
    'push',
    "argument 'csv' is invalid. Allowed choices are bytes, lines",
    'help',
  ],
  [['restore'], 'restore', "required option '--to <path>' not specified", 'rigctl restore --help'],
  [['restore', '--to', ''], 'restore', '--to is empty', 'stdout'],
  [['restore', '--to', 'x', '--at', 'noon'], 'restore', '--at: "noon" is not a point in time', 'latest'],
  [['restore', '--to', 'x', '--nearest', 'here'], 'restore', 'Allowed choices are before, after', 'help'],
  [
    ['restore', '--to', 'x', '--state', '--journal'],
    'restore',
    "option '--state' cannot be used with option '--journal'",
    'help',
  ],
  [['verify', '--level', 'deep'], 'verify', 'Allowed choices are list, headers, data, replay', 'help'],
  [['verify', '--against', ''], 'verify', '--against is empty', 'journal'],
  [
    ['status', '--quiet', '--verbose'],
    'status',
    "option '--verbose' cannot be used with option '--quiet'",
    'help',
  ],
  [['status', '--archive', ''], 'status', '--archive is empty', 's3://'],
  [['status', 'now'], 'status', "too many arguments for 'status'", 'rigctl status --help'],
  [['ls', '--json=yes'], 'ls', "unknown option '--json=yes'", 'help'],
  [['completion', 'tcsh'], 'completion', 'Allowed choices are bash, zsh, fish', 'rigctl completion --help'],
  [['status', '--archive', 'x'], 'status', '"x" is not an archive URL', 'file:x'],
  [['status', '--archive', 'ftp://x/y'], 'status', 'no store is known by the scheme "ftp:"', 's3:'],
];

describe.each(MISTAKES)('rigctl %j', (argv, command, message, hint) => {
  it('is refused with status 2, a message and a hint', async () => {
    const world = new CliWorld();
    expect(await world.run(...argv)).toEqual({ exitCode: 2, atOnce: false });
    expect(world.stdout.text).toBe('');
    const lines = world.stderr.lines.filter((line) => !line.startsWith('code: '));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^error: /);
    expect(lines[0]).toContain(message);
    expect(lines[1]).toMatch(/^hint: /);
    expect(lines[1]).toContain(hint);
  });

  it('is one result in JSON', async () => {
    const world = new CliWorld();
    await world.run(...argv, '--json');
    expect(world.stderr.text).toBe('');
    expect(world.stdout.json).toMatchObject([
      { v: 1, type: 'result', command, ok: false, exitCode: 2, warningCount: 0, error: { kind: 'usage' } },
    ]);
  });
});

describe('RIGCTL_ARCHIVE', () => {
  it.each([
    ['', 'RIGCTL_ARCHIVE is set but empty'],
    ['backups', 'RIGCTL_ARCHIVE: "backups" is not an archive URL: it has no scheme'],
  ])('of %j is refused by its name', async (value, message) => {
    const world = new CliWorld();
    world.environment['RIGCTL_ARCHIVE'] = value;
    expect(await world.run('status')).toMatchObject({ exitCode: 2 });
    expect(world.stderr.lines[0]).toBe(`error: ${message}`);
    expect(world.stderr.lines[1]).toMatch(/^hint: /);
  });

  it('is not looked at when --archive is given', async () => {
    const world = new CliWorld();
    world.environment['RIGCTL_ARCHIVE'] = '';
    expect(await world.run('status', '--archive', 'memory:')).toMatchObject({ exitCode: 10 });
  });

  it('unset means a directory here, said aloud but for --quiet', async () => {
    const world = new CliWorld();
    world.environment['RIGCTL_ARCHIVE'] = undefined;
    await world.run('ls');
    expect(world.stderr.lines[0]).toContain('the archive is file:./rig-archive');
    await world.run('ls', '--quiet');
    expect(world.stderr.text).not.toContain('note:');
  });
});

describe('global options', () => {
  it.each([
    ['before', ['--archive', 'memory:', '--json', 'status']],
    ['after', ['status', '--json', '--archive=memory:']],
    ['around', ['--json', 'status', '--archive', 'memory:']],
  ])('work %s the command', async (_where, argv) => {
    const world = await worldWithArchive();
    world.environment['RIGCTL_ARCHIVE'] = 'file:/nowhere';
    expect(await world.run(...argv)).toMatchObject({ exitCode: 0 });
    expect(world.stdout.json).toMatchObject([{ type: 'result', command: 'status', ok: true }]);
  });

  it('after -- are arguments', async () => {
    const world = new CliWorld();
    await world.run('push', '--', '--json');
    expect(world.stderr.text).toContain('journal --json');
  });

  it('--to - is seen in both spellings, and only as the value of --to', () => {
    expect(scanStyle(['restore', '--to', '-']).dataOnStdout).toBe(true);
    expect(scanStyle(['restore', '--to=-']).dataOnStdout).toBe(true);
    expect(scanStyle(['restore', '--to', 'x', '-']).dataOnStdout).toBe(false);
    expect(scanStyle(['push', '--', '--to', '-']).dataOnStdout).toBe(false);
  });
});

describe('help', () => {
  it('lists every command', async () => {
    const world = new CliWorld();
    expect(await world.run('--help')).toEqual({ exitCode: 0, atOnce: false });
    for (const { name, summary } of COMMANDS) {
      expect(world.stdout.text).toContain(`  ${name} `);
      expect(world.stdout.text.replace(/\s+/g, ' ')).toContain(summary);
    }
    expect(world.stdout.text).toContain('RIGCTL_ARCHIVE');
  });

  it.each(COMMANDS.map(({ name }) => name))('of %s has an example and its exit statuses', async (name) => {
    const world = new CliWorld();
    expect(await world.run(name, '--help')).toEqual({ exitCode: 0, atOnce: false });
    expect(world.stdout.text).toContain(`Usage: rigctl ${name}`);
    expect(world.stdout.text).toMatch(new RegExp(`Examples:\n  rigctl ${name} `));
    expect(world.stdout.text).toMatch(/Exit status:\n {2}0 {4}done\n/);
    expect(world.stderr.text).toBe('');
    const text = world.stdout.text;
    await world.run('help', name);
    expect(world.stdout.text).toBe(text);
  });

  it.each([
    ['--help', 'help'],
    ['--version', 'version'],
  ])('%s in JSON is a result that carries the text', async (flag, command) => {
    const world = new CliWorld();
    await world.run(flag);
    const plain = world.stdout.text;
    await world.run(flag, '--json');
    const [result, ...more] = world.stdout.json;
    expect(more).toEqual([]);
    expect(result).toMatchObject({ type: 'result', command, ok: true, exitCode: 0 });
    expect(String(result?.['text']).trim()).toBe(plain.trim());
  });

  it('shows examples that are good', async () => {
    const world = await worldWithArchive();
    for (const example of COMMANDS.flatMap(({ examples }) => examples)) {
      const [, ...argv] = example.split(/ [|>]/)[0]?.match(/"[^"]*"|\S+/g) ?? [];
      await world.run(...argv.map((arg) => arg.replaceAll('"', '')), '--help');
      expect(world.stderr.text, example).not.toContain('error:');
    }
  });
});
