import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { errnoOf } from '../../src/kernel/errors.ts';
import { nodeFileSystem } from '../../src/kernel/filesystem.ts';
import { openFileStore } from '../../src/store/drivers/file.ts';
import { fillArchive } from './archive-builder.ts';
import { type JsonLine, PROGRAM } from './rigctl-process.ts';
import { seededRandom } from './seeded-random.ts';

/** Ends of records at 4, 8, 14, 19, 24, 28, 34. */
export const JOURNAL = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\n';

/** Runs a program as a user whom file modes bind; they do not bind root. */
export const AS_ORDINARY_USER =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] : [];

/** How a command ended, and all it said. */
export interface Said {
  /** Null when a signal killed it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  /** Resolves when it reports that it is at work, in JSON, or has ended. */
  readonly atWork: Promise<unknown>;
  readonly ended: Promise<Said>;
  signal(name: 'SIGINT' | 'SIGTERM'): void;
}

/**
 * A directory to run commands in: the journal `app.log`, its archive `archive` (which `RIGCTL_ARCHIVE` names), a
 * `precious` file and a directory `full` with a file in it.
 */
export class Scene {
  readonly directory: string;
  readonly #archive: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(directory: string) {
    this.directory = directory;
    this.#archive = `file:${join(directory, 'archive')}`;
  }

  static async create(): Promise<Scene> {
    const scene = new Scene(await mkdtemp(join(tmpdir(), 'rigctl-scene-')));
    await writeFile(scene.path('app.log'), JOURNAL);
    await writeFile(scene.path('precious'), 'precious\n', { mode: 0o640 });
    await mkdir(scene.path('full'));
    await writeFile(scene.path('full/file'), 'a file\n');
    const store = openFileStore(scene.path('archive'), {
      fileSystem: nodeFileSystem,
      clock: systemClock,
      random: seededRandom(1),
    });
    await fillArchive(store, {
      journal: Buffer.from(JOURNAL),
      cuts: [8, 19, JOURNAL.length],
      format: 'lines',
    });
    return scene;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Starts the program in the directory; `through` is put before it. */
  start(argv: readonly string[], through: readonly string[] = []): Running {
    const [command = '', ...args] = [...through, process.execPath, PROGRAM, ...argv];
    const env = { PATH: process.env['PATH'], HOME: this.directory, RIGCTL_ARCHIVE: this.#archive };
    const child = spawn(command, args, { cwd: this.directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.add(child);
    const all = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    const atWork = new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk) => /"type":"(durable|progress)"/.test(`${chunk}`) && resolve());
      child.stdout.on('end', resolve);
    });
    return {
      atWork,
      ended: all.then(([stdout, stderr]) => ({ exitCode: child.exitCode, stdout, stderr })),
      signal: (name) => child.kill(name),
    };
  }

  run(argv: readonly string[], through?: readonly string[]): Promise<Said> {
    return this.start(argv, through).ended;
  }

  /** Everything in the directory: names, modes and contents. */
  async tree(): Promise<ReadonlyMap<string, string>> {
    const names = await readdir(this.directory, { recursive: true });
    const entries = names.sort().map(async (name) => [name, await describeFile(this.path(name))] as const);
    return new Map(await Promise.all(entries));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      child.kill('SIGKILL'); // does nothing to one that has ended
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function describeFile(path: string): Promise<string> {
  const stat = await lstat(path);
  if (stat.isSymbolicLink()) {
    return `link to ${await readlink(path)}`;
  }
  const mode = stat.mode.toString(8);
  // Reading a FIFO would wait for its writer, and another user's file may not be read.
  const content = stat.isFile() ? await readFile(path, 'latin1').catch(errnoOf) : '';
  return `${mode} ${content}`;
}

/** How a command must end that cannot do what it was asked for. */
export interface Refusal {
  readonly exitCode: number;
  readonly code: string;
  /** Parts of what is said. */
  readonly message: string;
  readonly hint: string;
}

/** What the error says must be done about it, by exit status. */
const KINDS: Readonly<Record<number, string>> = {
  2: 'usage',
  10: 'not-found',
  11: 'conflict',
  12: 'denied',
  13: 'unavailable',
  14: 'data',
  15: 'local',
};

/** Runs a command for people and for programs: both times it is refused, in the same words, and nothing is changed. */
export async function expectRefusal(
  scene: Scene,
  argv: readonly string[],
  refusal: Refusal,
  through?: readonly string[],
): Promise<void> {
  const before = await scene.tree();
  const told = expectRefusalInJson(await scene.run([...argv, '--json'], through), refusal);
  expectRefusalInWords(await scene.run(argv, through), refusal.exitCode, told);
  expect(await scene.tree()).toEqual(before);
}

/** Returns the words of the error. */
export function expectRefusalInJson(said: Said, { exitCode, code, message, hint }: Refusal): ErrorWords {
  expect(said.stderr).toBe('');
  const result = resultOf(said);
  expect(result).toMatchObject({
    ok: false,
    exitCode,
    error: {
      code,
      kind: KINDS[exitCode],
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
      details: expect.any(Object),
    },
  });
  return result['error'] as ErrorWords;
}

interface ErrorWords {
  readonly message: string;
  readonly hint: string;
}

export function expectRefusalInWords(said: Said, exitCode: number, { message, hint }: ErrorWords): void {
  expect(said).toMatchObject({ exitCode, stdout: '' });
  const lines = said.stderr.split('\n').filter((line) => !line.startsWith('note: '));
  expect(lines).toEqual([`error: ${message}`, `hint: ${hint}`, '']);
}

/** The last line of `--json`; every line must be one, and no other a result. */
export function resultOf({ exitCode, stdout }: Pick<Said, 'exitCode' | 'stdout'>): JsonLine {
  expect(stdout).toMatch(/\n$/);
  const lines = stdout
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as JsonLine);
  for (const line of lines) {
    expect(line).toMatchObject({ v: 1, ts: expect.stringMatching(/Z$/), type: expect.any(String) });
  }
  expect(lines.map(({ type }) => type === 'result')).toEqual(lines.map((_, at) => at === lines.length - 1));
  expect(lines.at(-1)).toMatchObject({ exitCode, ok: exitCode === 0 });
  return lines.at(-1) ?? expect.fail('it says something');
}
