import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { askTerminal } from '../../src/cli/ask.ts';
import { openMemoryStore } from '../../src/store/drivers/memory.ts';
import { type CliWorld, worldWithArchive } from '../support/cli-world.ts';
import { DOCUMENT } from '../support/lifecycle-world.ts';
import { putSnapshotHead } from '../support/snapshot-head.ts';

/** An archive in a bucket with a rule of somebody else, and a current directory that can be written to. */
async function world(): Promise<CliWorld> {
  const made = await worldWithArchive();
  made.namespace.rules.document = DOCUMENT;
  const parts = process
    .cwd()
    .split('/')
    .filter((part) => part !== '');
  for (const [index] of parts.entries()) {
    await made.fileSystem.makeDirectory(`/${parts.slice(0, index + 1).join('/')}`, 0o755);
  }
  return made;
}

function rules({ namespace }: CliWorld): string[] {
  return [...namespace.rules.document.matchAll(/<ID>(.*?)<\/ID>/g)].map(([, id = '']) =>
    id.replace(/^.*:/, ''),
  );
}

const ALL = ['of &amp; others', 'log', 'snapshot', 'log-leftovers', 'snapshot-leftovers'];
const THEIRS = ['of &amp; others'];

describe('lifecycle', () => {
  it('shows the rules', async () => {
    const w = await world();
    expect(await w.run('lifecycle', 'show')).toMatchObject({ exitCode: 0 });
    expect(w.stdout.lines).toEqual([
      `  "of & others" (not this archive's): tmp/ tagged a=b: expires after 5 days, ` +
        'DelMarkerExpiration, which rigctl does not know',
    ]);
    w.namespace.rules.document = '';
    await w.run('lifecycle', 'show');
    expect(w.stdout.lines).toEqual(['no lifecycle rules']);
  });

  it('plans without changing anything', async () => {
    const w = await world();
    expect(await w.run('lifecycle', 'plan', '--log-days', '1')).toMatchObject({ exitCode: 0 });
    expect(w.stdout.lines).toEqual([
      expect.stringMatching(/^ {2}"of & others" \(not this archive's\): /),
      expect.stringMatching(/^\+ "rigctl:.*:log": LOG\/ tagged rigctl=expendable: expires after 1 day$/),
      expect.stringMatching(
        /^\+ "rigctl:.*:snapshot": SNAPSHOT\/ tagged rigctl=expendable: expires after 30 days$/,
      ),
      expect.stringMatching(
        /^\+ "rigctl:.*:log-leftovers": LOG\/: markers .* go, unfinished uploads are given up after 7 days$/,
      ),
      expect.stringMatching(/^\+ "rigctl:.*:snapshot-leftovers": /),
    ]);
    expect(rules(w)).toEqual(THEIRS);
  });

  it('applies after a yes on the terminal, and says where the copy is', async () => {
    const w = await world();
    w.answers = ['y'];
    expect(await w.run('lifecycle', 'apply')).toMatchObject({ exitCode: 0 });
    expect(w.questions).toEqual([expect.stringMatching(/\n\+ "rigctl:[\s\S]*\? \[y\/N\] $/)]);
    expect(w.stdout.lines.slice(-2)).toEqual([
      'the lifecycle rules are changed',
      expect.stringMatching(/^the rules as they were are in rigctl-lifecycle-[0-9a-f-]+-2026-.*\.xml$/),
    ]);
    expect(w.stderr.text).toContain('remove only what "rigctl prune --mark"');
    expect(rules(w)).toEqual(ALL);
    await w.run('lifecycle', 'plan');
    expect(w.stdout.lines.at(-1)).toBe('nothing to change');
    await w.run('lifecycle', 'plan', '--snapshot-days', '60');
    expect(w.stdout.lines.filter((line) => !line.startsWith(' '))).toEqual([
      expect.stringMatching(/^- .*:snapshot": .* after 30 days$/),
      expect.stringMatching(/^\+ .*:snapshot": .* after 60 days$/),
    ]);
  });

  it.each(['n', '', 'yesterday'])('changes nothing after the answer "%s"', async (answer) => {
    const w = await world();
    w.answers = [answer];
    expect(await w.run('lifecycle', 'apply')).toMatchObject({ exitCode: 2 });
    expect(w.stderr.text).toContain('error: not confirmed; nothing was changed');
    expect(rules(w)).toEqual(THEIRS);
  });

  it.each(['apply', 'remove'])('%s needs --yes where nobody can be asked', async (action) => {
    const w = await world();
    if (action === 'remove') {
      await w.run('lifecycle', 'apply', '--yes');
    }
    const { document } = w.namespace.rules;
    await w.clock.advance(1_000);
    expect(await w.run('lifecycle', action)).toMatchObject({ exitCode: 2 });
    expect(w.stderr.text).toContain(`error: lifecycle ${action} needs --yes where nobody can be asked`);
    expect(w.namespace.rules.document).toBe(document);
    expect(await w.run('lifecycle', action, '--yes')).toMatchObject({ exitCode: 0 });
    expect(rules(w)).toEqual(action === 'apply' ? ALL : THEIRS);
  });

  it('has its fields in JSON', async () => {
    const w = await world();
    await w.run('lifecycle', 'apply', '--yes', '--json');
    expect(w.stdout.json.at(-1)).toMatchObject({
      command: 'lifecycle',
      action: 'apply',
      ok: true,
      changed: true,
      backup: expect.stringMatching(/^rigctl-lifecycle-/),
      before: [
        { own: false, id: 'of & others', expireAfterDays: 5, unknownElements: ['DelMarkerExpiration'] },
      ],
      after: [{ own: false }, { own: true, expireAfterDays: 3 }, { own: true }, { own: true }, { own: true }],
    });
  });

  it('by age says what it may destroy, and wants that typed or the flag', async () => {
    const w = await world();
    const store = openMemoryStore(w.namespace, w.clock);
    await putSnapshotHead(store, 12);
    expect(await w.run('lifecycle', 'apply', '--by-age', '--yes')).toMatchObject({ exitCode: 2 });
    expect(w.stderr.text).toContain('warning: when no new snapshot is made for more than 3 days');
    expect(w.stderr.text).toContain('error: rules by age need --accept-loss where nobody can be asked');
    w.answers = ['yes'];
    expect(await w.run('lifecycle', 'apply', '--by-age', '--yes')).toMatchObject({ exitCode: 2 });
    expect(rules(w)).toEqual(THEIRS);
    w.answers = ['accept loss', 'y'];
    expect(await w.run('lifecycle', 'apply', '--by-age')).toMatchObject({ exitCode: 0 });
    expect(rules(w)).toEqual(ALL);
    w.answers = undefined;
    await w.clock.advance(1_000);
    const again = ['lifecycle', 'apply', '--by-age', '--log-days', '2', '--yes', '--accept-loss'];
    expect(await w.run(...again)).toMatchObject({ exitCode: 0 });
  });

  it('by age is refused when snapshots stopped, with the reason', async () => {
    const w = await world();
    await putSnapshotHead(openMemoryStore(w.namespace, w.clock), 12);
    await w.clock.advance(2 * 86_400_000);
    expect(await w.run('lifecycle', 'apply', '--by-age', '--yes', '--accept-loss')).toMatchObject({
      exitCode: 2,
    });
    expect(w.stderr.text).toMatch(
      /error: the newest snapshot, 12 \(0xc\), is 2d old, .*\nhint: find out why/,
    );
  });

  it.each([
    [['show', '--by-age'], '--by-age means nothing to "lifecycle show"'],
    [['show', '--yes'], '--yes means nothing to "lifecycle show"'],
    [['plan', '--accept-loss'], '--accept-loss means nothing to "lifecycle plan"'],
    [['remove', '--log-days', '3'], '--log-days means nothing to "lifecycle remove"'],
    [['apply', '--log-days', '0'], '--log-days: "0" is not a whole number from 1 to 2147483647'],
    [
      ['apply', '--snapshot-days', '1.5'],
      '--snapshot-days: "1.5" is not a whole number from 1 to 2147483647',
    ],
    [['drop'], 'Allowed choices are show, plan, apply, remove'],
    [[], "missing required argument 'action'"],
  ])('%j is refused before anything is asked', async (argv, message) => {
    const w = await world();
    expect(await w.run('lifecycle', ...argv)).toMatchObject({ exitCode: 2 });
    expect(w.stderr.text).toContain(message);
  });

  it('of a store without lifecycle rules points to prune', async () => {
    const w = await world();
    w.wrapStore = (store) => ({
      url: store.url,
      capabilities: { ...store.capabilities, lifecycle: undefined },
      get: store.get.bind(store),
      head: store.head.bind(store),
      put: store.put.bind(store),
      list: store.list.bind(store),
      delete: store.delete.bind(store),
      close: store.close.bind(store),
    });
    expect(await w.run('lifecycle', 'show')).toMatchObject({ exitCode: 2 });
    expect(w.stderr.text).toMatch(/has no lifecycle rules\nhint: use "rigctl prune"/);
  });
});

describe('a question', () => {
  const terminal = (isTTY = true) => Object.assign(new PassThrough(), { isTTY });
  const never = new AbortController().signal;

  it('gets the line that is typed', async () => {
    const [input, output] = [terminal(), terminal()];
    const answer = askTerminal('sure? ', input, output, never);
    input.write('y\nmore\n');
    expect(await answer).toBe('y');
    expect(output.read().toString()).toBe('sure? ');
  });

  it('has no answer when the terminal is closed, and nobody to give one without a terminal', async () => {
    const input = terminal();
    const answer = askTerminal('sure? ', input, terminal(), never);
    input.end();
    expect(await answer).toBe('');
    expect(await askTerminal('sure? ', terminal(false), terminal(), never)).toBeUndefined();
    expect(await askTerminal('sure? ', terminal(), terminal(false), never)).toBeUndefined();
  });

  it('ends with the signal', async () => {
    const abort = new AbortController();
    const answer = askTerminal('sure? ', terminal(), terminal(), abort.signal);
    abort.abort(new Error('stop'));
    await expect(answer).rejects.toThrow('stop');
    await expect(askTerminal('sure? ', terminal(), terminal(), abort.signal)).rejects.toThrow('stop');
  });
});
