import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { assert } from '../../src/kernel/assert.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { KIB } from '../../src/kernel/size.ts';
import { PROGRAM } from '../support/rigctl-process.ts';

export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/** What one run of a command took. */
export interface Sample {
  readonly wallMs: number;
  /** Of all its processes, in user and kernel mode. */
  readonly cpuMs: number;
  /** Resident memory of its largest process at its peak. */
  readonly peakBytes: number;
  /** From the start until the first byte came out; undefined: none came. */
  readonly firstByteMs: number | undefined;
  /** The end of what it wrote. */
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Node tells neither the CPU time nor the peak memory of a child; GNU time does, from the kernel's own books
 * (`wait4`), and adds nothing but a process of 2 MiB.
 */
export const GNU_TIME = '/usr/bin/time';

/** So much of the end of what a command writes is kept. */
const TAIL_CHARACTERS = 64 * KIB;

/** Runs a command to its end. Rejects when it fails, and, having killed it, when `signal` is aborted. */
export async function measure(
  { argv, env = {} }: Command,
  { cwd, signal }: { readonly cwd: string; readonly signal: AbortSignal },
): Promise<Sample> {
  signal.throwIfAborted();
  assert(existsSync(GNU_TIME), `${GNU_TIME} is there: apt-get install time`);
  const startedMs = systemClock.monotonicMs();
  const child = spawn(GNU_TIME, ['--quiet', '--format', '%U %S %M', ...argv], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: all of it can be killed, and Ctrl-C reaches the bench alone.
    detached: true,
  });
  const sinceStart = () => systemClock.monotonicMs() - startedMs;
  const kill = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL');
  signal.addEventListener('abort', kill);
  const [stdout, stderrAndBooks] = [tailOf(child.stdout), tailOf(child.stderr)];
  const times: { firstByteMs?: number; wallMs?: number } = {};
  child.stdout.once('data', () => {
    times.firstByteMs = sinceStart();
  });
  child.once('exit', () => {
    times.wallMs = sinceStart();
    signal.removeEventListener('abort', kill);
  });
  const [exitCode, killedBy] = await once(child, 'close');
  signal.throwIfAborted();
  if (exitCode !== 0) {
    throw new Error(`${argv.join(' ')}: exit ${exitCode ?? killedBy}\n${stdout()}${stderrAndBooks()}`);
  }
  const { firstByteMs, wallMs } = times;
  const { stderr, books } = lastLineOff(stderrAndBooks());
  const [user, system, peakKib] = books.split(' ').map(Number);
  assert(wallMs !== undefined && user !== undefined && system !== undefined, 'GNU time wrote its figures');
  assert(peakKib !== undefined, 'the peak memory is among them');
  const [cpuMs, peakBytes] = [(user + system) * 1_000, peakKib * KIB];
  return { wallMs, cpuMs, peakBytes, firstByteMs, stdout: stdout(), stderr };
}

/** GNU time writes its line when all is over. */
function lastLineOff(text: string): { readonly stderr: string; readonly books: string } {
  const end = text.trimEnd().lastIndexOf('\n') + 1;
  return { stderr: text.slice(0, end), books: text.slice(end).trimEnd() };
}

/** The built program with `--json`. */
export function rigctlCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
  return { argv: [process.execPath, PROGRAM, ...args, '--json'], env };
}

/** A line of bash; what it works on is in variables of the environment. */
export function shellCommand(script: string, env: Readonly<Record<string, string>>): Command {
  return { argv: ['bash', '-o', 'pipefail', '-euc', script], env };
}

export function isInstalled(program: string): boolean {
  const places = (process.env['PATH'] ?? '').split(delimiter);
  return places.some((place) => existsSync(join(place, program)));
}

function tailOf(stream: Readable): () => string {
  let tail = '';
  stream.setEncoding('latin1').on('data', (text: string) => {
    tail = `${tail}${text}`.slice(-TAIL_CHARACTERS);
  });
  return () => Buffer.from(tail, 'latin1').toString();
}
