import { createHash } from 'node:crypto';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { assert } from '../../src/kernel/assert.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { KIB } from '../../src/kernel/size.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { Store } from '../../src/store/contract.ts';
import { openS3Store } from '../../src/store/drivers/s3.ts';
import { AgedCommand, type EndedCommand } from './aged-command.ts';
import { noise } from './noise.ts';
import { freshBucket, realS3Options, type S3Bucket } from './real-s3.ts';
import { type Ended, rigctl } from './rigctl-process.ts';
import { keysOf } from './store-bytes.ts';

export const DAY_MS = 86_400_000;
/** The server's days last ten seconds; on a busy machine it is late with what is due. */
const PATIENCE = { timeout: 240_000, interval: 500 };
const LINE_BYTES = 64;
const CANARY_DAYS = [2, 14];

/** An application that keeps its archive in a bucket of its own, where rules of others remove canaries. */
export class RetentionScene {
  readonly directory: string;
  readonly archive: readonly string[];
  /** The archive's. */
  readonly store: Store;
  readonly #bucket: S3Bucket;
  readonly #canaries: Store;
  #lines = 0;
  #targets = 0;
  #canariesSent = 0;

  private constructor(directory: string, bucket: S3Bucket, store: Store, canaries: Store) {
    const url = new URL(bucket.url);
    url.searchParams.set('endpoint', realS3Options().endpointUrl ?? '');
    this.directory = directory;
    this.archive = ['--archive', url.href];
    this.store = store;
    this.#bucket = bucket;
    this.#canaries = canaries;
  }

  static async open(): Promise<RetentionScene> {
    const directory = await mkdtemp(join(tmpdir(), 'rigctl-retention-'));
    await mkdir(join(directory, 'snapshots'));
    await mkdir(join(directory, 'state'));
    const bucket = await freshBucket({ versioned: false });
    const store = await openS3Store(bucket.url, realS3Options());
    const canaries = await openS3Store(new URL('/canaries', bucket.url), realS3Options());
    const { lifecycle } = canaries.capabilities;
    assert(lifecycle !== undefined, 'the S3 driver knows lifecycle rules');
    const rules = CANARY_DAYS.map((days) => ({
      id: `canaries of ${days} days`,
      prefix: `${lifecycle.keyPrefix}${days}/`,
      tags: {},
      expireAfterDays: days,
    }));
    await lifecycle.write({ rules, attributes: {} });
    return new RetentionScene(directory, bucket, store, canaries);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bucket.remove();
    await Promise.all([this.store.close(), this.#canaries.close()]);
    await rm(this.directory, { recursive: true });
  }

  get journal(): string {
    return join(this.directory, 'events.ndjson');
  }

  get snapshots(): string {
    return join(this.directory, 'snapshots');
  }

  /** Where the journal ends here. */
  get end(): number {
    return this.#lines * LINE_BYTES;
  }

  /** The program, to its end. */
  run(...args: readonly string[]): Promise<Ended> {
    return rigctl([...args, ...this.archive], { cwd: this.directory });
  }

  /** The same in this process, which takes everything in the store for older than it is. */
  aged(ageMs: number, ...args: readonly string[]): Promise<EndedCommand> {
    return this.startAged(ageMs, ...args).ended;
  }

  startAged(ageMs: number, ...args: readonly string[]): AgedCommand {
    return new AgedCommand([...args, ...this.archive], ageMs);
  }

  /** Writes events, and half way a snapshot of the state, whose offset it gives. `anew`: most of the state changes. */
  async work(anew = false): Promise<number> {
    await this.#append(100);
    const [at, state] = [this.end, join(this.directory, 'state')];
    await writeFile(join(state, 'counter'), String(at));
    if (anew || this.#lines === 100) {
      await writeFile(join(state, 'blob'), Buffer.concat([...noise(this.#lines % 251, 256 * KIB)]));
    }
    await cp(state, join(this.snapshots, '.unfinished'), { recursive: true });
    await rename(join(this.snapshots, '.unfinished'), join(this.snapshots, `${at}`));
    await this.#append(100);
    return at;
  }

  /** Stores all events and snapshots. */
  async push(): Promise<void> {
    const cuts = ['--format', 'lines', '--batch-bytes', '4KiB'];
    const args = ['push', this.journal, ...cuts, '--snapshots', this.snapshots];
    const { result } = await this.run(...args);
    expect(result).toMatchObject({ ok: true, durable: this.end, skippedSnapshots: 0 });
  }

  keys(): Promise<string[]> {
    return keysOf(this.store);
  }

  /** What a restore of the journal gives is what was written. */
  async expectJournal(offset = this.end): Promise<void> {
    const target = await this.#restore('--journal', offset, { bytes: offset });
    expect((await readFile(target)).equals(await this.#events(0, offset))).toBe(true);
  }

  /** What a restore of the state gives is that snapshot, and the events after it. */
  async expectState(base: number, offset = this.end): Promise<void> {
    const target = await this.#restore('--state', offset, { base });
    expect(await filesOf(target)).toEqual(await filesOf(join(this.snapshots, `${base}`)));
    expect((await readFile(`${target}.journal`)).equals(await this.#events(base, offset))).toBe(true);
  }

  /** Until these are gone; `meanwhile` must hold at every moment, and nothing else may go. */
  async awaitExpiry(keys: readonly string[], meanwhile: () => Promise<void>): Promise<void> {
    const untilMs = systemClock.monotonicMs() + PATIENCE.timeout;
    const others = (await this.keys()).filter((key) => !keys.includes(key));
    for (let left = keys; left.length > 0; ) {
      expect(systemClock.monotonicMs(), `still there: ${left}`).toBeLessThan(untilMs);
      await meanwhile();
      const found = await this.keys();
      expect(found).toEqual(expect.arrayContaining(others));
      left = found.filter((key) => keys.includes(key));
    }
    await meanwhile();
  }

  /** Until the rules have seen so many days pass. */
  async awaitDays(days: 2 | 14): Promise<void> {
    this.#canariesSent += 1;
    const canary = `${days}/${this.#canariesSent}`;
    await this.#canaries.put(canary, bodyOf('a canary'), { if: 'absent' });
    await vi.waitFor(async () => expect(await keysOf(this.#canaries)).not.toContain(canary), PATIENCE);
  }

  async #append(count: number): Promise<void> {
    const lines = Array.from({ length: count }, (_, index) =>
      `{"event":${this.#lines + index}}\n`.padStart(LINE_BYTES, ' '),
    );
    await appendFile(this.journal, lines.join(''));
    this.#lines += count;
  }

  async #events(from: number, to: number): Promise<Buffer> {
    return (await readFile(this.journal)).subarray(from, to);
  }

  /** In this process, because it happens all the time. */
  async #restore(what: string, offset: number, expected: Readonly<Record<string, unknown>>): Promise<string> {
    this.#targets += 1;
    const target = join(this.directory, `restored-${this.#targets}`);
    const { result } = await this.aged(0, 'restore', what, '--at', `${offset}`, '--to', target);
    expect(result).toMatchObject({ ok: true, offset, ...expected });
    return target;
  }
}

/** Their names and the hashes of what they hold. */
async function filesOf(directory: string): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(directory)).sort();
  const hashes = names.map(async (name) => [name, sha256(await readFile(join(directory, name)))] as const);
  return Object.fromEntries(await Promise.all(hashes));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
