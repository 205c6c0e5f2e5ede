import type { BatchHeader } from '../archive/batch-header.ts';
import type { Catalog } from '../archive/catalog.ts';
import { type Claim, readClaim } from '../archive/claim.ts';
import { missing, needDamage } from '../archive/damage.ts';
import { meaningOf, WRITER_PREFIX } from '../archive/layout.ts';
import { type Extent, listedGaps } from '../archive/plan-restore.ts';
import { readCatalog } from '../archive/read-catalog.ts';
import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import { SnapshotShelf } from '../archive/snapshot-shelf.ts';
import { openForReading } from '../archive/survey.ts';
import { completeCatalog } from '../archive/unlisted.ts';
import type { RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { Context } from './context.ts';

/** An archive seen from outside: what every reading command begins with. */
export interface Overview extends Extent {
  /** The newest that can be read. */
  readonly claim: Claim | undefined;
  /** The last batch's header; undefined when there are no batches, or it is damaged. */
  readonly tail: BatchHeader | undefined;
  readonly shelf: SnapshotShelf;
}

/**
 * Looks at an archive with few requests.
 * @throws RigError RIG_ARCHIVE_NOT_FOUND, RIG_DESCRIPTOR_LOST; RIG_OBJECT_NOT_FOUND when the last batch is gone since
 *   it was listed; RIG_CHECKSUM_MISMATCH or RIG_VERSION_UNKNOWN when the descriptor cannot be read.
 */
export async function readOverview({ store, report, stop: signal }: Context): Promise<Overview> {
  const descriptor = await openForReading(store, { signal });
  // The claim comes first: one made after the listing may know of batches that the listing does not show.
  const claim = await readNewestClaim(store, { signal }).catch((error: unknown) => {
    const { code, message, details } = needDamage(error);
    report({ type: 'warning', code: 'claim-damaged', message, details: { ...details, code } });
    return undefined;
  });
  const promised = claim?.durable ?? 0;
  const listing = await readListing(store, descriptor.format !== 'none', promised, { signal });
  const shelf = new SnapshotShelf(store, descriptor.id, listing.catalog.snapshots, { signal });
  const { snapshotBeyond } = listing;
  const newest = snapshotBeyond === undefined ? undefined : await shelf.newest(snapshotBeyond);
  return {
    descriptor,
    claim,
    shelf,
    ...listing,
    gaps: [...listedGaps(listing.catalog.batches)],
    promised,
    ...endOf(listing, promised, newest),
  };
}

/** What the listing shows, and the last batch. */
interface Listing {
  readonly catalog: Catalog;
  readonly tail: BatchHeader | undefined;
  readonly tailDamage: RigError | undefined;
  readonly batchesEnd: Offset;
  /** The newest snapshot, when it lies beyond the last batch and no push running meanwhile explains that. */
  readonly snapshotBeyond: Offset | undefined;
}

/** A batch and a snapshot stored between the listings of the one and the other are no loss: another look shows that. */
async function readListing(
  store: Store,
  hasJournal: boolean,
  promised: Offset,
  options: CallOptions,
): Promise<Listing> {
  const seen = await readListingOnce(store, promised, options);
  if (seen.snapshotBeyond === undefined || !hasJournal) {
    return seen;
  }
  const again = await readListingOnce(store, promised, options);
  return {
    ...again,
    snapshotBeyond: seen.snapshotBeyond > again.batchesEnd ? seen.snapshotBeyond : undefined,
  };
}

async function readListingOnce(store: Store, promised: Offset, options: CallOptions): Promise<Listing> {
  const listed = await readCatalog(store, options);
  const { catalog, tailDamage, ...last } = await completeCatalog(store, listed, promised, options);
  const tail = last.tail?.header;
  const batchesEnd = tail?.end ?? catalog.batches.at(-1)?.first ?? 0;
  const newest = catalog.snapshots.at(-1)?.at ?? 0;
  return { catalog, tail, tailDamage, batchesEnd, snapshotBeyond: newest > batchesEnd ? newest : undefined };
}

/** Where the archive ends, and what of it was lost: a snapshot may have outlived the batches below it. */
function endOf(
  { catalog, batchesEnd, tailDamage }: Listing,
  promised: Offset,
  newest: SnapshotHeader | undefined,
): Pick<Extent, 'end' | 'lost'> {
  const isTailReplaced = newest !== undefined && newest.cut > (catalog.batches.at(-1)?.first ?? -1);
  const end = Math.max(batchesEnd, newest?.at ?? 0);
  if (tailDamage !== undefined && !isTailReplaced) {
    return { end, lost: tailDamage };
  }
  return { end, lost: promised > end ? missing(end, promised) : undefined };
}

/** The claim with the greatest epoch, or undefined when there was never one. Errors as {@link readClaim}. */
export async function readNewestClaim(store: Store, options: CallOptions = {}): Promise<Claim | undefined> {
  let newest: number | undefined;
  for await (const { key } of store.list(WRITER_PREFIX, options)) {
    const meaning = meaningOf(key);
    newest = meaning.kind === 'writer' ? meaning.epoch : newest;
  }
  return newest === undefined ? undefined : (await readClaim(store, newest, options))?.claim;
}
