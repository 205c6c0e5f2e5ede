import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { KIB } from '../../src/kernel/size.ts';
import { ApplicationProcess } from './application-process.ts';
import { JournalText } from './journal-text.ts';
import { durableAt, type Ended, RigctlProcess, rigctl } from './rigctl-process.ts';
import { seededRandom } from './seeded-random.ts';

/** What happens in a round. */
export const FAULTS = [
  'kill the pusher',
  'kill the pusher while it starts',
  'kill the application',
  'kill both',
  'stop the pusher for a while',
  'stop the application for a while',
  'overtake a stopped pusher',
  'kill a restorer',
] as const;

export type Fault = (typeof FAULTS)[number];

/** A round begins after at most so many moves of the durable offset, and at most so long after the last of them. */
const LONGEST_WAIT_MOVES = 4;
const LONGEST_WAIT_MS = 40;
/** A start of rigctl takes about half of this. */
const LONGEST_START_MS = 500;

/** What was acknowledged, and what of it came back. */
export interface Tally {
  readonly acknowledged: number;
  readonly lost: number;
  readonly journalBytes: number;
}

/**
 * An application, a pusher that follows its journal, and the archive, all in one directory; everything about them is
 * drawn from the seed, but not what the machine makes of it.
 */
export class KillScene {
  readonly #directory: string;
  readonly #seed: number;
  readonly #text: JournalText;
  readonly #dice: () => number;
  readonly #sync: boolean;
  readonly #pushArgs: readonly string[];
  /** All that ever ran; the last one is running. */
  readonly #pushers: RigctlProcess[] = [];
  #application: ApplicationProcess;
  #lost = 0;

