/**
 * Runs a command over an archive that lists very many keys, in a process of its own, and prints how it ended and the
 * most memory it held: `node listing-process.ts <command> <kind of keys> <how many>`.
 */
import { firstChain } from '../../src/archive/batch-header.ts';
import { batchKey, LOG_PREFIX, snapshotKey, writerKey } from '../../src/archive/layout.ts';
import { isRigError, messageOf } from '../../src/kernel/errors.ts';
import { MIB } from '../../src/kernel/size.ts';
import type { ListedObject, Store, StoredObject } from '../../src/store/contract.ts';
import type { Context } from '../../src/workflows/context.ts';
import { ls } from '../../src/workflows/ls.ts';
import { prune } from '../../src/workflows/prune.ts';
import { restore } from '../../src/workflows/restore.ts';
import { status } from '../../src/workflows/status.ts';
import { verify } from '../../src/workflows/verify.ts';
import { ARCHIVE_ID, buildArchive } from './archive-builder.ts';
import { options } from './line-archive.ts';
import { ScriptedStore } from './scripted-store.ts';
import { putSnapshot } from './snapshot-builder.ts';
import { testContext } from './workflow-context.ts';

type Keys = (index: number) => string;

const GIB = 1024 * MIB;

const KINDS: Readonly<Record<string, Keys>> = {
  batches: (index) => batchKey(16 + index * MIB),
  /** Each of them after a hole. */
  'lone batches': (index) => batchKey(16 + index * (GIB / 4)),
  snapshots: (index) => snapshotKey(16 + index),
  writers: (index) => writerKey(3 + index),
  strays: (index) => `${LOG_PREFIX}${'x'.repeat(900)}${String(index).padStart(8, '0')}`,
};

const COMMANDS: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  ls: async (store) => {
    for await (const _ of ls(quietContext(store))) {
      // Nothing is kept of what is shown.
    }
  },
  status: (store) => status(quietContext(store)),
  verify: (store) => verify(quietContext(store), { level: 'list', against: undefined }),
  restore: (store) =>
    restore(quietContext(store), options({ dryRun: true, at: { kind: 'offset', offset: 16 } })),
  prune: (store) => prune(quietContext(store), { policy: { keepLast: 1 }, action: 'delete', dryRun: true }),
};

/** An archive, and so many keys more of which there are no objects; they are made while the listing is read. */
class LongListing extends ScriptedStore {
  readonly #keyOf: Keys;
  readonly #count: number;

  constructor(store: Store, keyOf: Keys, count: number) {
    super(store);
    this.#keyOf = keyOf;
    this.#count = count;
  }

  /** Of an object that was made up, there is one byte. */
  override async get(...[key, options]: Parameters<Store['get']>): ReturnType<Store['get']> {
    const object = await super.get(key, options);
    this.calls.length = 0;
    return object ?? (key >= this.#keyOf(0) && key <= this.#keyOf(this.#count - 1) ? junk() : undefined);
  }

  override async *list(
    ...[prefix, { after = '' } = {}]: Parameters<Store['list']>
  ): AsyncIterable<ListedObject> {
    const [first, last] = [this.#keyOf(0), this.#keyOf(this.#count - 1)];
    let pending = first.startsWith(prefix) && last > after;
    for await (const object of super.list(prefix, { after })) {
      if (pending && object.key > first) {
        yield* this.#more();
        pending = false;
      }
      yield object;
    }
    yield* pending ? this.#more() : [];
  }

  *#more(): Iterable<ListedObject> {
    for (let index = 0; index < this.#count; index += 1) {
      yield { key: this.#keyOf(index), sizeBytes: 100, modifiedAtMs: 1_795_257_127_000 + index };
    }
  }
}

function junk(): StoredObject {
  const body = (async function* () {
    yield Buffer.from('x');
  })();
  return { sizeBytes: 1, modifiedAtMs: 0, version: '', body };
}

/** What is reported is not kept. */
function quietContext(store: Store): Context {
  return { ...testContext(store), report: () => {} };
}

async function run([command = '', kind = '', count = '0']: readonly string[]): Promise<object> {
  const [work, keyOf] = [COMMANDS[command], KINDS[kind]];
  if (work === undefined || keyOf === undefined) {
    throw new Error(`no command ${command}, or no kind ${kind}`);
  }
  const { store } = await buildArchive({ journal: Buffer.alloc(16), cuts: [8, 16] });
  await putSnapshot(store, {
    at: 8,
    content: Buffer.from('state'),
    header: { chain: firstChain(ARCHIVE_ID) },
  });
  const ended = await work(new LongListing(store, keyOf, Number(count))).then(
    () => 'done',
    (error: unknown) => (isRigError(error) ? error.code : messageOf(error)),
  );
  return { ended, peakKib: process.resourceUsage().maxRSS };
}

process.stdout.write(`${JSON.stringify(await run(process.argv.slice(2)))}\n`);
