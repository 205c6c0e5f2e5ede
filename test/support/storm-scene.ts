import { appendFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { isRigError, messageOf, RigError } from '../../src/kernel/errors.ts';
import { nodeFileTree } from '../../src/kernel/file-tree.ts';
import { nodeFileSystem } from '../../src/kernel/filesystem.ts';
import type { Report } from '../../src/kernel/report.ts';
import { KIB, MIB } from '../../src/kernel/size.ts';
import type { Store } from '../../src/store/contract.ts';
import { openS3Store } from '../../src/store/drivers/s3.ts';
import type { Context } from '../../src/workflows/context.ts';
import { type PushResult, push } from '../../src/workflows/push.ts';
import { restore } from '../../src/workflows/restore.ts';
import { type Finding, verify } from '../../src/workflows/verify.ts';
import { FaultProxy } from './fault-proxy.ts';
import { HONEST_FAULTS, storm } from './faults.ts';
import { JournalText } from './kill/journal-text.ts';
import { freshS3Url, partsLeftBehind, realS3Options } from './real-s3.ts';
import { seededRandom } from './seeded-random.ts';
import { someBytes } from './store-bytes.ts';
import { hurriedClock, openRetried } from './through-proxy.ts';

/** Large enough to go in parts. */
const LARGE_SNAPSHOT_BYTES = 17 * MIB;

/** A journal and snapshots on this machine, and a real S3 server behind a storm; everything is drawn from the seed. */
export class StormScene {
  readonly proxy: FaultProxy;
  readonly #seed: number;
  readonly #directory: string;
  readonly #text: JournalText;
  readonly #random: () => number;
  readonly #url = freshS3Url();
  readonly #snapshots = new Map<number, Buffer>();
  readonly #acknowledged = new Set<number>([0]);
  #end = 0;

  private constructor(seed: number, directory: string, proxy: FaultProxy) {
    this.#seed = seed;
    this.#directory = directory;
    this.proxy = proxy;
    this.#text = new JournalText(seed);
    this.#random = seededRandom(seed).next;
  }

  static async create(seed: number): Promise<StormScene> {
    const directory = await mkdtemp(join(tmpdir(), 'rigctl-storm-'));
    await mkdir(join(directory, 'snapshots'));
    const proxy = await FaultProxy.start(realS3Options().endpointUrl ?? '', { seed });
    return new StormScene(seed, directory, proxy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true });
  }

  /** The application appends about so many bytes, whole records. */
  async write(bytes: number): Promise<void> {
    const end = this.#text.recordEndAfter(this.#end + bytes);
    await appendFile(this.#journal, this.#text.slice(this.#end, end));
    this.#end = end;
  }

  /** The application takes a snapshot of what it has written so far. */
  async snapshot(size: 'small' | 'large'): Promise<void> {
    const bytes = size === 'large' ? LARGE_SNAPSHOT_BYTES : Math.floor(this.#random() * 100 * KIB);
    const content = someBytes(bytes, this.#seed + this.#end);
    this.#snapshots.set(this.#end, content);
    await writeFile(join(this.#directory, 'being-written'), content);
    await rename(
      join(this.#directory, 'being-written'),
      join(this.#directory, 'snapshots', String(this.#end)),
    );
  }

  /** Bad weather for writers, who believe what has no checksum. */
  storm(rate: number): void {
    this.proxy.forecast = storm(this.#seed, { rate, faults: HONEST_FAULTS });
  }

  async heal(): Promise<void> {
    this.proxy.forecast = () => undefined;
    await this.proxy.land();
  }

  /** Pushes all that has been written. */
  async pushOnce(): Promise<PushResult> {
    const result = await this.#push(false, new AbortController().signal, () => undefined);
    expect(result).toMatchObject({ durable: this.#end, tornBytes: 0, skippedSnapshots: 0 });
    return result;
  }

  /** Follows the journal while `meanwhile` writes to it, until everything is durable that it wrote. */
  async follow(meanwhile: () => Promise<void>): Promise<PushResult> {
    const stop = new AbortController();
    const { promise: done, resolve } = Promise.withResolvers<void>();
    let isWritten = false;
    const pushed = this.#push(true, stop.signal, () => {
      if (isWritten && this.#acknowledged.has(this.#end)) {
        resolve();
      }
    });
    await meanwhile();
    isWritten = true;
    await Promise.race([done, pushed]);
    stop.abort(new RigError('RIG_INTERRUPTED', 'enough'));
    return pushed;
  }

  /** What was reported durable comes back, and nothing is damaged; the weather is good. `all` has been pushed? */
  async check(all = true): Promise<void> {
    const direct = await openS3Store(this.#url, realS3Options());
    const context = this.#context(direct);
    const verified = await verify(context, { level: 'replay', against: this.#journal });
    expect(verified.findings).toEqual([]);
    expect(verified.warnings.filter((warning) => !isOfLateRequest(warning))).toEqual([]);
    const most = Math.max(...this.#acknowledged);
    const latest = await restored(context, 'latest');
    expect(latest.length).toBeGreaterThanOrEqual(most);
    expect(this.#text.slice(0, latest.length).equals(latest), 'other bytes').toBe(true);
    const acknowledged = [...this.#acknowledged];
    const one = acknowledged[Math.floor(this.#random() * acknowledged.length)] ?? 0;
    expect(this.#text.slice(0, one).equals(await restored(context, one)), `other bytes at ${one}`).toBe(true);
    if (all) {
      expect(verified.checked.snapshots).toBe(this.#snapshots.size);
      await this.#checkState(context);
    }
    await direct.close();
    expect(await partsLeftBehind(this.#url)).toBe(0);
  }

  /** Reading in the worst of weathers: exactly the truth, or an error that says what it is. */
  async readInStorm(): Promise<string> {
    this.proxy.forecast = storm(this.#seed, { rate: 0.3 });
    const store = await openRetried(this.proxy, this.#url, this.#seed);
    const outcome = await restored(this.#context(store), 'latest').then(
      (bytes) => {
        expect(this.#text.slice(0, this.#end).equals(bytes), 'other bytes').toBe(true);
        return 'exact';
      },
      (error: unknown) =>
        isRigError(error) ? error.code : expect.fail(`no error of ours: ${messageOf(error)}`),
    );
    await store.close();
    return outcome;
  }

  async #checkState(context: Context): Promise<void> {
    const newest = Math.max(...this.#snapshots.keys());
    const path = join(this.#directory, 'state');
    const target = { kind: 'file', path } as const;
    const options = { what: 'state', at: { kind: 'latest' }, nearest: undefined, dryRun: false } as const;
    const { base } = await restore(context, { ...options, force: true, target });
    expect(base).toBe(newest);
    expect(this.#snapshots.get(newest)?.equals(await readFile(path)), 'another state').toBe(true);
  }

  async #push(follow: boolean, stop: AbortSignal, onReport: (report: Report) => void): Promise<PushResult> {
    const store = await openRetried(this.proxy, this.#url, this.#seed);
    const report = (value: Report) => {
      if (value.type === 'durable') {
        this.#acknowledged.add(value.durable);
      }
      onReport(value);
    };
    const pushing = push(
      { ...this.#context(store), stop, report },
      {
        journal: this.#journal,
        snapshots: {
          directory: join(this.#directory, 'snapshots'),
          names: undefined,
          pruneLocal: undefined,
          expire: undefined,
        },
        journalSnapshot: false,
        fullRatio: 0.5,
        follow,
        format: 'lines',
        intervalMs: 0,
        batchBytes: 4 * KIB,
        compression: { name: 'zstd', level: 1 },
        host: 'here',
        pid: 1,
        deadlineMs: 600_000,
        unsafeNoFencing: false,
      },
    );
    return pushing.finally(() => store.close());
  }

  #context(store: Store): Context {
    return {
      store,
      clock: hurriedClock,
      random: seededRandom(this.#seed),
      fileSystem: nodeFileSystem,
      fileTree: nodeFileTree,
      report: () => undefined,
      stop: new AbortController().signal,
      abort: new AbortController().signal,
    };
  }

  get #journal(): string {
    return join(this.#directory, 'journal');
  }
}

async function restored(context: Context, at: 'latest' | number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await restore(context, {
    what: 'journal',
    at: at === 'latest' ? { kind: 'latest' } : { kind: 'offset', offset: at },
    nearest: undefined,
    dryRun: false,
    force: false,
    target: {
      kind: 'stream',
      async write(bytes) {
        chunks.push(Buffer.from(bytes));
      },
    },
  });
  return Buffer.concat(chunks);
}

/** A put of `LATEST` may land after the next one, and one of the driver's probe when it has been cleaned up after. */
function isOfLateRequest({ code, object }: Finding): boolean {
  return code === 'latest-stale' || object?.startsWith('PROBE/') === true;
}
