import { firstChain } from '../../src/archive/batch-header.ts';
import { snapshotKey } from '../../src/archive/layout.ts';
import { readCatalog } from '../../src/archive/read-catalog.ts';
import { readBatches } from '../../src/archive/reader.ts';
import { resolveChain } from '../../src/archive/snapshot-object.ts';
import type { Store } from '../../src/store/contract.ts';
import type { PruneOptions } from '../../src/workflows/prune.ts';
import { ARCHIVE_ID, type BuiltArchive, buildArchive } from './archive-builder.ts';
import { collect } from './collect.ts';
import { putSnapshot, snapshotContent } from './snapshot-builder.ts';

const DAY_MS = 86_400_000;

export interface AgedSnapshot {
  readonly at: number;
  readonly ageDays: number;
  readonly base?: number;
  readonly of?: 'state' | 'journal';
}

const JOURNAL = Buffer.from(Array.from({ length: 100 }, (_, index) => index));
/** Batches of ten bytes. */
const CUTS = Array.from({ length: 10 }, (_, index) => (index + 1) * 10);

/** An archive of 100 bytes in ten batches, and snapshots of these ages on it. Everything else is a month old. */
export async function retentionArchive(snapshots: readonly AgedSnapshot[]): Promise<BuiltArchive> {
  const archive = await buildArchive({ journal: JOURNAL, cuts: CUTS });
  for (const key of archive.namespace.objects.keys()) {
    makeOld(archive, key, 30);
  }
  for (const snapshot of snapshots) {
    await addSnapshot(archive, snapshot);
  }
  return archive;
}

export async function addSnapshot(archive: BuiltArchive, snapshot: AgedSnapshot): Promise<void> {
  const { at, ageDays, base, of = 'state' } = snapshot;
  const before = archive.headers.filter(({ end }) => end <= at).at(-1);
  const header = { of, cut: before?.end ?? 0, chain: before?.chain ?? firstChain(ARCHIVE_ID) };
  await putSnapshot(archive.store, { at, content: contentAt(at, of), base, header });
  makeOld(archive, snapshotKey(at), ageDays);
}

function contentAt(at: number, of: AgedSnapshot['of']): Buffer {
  return of === 'journal' ? JOURNAL.subarray(0, at) : Buffer.from(`the state at ${at}`);
}

/** Makes an object older than the clock of a test's context by so many days. */
export function makeOld({ namespace }: BuiltArchive, key: string, ageDays: number): void {
  const object = namespace.objects.get(key);
  if (object === undefined) {
    throw new Error(`there is no ${key}`);
  }
  namespace.objects.set(key, { ...object, modifiedAtMs: 1_795_257_127_000 - ageDays * DAY_MS });
}

/** Gives back what is at `offset` from the snapshot at `at` and the batches after it, or throws. */
export async function restoreFrom(store: Store, at: number, offset = at): Promise<void> {
  const [{ header }] = await resolveChain(store, at, ARCHIVE_ID);
  const content = await snapshotContent(store, at);
  if (!content.equals(contentAt(at, header.of))) {
    throw new Error(`another content at ${at}`);
  }
  const { batches } = await readCatalog(store);
  const after = batches.filter(({ first }) => first >= header.cut && first < offset && offset > at);
  const start = { archive: ARCHIVE_ID, offset: header.cut, chain: header.chain, epoch: 1 };
  const chunks = await collect(readBatches(store, after, start));
  const bytes = Buffer.concat(chunks.map((chunk) => chunk.bytes)).subarray(0, offset - header.cut);
  if (offset > at && !bytes.equals(JOURNAL.subarray(header.cut, offset))) {
    throw new Error(`offsets up to ${offset} do not follow on ${at}`);
  }
}

/** Two chains, the later one with two increments; under "the last 2" everything below 55 can go. */
export const SNAPSHOTS: readonly AgedSnapshot[] = [
  { at: 15, ageDays: 9 },
  { at: 25, ageDays: 8, base: 15 },
  { at: 40, ageDays: 6 },
  { at: 55, ageDays: 3, base: 40 },
  { at: 80, ageDays: 2, base: 55 },
];

export const LAST_TWO: PruneOptions = { policy: { keepLast: 2 }, action: 'delete', dryRun: false };

export function keysIn({ namespace }: BuiltArchive): string[] {
  return [...namespace.objects.keys()].sort();
}

/** A store to change a thing of. */
export function bound(store: Store): Store {
  return {
    url: store.url,
    capabilities: store.capabilities,
    get: (key, options) => store.get(key, options),
    head: (key, options) => store.head(key, options),
    put: (key, body, options) => store.put(key, body, options),
    list: (prefix, options) => store.list(prefix, options),
    delete: (keys, options) => store.delete(keys, options),
    close: () => store.close(),
  };
}
