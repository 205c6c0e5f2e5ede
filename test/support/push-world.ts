import { openFrame, readStored } from '../../src/archive/batch-object.ts';
import { readCatalog } from '../../src/archive/read-catalog.ts';
import { RigError } from '../../src/kernel/errors.ts';
import { nodeFileTree } from '../../src/kernel/file-tree.ts';
import type { Report } from '../../src/kernel/report.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { retry } from '../../src/store/layers/retry.ts';
import { type PushOptions, type PushResult, push } from '../../src/workflows/push.ts';
import { MemoryFileSystem } from './memory-filesystem.ts';
import { ScriptedStore } from './scripted-store.ts';
import { seededRandom } from './seeded-random.ts';
import { SimulatedClock } from './simulated-clock.ts';

/** One push under way in a {@link PushWorld}. */
export interface PushRun {
  readonly reports: Report[];
  readonly store: ScriptedStore;
  readonly ended: Promise<PushResult>;
  /** The first signal. */
  stop(): void;
  /** The second signal. */
  abort(): void;
  /** The last durable offset reported. */
  durable(): number | undefined;
}

/** A machine with journals and one archive, in simulated time. */
export class PushWorld {
  readonly clock = new SimulatedClock();
  readonly fileSystem = new MemoryFileSystem(this.clock);
  readonly namespace = createMemoryNamespace();
  readonly #random = seededRandom(7);

  /** A client of the archive's store of its own, for looking on. */
  store(): ScriptedStore {
    return new ScriptedStore(openMemoryStore(this.namespace, this.clock));
  }

  start(
    options: Partial<PushOptions> & { readonly journal: string | undefined },
    store = this.store(),
  ): PushRun {
    const [stop, abort] = [new AbortController(), new AbortController()];
    const reports: Report[] = [];
    const report = (value: Report) => void reports.push(value);
    const { clock, fileSystem } = this;
    const random = this.#random;
    const layered = retry(store, { clock, random, deadlineMs: undefined, onRetry: report });
    const context = {
      store: layered,
      clock,
      random,
      fileSystem,
      fileTree: nodeFileTree,
      report,
      stop: stop.signal,
      abort: abort.signal,
    };
    const ended = push(context, {
      follow: false,
      format: undefined,
      intervalMs: 1_000,
      batchBytes: undefined,
      compression: { name: 'zstd', level: 1 },
      host: 'here',
      pid: 1,
      deadlineMs: 60_000,
      unsafeNoFencing: false,
      snapshots: undefined,
      journalSnapshot: false,
      fullRatio: 0.5,
      ...options,
    });
    ended.catch(() => undefined);
    return {
      reports,
      store,
      ended,
      stop: () => stop.abort(new RigError('RIG_INTERRUPTED', 'stopped by SIGINT')),
      abort: () => abort.abort(new RigError('RIG_INTERRUPTED', 'stopped by a second SIGINT')),
      durable: () => reports.filter((value) => value.type === 'durable').at(-1)?.durable,
    };
  }

  /** Pushes once, to its end. */
  once(
    options: Partial<PushOptions> & { readonly journal: string | undefined },
    store?: ScriptedStore,
  ): Promise<PushResult> {
    return this.clock.runUntil(this.start(options, store).ended);
  }

  /** What the batches give, one after the other. */
  async archived(): Promise<Buffer> {
    const store = this.store();
    const parts: Uint8Array[] = [];
    for (const { key } of (await readCatalog(store)).batches) {
      const batch = await readStored(store, key);
      for (const index of batch?.frames.keys() ?? []) {
        parts.push(batch === undefined ? Buffer.alloc(0) : await openFrame(batch, index));
      }
    }
    return Buffer.concat(parts);
  }

  async keys(): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.store().list('')) {
      keys.push(key);
    }
    return keys;
  }
}
