import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';

const RIGCTL = fileURLToPath(new URL('../../bin/rigctl.js', import.meta.url));

let directory: string;
let env: NodeJS.ProcessEnv;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rigctl-cli-'));
  env = { PATH: process.env['PATH'], HOME: directory, RIGCTL_ARCHIVE: `file:${join(directory, 'archive')}` };
  writeFileSync(join(directory, 'app.log'), 'x'.repeat(8 * 1024 * 1024));
  expect(rigctl('push', join(directory, 'app.log')).status).toBe(0);
});

afterAll(() => rmSync(directory, { recursive: true }));

function rigctl(...argv: string[]) {
  return spawnSync(process.execPath, [RIGCTL, ...argv], {
    env,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
}

function start(...argv: string[]): ChildProcess {
  return spawn(process.execPath, [RIGCTL, ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a line of bash in which `rigctl` is the program. */
function bash(line: string) {
  const script = `rigctl() { "$NODE" "$RIGCTL" "$@"; }\n${line}`;
  const bashEnv = { ...env, NODE: process.execPath, RIGCTL };
  return spawnSync('bash', ['-c', script], { env: bashEnv, cwd: directory, encoding: 'utf8' });
}

/** The child's exit code, and the signal that killed it instead. */
async function exitOf(child: ChildProcess): Promise<unknown[]> {
  return child.exitCode === null && child.signalCode === null
    ? once(child, 'exit')
    : [child.exitCode, child.signalCode];
}

describe('a listing of more than 5 MiB', () => {
  const count = 35_000;
  let archive: string;

  beforeAll(() => {
    archive = join(directory, 'long');
    mkdirSync(join(archive, 'LOG'), { recursive: true });
    for (let index = 0; index < count; index += 1) {
      writeFileSync(join(archive, 'LOG', index.toString(16).padStart(16, '0')), '');
    }
  });

  it('arrives whole through a pipe', () => {
    const { stdout, status } = rigctl('ls', '--json', '--archive', `file:${archive}`);
    expect(status).toBe(0);
    expect(stdout.length).toBeGreaterThan(5 * 1024 * 1024);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(count + 1);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ type: 'result', ok: true, entries: count });
  });

  it('arrives whole at a reader slower than the program', async () => {
    const child = start('ls', '--json', '--archive', `file:${archive}`);
    let lines = 0;
    for await (const chunk of child.stdout ?? expect.fail('it has a stdout')) {
      lines += String(chunk).split('\n').length - 1;
      await systemClock.sleep(5);
    }
    expect(lines).toBe(count + 1);
    expect(await exitOf(child)).toEqual([0, null]);
  });

  it('ends promptly and without a trace when its reader goes away', () => {
    const { stdout, stderr } = bash(
      `rigctl ls --archive 'file:${archive}' | head -n 1; echo "\${PIPESTATUS[0]}"`,
    );
    expect(stdout).toMatch(/^\S+ .*LOG\/0{16} .*\n141\n$/);
    expect(stderr).toBe('');
  });
});

describe('signals', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends a follower with status %i and one result', async (signal, status) => {
    const journal = join(directory, `${signal}.log`);
    writeFileSync(journal, 'hello\n');
    const archive = `file:${join(directory, signal)}`;
    const child = start('push', journal, '--follow', '--json', '--archive', archive);
    let written = '';
    for await (const chunk of child.stdout ?? expect.fail('it has a stdout')) {
      if (!written.includes('"durable"') && `${written}${chunk}`.includes('"durable"')) {
        child.kill(signal);
      }
      written += chunk;
    }
    expect(await exitOf(child)).toEqual([status, null]);
    const output = written
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(output.filter(({ type }) => type === 'result')).toHaveLength(1);
    expect(output.at(-1)).toMatchObject({ type: 'result', ok: false, exitCode: status, durable: 6 });
  });

  it('a second one ends a restore whose reader does not read', async () => {
    const child = start('restore', '--to', '-');
    const stderr = child.stderr ?? expect.fail('it has a stderr');
    await once(stderr, 'data');
    const told = once(stderr, 'data');
    child.kill('SIGINT');
    expect(String((await told)[0])).toContain('a second signal ends it at once');
    const killing = setInterval(() => child.kill('SIGINT'), 150);
    expect(await exitOf(child)).toEqual([130, null]);
    clearInterval(killing);
  });
});

