import type { BatchHeader } from '../archive/batch-header.ts';
import { readCatalog } from '../archive/catalog.ts';
import { type Claim, readClaim } from '../archive/claim.ts';
import type { Descriptor } from '../archive/descriptor.ts';
import { meaningOf, WRITER_PREFIX } from '../archive/layout.ts';
import type { Extent } from '../archive/plan-restore.ts';
import { needHead } from '../archive/reader.ts';
import { openForReading } from '../archive/survey.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { Context } from './context.ts';

/** An archive seen from outside: what every reading command begins with. */
export interface Overview extends Extent {
  readonly descriptor: Descriptor;
  /** The newest that can be read. */
  readonly claim: Claim | undefined;
  /** The last batch's header; undefined when there are no batches, or it is damaged. */
  readonly tail: BatchHeader | undefined;
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
  const catalog = await readCatalog(store, { signal });
  const last = catalog.batches.at(-1);
  let tail: BatchHeader | undefined;
  let tailDamage: RigError | undefined;
  try {
    tail = last && (await needHead(store, last, { signal })).header;
  } catch (error) {
    tailDamage = needDamage(error);
  }
  const end = tail?.end ?? last?.first ?? 0;
  return { descriptor, claim, catalog, tail, tailDamage, end, promised: claim?.durable ?? 0 };
}

/** An error that says that bytes of the archive are not what they must be; anything else is thrown on. */
export function needDamage(error: unknown): RigError {
  if (isRigError(error) && error.kind === 'data') {
    return error;
  }
  throw error;
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