  private constructor(directory: string, seed: number) {
    this.#directory = directory;
    this.#seed = seed;
    this.#text = new JournalText(seed);
    this.#dice = seededRandom(seed).next;
    this.#sync = this.#pick([true, false]);
    this.#pushArgs = [
      ...['--format', this.#pick(['lines', 'bytes'])],
      ...['--compression', this.#pick(['zstd', 'gzip'])],
      ...['--interval', this.#pick(['0', '5ms', '50ms'])],
      ...['--batch-bytes', this.#pick(['4KiB', '16KiB', '8MiB'])],
    ];
    this.#application = this.#startApplication();
  }

  /** The application runs, and a pusher has stored the first of what it wrote. */
  static async create(seed: number): Promise<KillScene> {
    const scene = new KillScene(await mkdtemp(join(tmpdir(), 'rigctl-kill-')), seed);
    await scene.#application.writes(KIB);
    scene.#startPusher();
    await scene.#catchUp();
    return scene;
  }

  /** Waits for a moment, lets the fault happen, starts again what it ended, and checks everything. */
  async round(fault: Fault): Promise<void> {
    await this.#moment();
    await this.#strike(fault);
    await this.#catchUp();
    await this.#check();
  }

  get tally(): Tally {
    return {
      acknowledged: this.#acknowledged().length,
      lost: this.#lost,
      journalBytes: this.#application.written,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#application.kill(), this.#pusher.end('SIGKILL')]);
    await rm(this.#directory, { recursive: true });
  }

  async #moment(): Promise<void> {
    let known = this.#pusher.lines.length;
    let moves = this.#upTo(LONGEST_WAIT_MOVES);
    await this.#pusher.waitFor(({ type }) => {
      known -= 1;
      moves -= known < 0 && type === 'durable' ? 1 : 0;
      return moves <= 0;
    });
    await systemClock.sleep(this.#upTo(LONGEST_WAIT_MS));
  }

  async #strike(fault: Fault): Promise<void> {
    switch (fault) {
      case 'kill the pusher':
        await this.#pusher.end('SIGKILL');
        this.#startPusher();
        return;
      case 'kill the pusher while it starts':
        await this.#pusher.end('SIGKILL');
        this.#startPusher();
        await systemClock.sleep(this.#upTo(LONGEST_START_MS));
        await this.#pusher.end('SIGKILL');
        this.#startPusher();
        return;
      case 'kill the application':
        await this.#application.kill();
        this.#application = this.#startApplication();
        return;
      case 'kill both':
        await Promise.all([this.#application.kill(), this.#pusher.end('SIGKILL')]);
        this.#application = this.#startApplication();
        this.#startPusher();
        return;
      case 'stop the pusher for a while':
        process.kill(this.#pusher.pid, 'SIGSTOP');
        await this.#application.writes(this.#application.written + this.#upTo(64 * KIB));
        process.kill(this.#pusher.pid, 'SIGCONT');
        return;
      case 'stop the application for a while':
        this.#application.signal('SIGSTOP');
        await this.#catchUp();
        this.#application.signal('SIGCONT');
        return;
      case 'overtake a stopped pusher':
        await this.#overtake();
        return;
      case 'kill a restorer':
        await this.#killRestorer();
    }
  }

  /** The one that wakes up to find that another took over must be told, and must not harm what that one stored. */
  async #overtake(): Promise<void> {
    const old = this.#pusher;
    process.kill(old.pid, 'SIGSTOP');
    this.#startPusher();
    await this.#catchUp();
    process.kill(old.pid, 'SIGCONT');
    expect(await old.ended).toMatchObject({ exitCode: 11, result: { error: { code: 'RIG_FENCED' } } });
  }

  /** Its target is not there, or whole; and another restore is not in its way. */
  async #killRestorer(): Promise<void> {
    const most = Math.max(...this.#acknowledged());
    const target = join(this.#directory, 'restored');
    const args = ['restore', '--to', target, '--archive', this.#archive];
    const restorer = new RigctlProcess(args);
    await systemClock.sleep(this.#upTo(LONGEST_START_MS));
    await restorer.end('SIGKILL');
    if (existsSync(target)) {
      this.#expectPrefix(await readFile(target), most);
    }
    expect(await rigctl([...args, '--force'])).toMatchObject({ exitCode: 0 });
    this.#expectPrefix(await readFile(target), most);
    await rm(target);
  }

  /** Resolves when all is durable that the application has written by now. */
  async #catchUp(): Promise<void> {
    await this.#application.writes(1);
    await this.#pusher.waitFor(durableAt(this.#application.written));
  }

  async #check(): Promise<void> {
    const acknowledged = this.#acknowledged();
    const [most, one] = [Math.max(...acknowledged), this.#pick(acknowledged)];
    const [verified, listed, latest, earlier] = await Promise.all([
      this.#run('verify'),
      this.#run('ls'),
      this.#restore('latest'),
      this.#restore(String(one)),
    ]);
    expect(verified.result).toMatchObject({ ok: true, findings: [], warnings: [] });
    const firsts = listed.lines.filter(({ kind }) => kind === 'batch').map(({ first }) => Number(first));
    const [cuts, last] = [new Set(firsts), Math.max(...firsts)];
    const end = latest.length;
    // Bytes up to `end` are compared below, so an offset comes back that is a cut there; the last cut is in no name.
    const lost = acknowledged.filter((offset) => offset > end || !(cuts.has(offset) || offset > last));
    this.#lost += lost.length;
    expect(lost, 'acknowledged offsets that are lost').toEqual([]);
    this.#expectPrefix(latest, most);
    this.#expectPrefix(earlier, one, one);
    const { written } = this.#application;
    this.#expectPrefix(await readFile(this.#journal), Math.max(written, end));
  }

  /** Every durable offset that a pusher has reported, once each. */
  #acknowledged(): number[] {
    const lines = this.#pushers.flatMap((pusher) => pusher.lines);
    return [...new Set(lines.flatMap(({ durable }) => (durable === undefined ? [] : [Number(durable)])))];
  }

  /** Compares without `toEqual`, which would print megabytes. */
  #expectPrefix(bytes: Uint8Array, leastBytes: number, mostBytes = Number.POSITIVE_INFINITY): void {
    expect(bytes.length).toBeGreaterThanOrEqual(leastBytes);
    expect(bytes.length).toBeLessThanOrEqual(mostBytes);
    expect(Buffer.compare(bytes, this.#text.slice(0, bytes.length)), 'other bytes').toBe(0);
  }

  async #restore(at: string): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    const args = ['restore', '--to', '-', '--at', at, '--archive', this.#archive];
    const ended = await rigctl(args, { onData: (chunk) => void chunks.push(chunk) });
    expect(ended.result, JSON.stringify(ended.result)).toMatchObject({ ok: true });
    return Buffer.concat(chunks);
  }

  async #run(command: string): Promise<Ended> {
    const ended = await rigctl([command, '--archive', this.#archive]);
    expect(ended.result, JSON.stringify(ended.result)).toMatchObject({ ok: true, exitCode: 0 });
    return ended;
  }

  #startApplication(): ApplicationProcess {
    return new ApplicationProcess(this.#journal, this.#seed, this.#sync);
  }

  #startPusher(): void {
    const args = ['push', this.#journal, '--follow', ...this.#pushArgs, '--archive', this.#archive];
    this.#pushers.push(new RigctlProcess(args));
  }

  get #pusher(): RigctlProcess {
    return this.#pushers.at(-1) ?? expect.fail('a pusher was started');
  }

  get #journal(): string {
    return join(this.#directory, 'journal');
  }

  get #archive(): string {
    return `file:${join(this.#directory, 'archive')}`;
  }

  #upTo(limit: number): number {
    return Math.floor(this.#dice() * (limit + 1));
  }

  #pick<Choice>(choices: readonly Choice[]): Choice {
    return choices[Math.floor(this.#dice() * choices.length)] ?? expect.fail('there is a choice');
  }
}
