import { readFileSync } from 'node:fs';
import type { Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/all.ts';
import { CLOSED_PIPE_STATUS, exitStatusesOf, SIGNAL_STATUS } from '../../src/cli/exit-status.ts';
import { ARCHIVE_VARIABLE } from '../../src/cli/open.ts';
import { createProgram } from '../../src/cli/program.ts';
import { JOURNAL_FORMATS } from '../../src/journal/registry.ts';
import { ERROR_KINDS, type ErrorKind, EXIT_STATUS } from '../../src/kernel/errors.ts';
import { STORE_SCHEMES } from '../../src/store/registry.ts';
import { type CliWorld, JOURNAL, worldWithArchive } from '../support/cli-world.ts';
import { type ManSection, readManPage } from '../support/man-page.ts';

const page = readManPage('rigctl.1');
const program = createProgram({ onStart() {}, write() {} });

function section(title: string, sections: readonly ManSection[] = page): ManSection {
  const found = sections.find((candidate) => candidate.title === title);
  if (found === undefined) {
    throw new Error(`the man page has no section ${title}`);
  }
  return found;
}

function titlesOf(title: string): string[] {
  return section(title).sections.map((subsection) => subsection.title);
}

function tagsOf({ entries }: ManSection): string[] {
  return entries.map(({ tag }) => tag);
}

/** `--at point`, as the man page writes `--at <point>`. */
function tagOf(option: Option): string {
  return option.flags.replaceAll(/[<>]/g, '');
}

/** What `--help` says of the default. */
function defaultOf(command: Command, option: Option): string | undefined {
  return /default: ([^)]*)\)/.exec(command.createHelp().optionDescription(option))?.[1];
}

function expectSameOptions(command: Command, options: readonly Option[], inPage: ManSection): void {
  const entries = inPage.entries.filter(({ tag }) => tag.startsWith('-'));
  expect(entries.map(({ tag }) => tag).sort()).toEqual(options.map(tagOf).sort());
  for (const option of options) {
    const text = entries.find(({ tag }) => tag === tagOf(option))?.text ?? '';
    expect(/Default: (.*)\.$/.exec(text)?.[1], tagOf(option)).toBe(defaultOf(command, option));
    for (const choice of option.argChoices ?? []) {
      expect(option.long === '--format' ? titlesOf('JOURNAL FORMATS').join(' ') : text).toContain(choice);
    }
    expect(text.includes('Required.'), `${tagOf(option)} is required`).toBe(option.mandatory === true);
  }
}

describe('the man page', () => {
  it('is of this version', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const source = readFileSync(new URL('../../man/rigctl.1', import.meta.url), 'utf8');
    expect(source.split('\n')[0]).toContain(`"rigctl ${version}"`);
    expect(program.version()).toBe(version);
  });

  it('has every command, and no other', () => {
    const names = [...COMMANDS.map(({ name }) => name), 'help'];
    expect(titlesOf('COMMANDS')).toEqual(names);
    for (const name of names) {
      expect(section('SYNOPSIS').text).toContain(`rigctl ${name} `);
    }
  });

  it('has every global option with its default, and no other', () => {
    const help = program.createHelp();
    expectSameOptions(program, help.visibleOptions(program), section('GLOBAL OPTIONS'));
  });

  it.each(COMMANDS.map(({ name }) => name))('has the arguments, options and statuses of %s', (name) => {
    const command = program.commands.find((candidate) => candidate.name() === name) as Command;
    const inPage = section(name, section('COMMANDS').sections);
    expectSameOptions(command, command.options, inPage);
    for (const argument of command.registeredArguments) {
      expect(inPage.text).toMatch(new RegExp(`\\b${argument.name()}\\b`));
      for (const choice of argument.argChoices ?? []) {
        expect(inPage.text).toContain(choice);
      }
    }
    const failures = COMMANDS.find((definition) => definition.name === name)?.failures ?? [];
    const statuses = exitStatusesOf(failures).map(([status]) => status);
    expect(inPage.text).toMatch(new RegExp(`Exit status: ${statuses.join(', ')}\\.$`));
  });

  it('has every exit status, and no other', () => {
    const statuses = new Set([
      0,
      ...Object.values(EXIT_STATUS),
      ...Object.values(SIGNAL_STATUS),
      CLOSED_PIPE_STATUS,
    ]);
    const ascending = [...statuses].sort((left, right) => left - right);
    expect(tagsOf(section('EXIT STATUS')).map(Number)).toEqual(ascending);
  });

  it('says of each exit status what --help says', () => {
    const inPage = section('EXIT STATUS').entries;
    for (const [status, meaning] of exitStatusesOf(Object.keys(EXIT_STATUS) as ErrorKind[])) {
      const text = inPage.find(({ tag }) => Number(tag) === status)?.text ?? '';
      expect(text.toLowerCase()).toContain(`${meaning.toLowerCase()}.`);
    }
  });

  it('has every error code under its kind and status, and no other', () => {
    const inPage = section('ERRORS').sections.map((kind) => [kind.title, tagsOf(kind)]);
    const inCode = Object.entries(EXIT_STATUS)
      .map(([kind, status]): [string, string[]] => [
        `${kind} (${status})`,
        Object.entries(ERROR_KINDS).flatMap(([code, ofKind]) => (ofKind === kind ? [code] : [])),
      ])
      .filter(([, codes]) => codes.length > 0);
    expect(inPage).toEqual(inCode);
  });

  it('has a section for every journal format and every store, and no other', () => {
    expect(titlesOf('JOURNAL FORMATS')).toEqual(JOURNAL_FORMATS.map(({ name }) => name));
    expect(titlesOf('STORES').sort()).toEqual(STORE_SCHEMES.map((scheme) => `${scheme}:`).sort());
  });

  it('has the environment variables that --help has', () => {
    let help = '';
    createProgram({ onStart() {}, write: (text) => (help += text) }).outputHelp();
    for (const variable of [ARCHIVE_VARIABLE, 'NO_COLOR', 'TERM']) {
      expect(tagsOf(section('ENVIRONMENT'))).toContain(variable);
      expect(help).toMatch(new RegExp(`^  ${variable} `, 'm'));
    }
  });
});

describe('the members of results in the man page are those of the command', () => {
  const COMMON = ['v', 'ts', 'type', 'command', 'ok', 'exitCode', 'warningCount'];
  const CALLS: Record<string, string[]> = {
    push: ['push', JOURNAL],
    snapshot: ['snapshot', '--now', JOURNAL],
    restore: ['restore', '--to', '/out'],
    verify: ['verify'],
    prune: ['prune', '--keep-last', '1'],
    status: ['status'],
    ls: ['ls'],
    lifecycle: ['lifecycle', 'show'],
    completion: ['completion', 'bash'],
    help: ['--help'],
    version: ['--version'],
  };
  const results = section('Results', section('JSON OUTPUT').sections);

  it('for every command, and for no other', () => {
    expect(tagsOf(results)).toEqual(Object.keys(CALLS));
  });

  it.each(Object.entries(CALLS))('%s', async (name, argv) => {
    const world: CliWorld = await worldWithArchive();
    await world.run(...argv, '--json');
    const members = Object.keys(world.stdout.json.at(-1) ?? {});
    const own = members.filter((member) => !COMMON.includes(member));
    expect(results.entries.find(({ tag }) => tag === name)?.text).toBe(own.join(', '));
  });

  it('and every type of line is there', () => {
    const types = ['progress', 'durable', 'retry', 'warning', 'note', 'entry', 'result'];
    expect(tagsOf(section('Types', section('JSON OUTPUT').sections))).toEqual(types);
  });
});
