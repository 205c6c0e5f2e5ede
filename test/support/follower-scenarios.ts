import { appendFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { KIB } from '../../src/kernel/size.ts';
import { durableAt, type Ended, RigctlProcess, rigctl } from './rigctl-process.ts';

/** An archive's place, nothing in it yet, and what a process needs in its environment to reach it. */
export interface ArchivePlace {
  readonly url: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** How long a follower that must end may go on while its journal grows. */
const NOTICE_MS = 15_000;

/** What two real processes that push to one archive do to each other, in an archive of any kind. */
export function describeFollowers(newArchive: () => Promise<ArchivePlace>): void {
  it('of two followers of one journal the newer goes on; the older exits 11 within 15 s and names it', async () => {
    await using scene = await Scene.create(await newArchive());
    const journal = await scene.journal('one');
    await using older = scene.follow(journal);
    await older.waitFor(durableAt(await journal.size()));
    await using newer = scene.follow(journal);
    await newer.waitFor(durableAt(await journal.size()));

    const ended = await growUntil([journal], older.ended);
    const details = { epoch: 2, pid: newer.pid, host: hostname(), mode: 'follow' };
    expect(ended).toMatchObject({
      exitCode: 11,
      result: { ok: false, error: { code: 'RIG_FENCED', details } },
    });
    expect(messageOf(ended)).toContain(`epoch 2 (follow, host ${hostname()}, process ${newer.pid}, since `);

    await newer.waitFor(durableAt(await journal.append()));
    expect(await newer.end()).toMatchObject({ exitCode: 143, result: { durable: await journal.size() } });
    expect(await scene.archived()).toEqual(journal.content());
  });

  it('a one-shot push beside a follower ends neither', async () => {
    await using scene = await Scene.create(await newArchive());
    const journal = await scene.journal('one');
    await scene.push(journal);
    // The interval leaves what is appended now to the one-shot push.
    await using follower = scene.follow(journal, '--interval', '5s');
    await follower.waitFor(durableAt(await journal.size()));
    const size = await journal.append(256 * KIB);
    expect(await scene.push(journal, '--batch-bytes', '32KiB')).toMatchObject({
      exitCode: 0,
      result: { durable: size },
    });
    await follower.waitFor(({ type, code }) => type === 'note' && code === 'starting-again');
    await follower.waitFor(durableAt(await journal.append()));
    expect(await follower.end()).toMatchObject({ exitCode: 143, result: { durable: await journal.size() } });
    expect(await scene.archived()).toEqual(journal.content());
  });

  it('a follower of another journal exits 11 with RIG_DIVERGED, and the first one goes on', async () => {
    await using scene = await Scene.create(await newArchive());
    const [mine, yours] = [await scene.journal('mine'), await scene.journal('yours')];
    await using first = scene.follow(mine);
    await first.waitFor(durableAt(await mine.size()));
    await using second = scene.follow(yours);
    expect(await growUntil([mine, yours], second.ended)).toMatchObject({
      exitCode: 11,
      result: { ok: false, exitCode: 11, error: { code: 'RIG_DIVERGED', kind: 'conflict' } },
    });
    // It has looked before it claimed anything, or the first one would have to end as well.
    expect(await scene.writer()).toMatchObject({ epoch: 1, pid: first.pid });
    await first.waitFor(durableAt(await mine.append()));
    expect(await first.end()).toMatchObject({ exitCode: 143, result: { durable: await mine.size() } });
    expect(await scene.archived()).toEqual(mine.content());
  });

  it('of two journals whose followers start at once, only one is in the archive', async () => {
    await using scene = await Scene.create(await newArchive());
    const journals = [await scene.journal('mine'), await scene.journal('yours')];
    await using left = scene.follow(journals[0] as GrowingJournal);
    await using right = scene.follow(journals[1] as GrowingJournal);
    const firstEnded = await growUntil(journals, Promise.race([left.ended, right.ended]));
    expect(firstEnded.exitCode).toBe(11);
    // The other one may not have stored anything yet: it goes on, or ends too because of what is stored.
    const stored = [left, right].map((follower) => follower.waitFor(durableAt(1)).catch(() => undefined));
    await growUntil(journals, Promise.all(stored));
    const codes = [await left.end(), await right.end()].map(({ exitCode, result }) => {
      expect([11, 143]).toContain(exitCode);
      return exitCode === 11 ? (result['error'] as { code: string }).code : 'going on';
    });
    expect(['RIG_DIVERGED', 'RIG_FENCED', 'going on']).toEqual(expect.arrayContaining(codes));
    const archived = await scene.archived();
    const owners = journals.filter((journal) => journal.content().startsWith(archived));
    expect(archived.length).toBeGreaterThan(0);
    expect(owners).toHaveLength(1);
  });
}

function messageOf({ result }: Ended): string {
  return (result['error'] as { message: string }).message;
}

/** A journal file that says whose it is in each line. */
class GrowingJournal {
  readonly path: string;
  readonly #owner: string;
  #content = '';

  constructor(path: string, owner: string) {
    this.path = path;
    this.#owner = owner;
  }

  content(): string {
    return this.#content;
  }

  /** Appends lines of at least so many bytes together; returns the journal's size then. */
  async append(bytes = 1): Promise<number> {
    let lines = '';
    while (lines.length < bytes) {
      lines += `${this.#owner}, byte ${this.#content.length + lines.length}\n`;
    }
    this.#content += lines;
    await appendFile(this.path, lines);
    return this.#content.length;
  }

  async size(): Promise<number> {
    return (await stat(this.path)).size;
  }
}

/** Lets journals grow until something has happened, which must be soon enough. */
async function growUntil<Result>(
  journals: readonly GrowingJournal[],
  work: Promise<Result>,
): Promise<Result> {
  const startedMs = systemClock.monotonicMs();
  let going = true;
  const stop = () => {
    going = false;
  };
  work.then(stop, stop);
  while (going) {
    expect(systemClock.monotonicMs() - startedMs, 'milliseconds of appending').toBeLessThan(NOTICE_MS);
    await Promise.all(journals.map((journal) => journal.append()));
    await systemClock.sleep(100);
  }
  return work;
}

/** Journals in a directory of their own, and one archive for all of them. */
class Scene {
  readonly #directory: string;
  readonly #archive: ArchivePlace;

  private constructor(directory: string, archive: ArchivePlace) {
    this.#directory = directory;
    this.#archive = archive;
  }

  static async create(archive: ArchivePlace): Promise<Scene> {
    return new Scene(await mkdtemp(join(tmpdir(), 'rigctl-followers-')), archive);
  }

  async journal(owner: string): Promise<GrowingJournal> {
    const journal = new GrowingJournal(join(this.#directory, owner), owner);
    await writeFile(journal.path, '');
    await journal.append(KIB);
    return journal;
  }

  follow(journal: GrowingJournal, ...args: string[]): RigctlProcess {
    return new RigctlProcess(this.#args('push', journal.path, '--follow', ...args), this.#archive);
  }

  push(journal: GrowingJournal, ...args: string[]): Promise<Ended> {
    return rigctl(this.#args('push', journal.path, ...args), this.#archive);
  }

  /** Who claimed the archive last. */
  async writer(): Promise<unknown> {
    return (await rigctl(this.#args('status'), this.#archive)).result['writer'];
  }

  /** Verifies the archive, and gives what a restore of the latest gives. */
  async archived(): Promise<string> {
    expect(await rigctl(this.#args('verify'), this.#archive)).toMatchObject({
      exitCode: 0,
      result: { ok: true, findings: [], warningCount: 0 },
    });
    const chunks: Uint8Array[] = [];
    const onData = (chunk: Uint8Array) => void chunks.push(chunk);
    const restored = await rigctl(this.#args('restore', '--to', '-'), { ...this.#archive, onData });
    expect(restored.exitCode).toBe(0);
    return Buffer.concat(chunks).toString();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.#directory, { recursive: true });
  }

  #args(...args: readonly string[]): string[] {
    return [...args, '--archive', this.#archive.url];
  }
}
