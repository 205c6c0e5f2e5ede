import type { RetryPolicy } from '../kernel/attempts.ts';
import type { Sha256 } from '../kernel/digest.ts';
import { RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { firstChain } from './batch-header.ts';
import { type BatchHead, readHead } from './batch-object.ts';
import type { Catalog } from './catalog.ts';
import { type Claim, readClaim } from './claim.ts';
import { damaged, undefinedWhenGone } from './damage.ts';
import {
  createDescriptor,
  type Descriptor,
  descriptorLost,
  type NewArchive,
  readDescriptor,
} from './descriptor.ts';
import { isEmptyPlace, readCatalog } from './read-catalog.ts';
import { readSnapshotHeader } from './snapshot-object.ts';
import { completeCatalog } from './unlisted.ts';

/** An archive as one listing and a few headers show it. */
export interface Survey {
  readonly descriptor: Descriptor;
  readonly catalog: Catalog;
  readonly tail: Tail;
  /** The claim of the greatest epoch, or undefined when nobody ever claimed. */
  readonly newestClaim: Claim | undefined;
}

/** The end of the chain: where the next batch goes and what it must link to. */
export interface Tail {
  readonly durable: Offset;
  readonly chain: Sha256;
  /** The last batch, or undefined when there is none. It ends before `durable` when a snapshot's cut lies beyond it. */
  readonly last: BatchHead | undefined;
  /** Of the writer that stored what ends there; 0: nobody has. */
  readonly epoch: number;
}

/** A listed batch may be gone when it is read, under a prune; more often than this it is something else. */
const LISTINGS_LIMIT = 5;

/**
 * Looks at an archive before anything is written to it. May be repeated.
 * @throws RigError RIG_CHECKSUM_MISMATCH and the like when its last batch or newest claim is damaged.
 */
export async function surveyArchive(
  store: Store,
  descriptor: Descriptor,
  options: CallOptions = {},
): Promise<Survey> {
  let seen: Tail | undefined;
  for (let listing = 1; listing <= LISTINGS_LIMIT; listing += 1) {
    const listed = await readCatalog(store, options);
    const catalog = listing === 1 ? listed : await complete(store, listed, options);
    const tail = await readTail(store, descriptor, catalog, options);
    // Batches are listed first: those up to the snapshot's cut may be there by now.
    const isCertain = tail?.durable === tail?.last?.header.end || tail?.durable === seen?.durable;
    seen = tail;
    if (tail !== undefined && (isCertain || tail.durable === 0)) {
      const newest = catalog.writers.at(-1);
      const read = newest === undefined ? undefined : await readClaim(store, newest.epoch, options);
      return { descriptor, catalog, tail, newestClaim: read?.claim };
    }
  }
  throw new RigError('RIG_STORE_UNAVAILABLE', 'the listed batches keep disappearing before they are read', {
    hint: 'look whether something else deletes objects below the archive',
  });
}

/** Batches that a snapshot proves to be there and that are not listed yet have to be compared with the journal too. */
async function complete(store: Store, listed: Catalog, options: CallOptions): Promise<Catalog> {
  const newest = listed.snapshots.at(-1)?.at ?? 0;
  const completed = await completeCatalog(store, listed, newest, options).catch(undefinedWhenGone);
  return completed?.catalog ?? listed;
}

/**
 * Undefined: what was listed last is gone. When something else than rigctl removed the batches after the newest
 * snapshot's cut, the chain goes on from that cut.
 */
async function readTail(
  store: Store,
  descriptor: Descriptor,
  catalog: Catalog,
  options: CallOptions,
): Promise<Tail | undefined> {
  const newest = catalog.snapshots.at(-1);
  const tail = await readBatchTail(store, descriptor, catalog, options);
  if (tail === undefined || newest === undefined || newest.at <= tail.durable) {
    return tail;
  }
  const header = await readSnapshotHeader(store, newest.key, options);
  if (header === undefined) {
    return undefined;
  }
  mustBeOf(descriptor, newest.key, header);
  const { cut, chain, epoch } = header;
  return cut <= tail.durable ? tail : { ...tail, durable: cut, chain, epoch };
}

async function readBatchTail(
  store: Store,
  descriptor: Descriptor,
  catalog: Catalog,
  options: CallOptions,
): Promise<Tail | undefined> {
  const listed = catalog.batches.at(-1);
  if (listed === undefined) {
    return { durable: 0, chain: firstChain(descriptor.id), last: undefined, epoch: 0 };
  }
  const last = await readHead(store, listed.key, options);
  if (last === undefined) {
    return undefined;
  }
  mustBeOf(descriptor, listed.key, last.header);
  const { end, chain, epoch } = last.header;
  return { durable: end, chain, last, epoch };
}

function mustBeOf(descriptor: Descriptor, key: string, { archive }: { readonly archive: string }): void {
  if (archive !== descriptor.id) {
    throw damaged(key, `it belongs to the archive ${archive}`);
  }
}

/**
 * The descriptor of the archive to push to. Creates it when there is nothing under the archive's URL.
 * @param wantedFormat the format that was asked for, or undefined: the archive's own decides.
 * @throws RigError RIG_DESCRIPTOR_LOST, RIG_CONFIG_INVALID when the place holds something else or the format differs
 */
export async function openForPush(
  store: Store,
  newArchive: NewArchive,
  wantedFormat: string | undefined,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<Descriptor> {
  const descriptor =
    (await readDescriptor(store, { signal })) ?? (await openNew(store, newArchive, policy, signal));
  if (wantedFormat !== undefined && wantedFormat !== descriptor.format) {
    throw new RigError(
      'RIG_CONFIG_INVALID',
      `the archive holds a journal of format ${descriptor.format}, not ${wantedFormat}`,
      { hint: 'leave --format out, or push to another archive', details: { format: descriptor.format } },
    );
  }
  return descriptor;
}

async function openNew(
  store: Store,
  newArchive: NewArchive,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<Descriptor> {
  return (await isEmptyPlace(store, { signal }))
    ? createDescriptor(store, newArchive, policy, signal)
    : readAgain(store, { signal });
}

/**
 * The descriptor of an archive to read. May be repeated.
 * @throws RigError RIG_ARCHIVE_NOT_FOUND, RIG_DESCRIPTOR_LOST, RIG_CONFIG_INVALID when the place holds something else
 */
export async function openForReading(store: Store, options: CallOptions = {}): Promise<Descriptor> {
  const descriptor = await readDescriptor(store, options);
  if (descriptor !== undefined) {
    return descriptor;
  }
  if (await isEmptyPlace(store, options)) {
    throw new RigError('RIG_ARCHIVE_NOT_FOUND', `there is no archive at ${store.url}`, {
      hint: 'check --archive, or make it with "rigctl push"',
    });
  }
  return readAgain(store, options);
}

/** The place is not empty, and there was no descriptor: a first push may have written it since it was read. */
async function readAgain(store: Store, options: CallOptions): Promise<Descriptor> {
  return (await readDescriptor(store, options)) ?? explainMissing(store, options);
}

/** @throws always: what is there instead of an archive. */
async function explainMissing(store: Store, options: CallOptions): Promise<never> {
  const catalog = await readCatalog(store, options);
  const { batches, snapshots, writers } = catalog;
  if (batches.length + snapshots.length + writers.length > 0) {
    throw descriptorLost(writers.at(-1)?.key);
  }
  throw new RigError('RIG_CONFIG_INVALID', `${store.url} holds objects and is not an archive`, {
    hint: 'give an empty prefix of its own to the archive',
  });
}
