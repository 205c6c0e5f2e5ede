import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { systemClock } from '../../../src/kernel/clock.ts';
import { KIB } from '../../../src/kernel/size.ts';
import { AgedCommand, type EndedCommand } from '../aged-command.ts';
import { durableAt, type JsonLine, RigctlProcess } from '../rigctl-process.ts';
import { seededRandom } from '../seeded-random.ts';
import { ApplicationProcess } from './application-process.ts';
import { Disk, hasDisks } from './disk.ts';
import { JournalText } from './journal-text.ts';
import type { Place } from './place.ts';

/** A round begins after at most so many moves of the durable offset, and at most so long after the last of them. */
const LONGEST_WAIT_MOVES = 4;
const LONGEST_WAIT_MS = 40;

/** Opens a place whose files, if it has any, are in the directory. */
export type OpenPlace = (directory: string) => Promise<Place>;

/** What was acknowledged, and what of it came back. */
export interface Tally {
  readonly acknowledged: number;
  readonly lost: number;
  readonly journalBytes: number;
  readonly snapshots: number;
}

/**
 * An application, a pusher that follows its journal and its snapshots, and the archive; everything about them is
 * drawn from the seed, but not what the machine makes of it.
 */
export class KillScene {
  readonly place: Place;
  /** What the application writes. */
  readonly text: JournalText;
  /** Does it sync what it writes? */
  readonly sync: boolean;
  /** The kind of snapshots that it takes. */
  readonly snapshots: 'file' | 'tree' | undefined;
  /** The disk of the application's machine. */
  readonly disk: Disk | undefined;
  /** Every offset from here on can be restored; below, only what prunes left. */
  promisedFrom = 0;
  lost = 0;
  /** Where the application has taken large snapshots. */
  readonly large = new Set<number>();
  readonly #directory: string;
  readonly #seed: number;
  readonly #dice: () => number;
  readonly #pushArgs: readonly string[];
  readonly #processes: RigctlProcess[] = [];
  /** All that ever ran; the last one is running. */
  readonly #pushers: RigctlProcess[] = [];
  #application: ApplicationProcess;