describe('stdout', () => {
  it('on a full disk is an error with status 15', () => {
    const { stderr, status } = bash('rigctl status >/dev/full');
    expect(stderr).toMatch(/^error: cannot write to stdout: ENOSPC/);
    expect(status).toBe(15);
  });

  it('with a reader that wants ten bytes of a journal is let go without a trace', () => {
    const { stdout, stderr } = bash(`rigctl restore --quiet --to - | head -c 10; echo " \${PIPESTATUS[0]}"`);
    expect(stdout).toBe('xxxxxxxxxx 141\n');
    expect(stderr).toBe('');
  });

  it('on a full disk ends a restore with status 15', () => {
    const { stderr, status } = bash('rigctl restore --quiet --to - >/dev/full');
    expect(stderr).toMatch(/^error: cannot write to stdout: ENOSPC.*\nhint: make room .*\n$/);
    expect(status).toBe(15);
  });

  it('gets a restored journal byte for byte', async () => {
    const child = start('restore', '--to', '-');
    expect(await text(child.stdout ?? expect.fail('it has a stdout'))).toBe('x'.repeat(8 * 1024 * 1024));
    expect(await exitOf(child)).toEqual([0, null]);
  });
});

describe('loading', () => {
  /** The modules that a command loads. */
  function modulesOf(...argv: string[]): string[] {
    const hook = `
      import { registerHooks } from 'node:module';
      registerHooks({ load(url, context, next) { process._rawDebug('loads ' + url); return next(url, context); } });`;
    const imported = `data:text/javascript,${encodeURIComponent(hook)}`;
    const { stderr } = spawnSync(process.execPath, ['--import', imported, RIGCTL, ...argv], {
      env: { ...env, AWS_EC2_METADATA_DISABLED: 'true' },
      encoding: 'utf8',
    });
    return stderr.split('\n').filter((line) => line.startsWith('loads '));
  }

  it('--help loads no AWS package, no spinner and no colours', () => {
    const modules = modulesOf('--help');
    expect(modules.some((line) => line.includes('/commander/'))).toBe(true);
    expect(modules.filter((line) => /@aws-sdk|@smithy|\/ora\/|\/chalk\//.test(line))).toEqual([]);
  });

  it('an S3 archive loads them, so this test can see them', () => {
    const modules = modulesOf('status', '--archive', 's3://bucket/prefix');
    expect(modules.some((line) => /@aws-sdk|@smithy/.test(line))).toBe(true);
  });
});

describe('completion in bash', () => {
  /** What bash offers at the end of a line. */
  function offers(line: string): string[] {
    const { stdout, stderr } = bash(`
      source <(rigctl completion bash)
      COMP_WORDS=(${line}) COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      _rigctl
      printf '%s\\n' "\${COMPREPLY[@]}"`);
    expect(stderr).toBe('');
    return stdout.split('\n').filter((word) => word !== '');
  }

  it.each([
    ["rigctl ''", 'verify'],
    ['rigctl pu', 'push'],
    ['rigctl --archive push ver', 'verify'],
    ['rigctl push --fo', '--follow'],
    ['rigctl push --format li', 'lines'],
    ['rigctl push --format = li', 'lines'],
    ['rigctl push app', 'app.log'],
    ['rigctl restore --to app', 'app.log'],
    ['rigctl verify --level da', 'data'],
    ['rigctl status --ver', '--verbose'],
    ['rigctl completion z', 'zsh'],
    ['rigctl help re', 'restore'],
  ])('%s offers %s', (line, word) => {
    expect(offers(line)).toContain(word);
  });

  it('offers nothing where anything may stand', () => {
    expect(offers('rigctl push --interval 1')).toEqual([]);
    expect(offers("rigctl status ''")).toEqual([]);
  });
});