  private constructor(directory: string, seed: number, place: Place) {
    this.#directory = directory;
    this.#seed = seed;
    this.place = place;
    this.text = new JournalText(seed);
    this.#dice = seededRandom(seed).next;
    this.sync = this.pick([true, false]);
    this.snapshots = seed % 3 === 0 ? undefined : this.pick(['file', 'tree']);
    this.disk = hasDisks() ? Disk.mount(this.#machine) : undefined;
    mkdirSync(this.#snapshotDirectory, { recursive: true });
    const pruneLocal = this.pick([[], ['--prune-local', '2']]);
    this.#pushArgs = [
      ...['--format', this.pick(['lines', 'bytes'])],
      ...['--compression', this.pick(['zstd', 'gzip'])],
      ...['--interval', this.pick(place.intervals)],
      ...['--batch-bytes', this.pick(place.batchBytes)],
      ...(this.snapshots === undefined ? [] : ['--snapshots', this.#snapshotDirectory, ...pruneLocal]),
    ];
    this.#application = this.#newApplication();
  }

  /** The application runs, and a pusher has stored the first of what it wrote. */
  static async create(seed: number, openPlace: OpenPlace): Promise<KillScene> {
    const directory = await mkdtemp(join(tmpdir(), 'rigctl-kill-'));
    const scene = new KillScene(directory, seed, await openPlace(directory));
    await scene.application.writes(KIB);
    scene.startPusher();
    await scene.catchUp();
    return scene;
  }

  /** Lets a moment pass that nobody could foretell. */
  async moment(): Promise<void> {
    let moves = this.upTo(LONGEST_WAIT_MOVES);
    const isMove = this.fromNowOn(({ type }) => type === 'durable');
    await this.pusher.waitFor((line) => {
      moves -= isMove(line) ? 1 : 0;
      return moves <= 0;
    });
    await this.sleepUpTo(LONGEST_WAIT_MS);
  }

  /** Does something while the application rests, or its journal grows as long as it takes. */
  async paused(work: () => Promise<void>): Promise<void> {
    this.application.signal('SIGSTOP');
    await work();
    this.application.signal('SIGCONT');
  }

  /** Ends the application as it may end, and the pusher as it should. */
  async end(): Promise<void> {
    await this.application.kill();
    expect(await this.pusher.end()).toMatchObject({ exitCode: 143 });
  }

  get tally(): Tally {
    const stored = this.#pushers.flatMap(({ lines }) =>
      lines.filter(({ code }) => code === 'snapshot-stored'),
    );
    return {
      acknowledged: this.#reported().length,
      lost: this.lost,
      journalBytes: this.application.written,
      snapshots: stored.length,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.application.kill();
    await Promise.allSettled(this.#processes.map((started) => started.end('SIGKILL')));
    this.disk?.[Symbol.dispose]();
    await this.place[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true });
  }

  get application(): ApplicationProcess {
    return this.#application;
  }

  get pusher(): RigctlProcess {
    return this.#pushers.at(-1) ?? expect.fail('a pusher was started');
  }

  get journal(): string {
    return join(this.#machine, 'journal');
  }

  /** A path of nothing else's. */
  path(name: string): string {
    return join(this.#directory, name);
  }

  startApplication(): void {
    this.#application = this.#newApplication();
  }

  /** As users start it, or another program with more arguments. */
  startPusher(program?: readonly string[], more: readonly string[] = []): void {
    this.#pushers.push(this.start(['push', this.journal, '--follow', ...this.#pushArgs, ...more], program));
  }

  /** A process that may be killed. */
  start(args: readonly string[], program?: readonly string[]): RigctlProcess {
    const options = program === undefined ? {} : { program };
    const started = new RigctlProcess([...args, '--archive', this.place.url], options);
    this.#processes.push(started);
    return started;
  }

  /** A command that nothing happens to, in this process. For it all that is stored is so much older. */
  async judge(args: readonly string[], ageMs = 0): Promise<EndedCommand> {
    const ended = await new AgedCommand([...args, '--archive', this.place.directUrl], ageMs).ended;
    expect(ended.result, JSON.stringify(ended.result)).toMatchObject({ ok: true, exitCode: 0 });
    return ended;
  }

  /** The application takes a snapshot; returns where. */
  async takeSnapshot(size: 'small' | 'large'): Promise<number> {
    const at = await this.application.takeSnapshot(size);
    if (size === 'large') {
      this.large.add(at);
    }
    return at;
  }

  /** The application removes a snapshot of its own. */
  removeSnapshot(at: number): Promise<void> {
    return rm(join(this.#snapshotDirectory, String(at)), { recursive: true, force: true });
  }

  /** Where the snapshots are that the running pusher has stored. */
  storedByPusher(): readonly number[] {
    return this.pusher.lines.flatMap(({ code, details }) =>
      code === 'snapshot-stored' ? (details as { at: number }).at : [],
    );
  }

  /** Resolves when all is durable that the application has written by now. */
  async catchUp(): Promise<void> {
    await this.application.writes(1);
    await this.pusher.waitFor(durableAt(this.application.written));
  }

  /** For {@link RigctlProcess.waitFor}: a line that the pusher has not written yet. */
  fromNowOn(isWanted: (line: JsonLine) => boolean): (line: JsonLine) => boolean {
    let known = this.pusher.lines.length;
    return (line) => {
      known -= 1;
      return known < 0 && isWanted(line);
    };
  }

  /** Every durable offset that a pusher has reported and that no prune has given up since, once each. */
  acknowledged(): number[] {
    return this.#reported().filter((offset) => offset >= this.promisedFrom);
  }

  /** Lets up to so many milliseconds pass. */
  sleepUpTo(limitMs: number): Promise<void> {
    return systemClock.sleep(this.upTo(limitMs));
  }

  upTo(limit: number): number {
    return Math.floor(this.#dice() * (limit + 1));
  }

  pick<Choice>(choices: readonly Choice[]): Choice {
    return choices[Math.floor(this.#dice() * choices.length)] ?? expect.fail('there is a choice');
  }

  #reported(): number[] {
    const lines = this.#pushers.flatMap((pusher) => pusher.lines);
    return [...new Set(lines.flatMap(({ durable }) => (durable === undefined ? [] : [Number(durable)])))];
  }

  #newApplication(): ApplicationProcess {
    const directory = this.#snapshotDirectory;
    return new ApplicationProcess({
      journal: this.journal,
      seed: this.#seed,
      sync: this.sync,
      snapshots: this.snapshots && { kind: this.snapshots, directory },
    });
  }

  get #machine(): string {
    return join(this.#directory, 'machine');
  }

  get #snapshotDirectory(): string {
    return join(this.#machine, 'snapshots');
  }
}
