import type { Catalog, ListedWriter } from '../archive/catalog.ts';
import { readClaim } from '../archive/claim.ts';
import { needDamage, undefinedWhenGone } from '../archive/damage.ts';
import { LATEST_KEY, WRITER_PREFIX } from '../archive/layout.ts';
import { completeCatalog } from '../archive/unlisted.ts';
import { mapInOrder } from '../kernel/concurrency.ts';
import type { RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import { readWhole } from '../store/body.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import type { VerifyReport } from './verify-report.ts';

/** `LATEST` holds at most 16 hex digits. */
const LATEST_LIMIT_BYTES = 16;

/** What names alone tell: strays, no writer, a `LATEST` that is not the newest snapshot's. All of it are warnings. */
export async function judgeNames(
  store: Store,
  { batches, snapshots, writers, strays, strayCount }: Catalog,
  report: VerifyReport,
  options: CallOptions,
): Promise<void> {
  for (const { key } of strays) {
    report.warn('stray-object', key, `${key} is not rigctl's; it is left alone`);
  }
  if (strayCount > strays.length) {
    const more = `and ${strayCount - strays.length} more that are not rigctl's`;
    report.warn('stray-object', null, more);
  }
  if (batches.length > 0 && writers.length === 0) {
    const message = 'no writer is known, so nobody can tell whether the end is missing';
    report.warn('unknown-writer', WRITER_PREFIX, message);
  }
  const newest = snapshots.at(-1);
  const latest = await readLatest(store, options);
  if (latest !== newest?.at.toString(16)) {
    const what = latest === undefined ? 'is missing' : `says ${JSON.stringify(latest)}`;
    const message = `${LATEST_KEY} ${what}; the newest snapshot is ${newest?.key ?? 'none'}`;
    report.warn('latest-stale', LATEST_KEY, message);
  }
}

async function readLatest(store: Store, options: CallOptions): Promise<string | undefined> {
  const object = await store.get(LATEST_KEY, {
    ...options,
    range: { startByte: 0, endByte: 2 * LATEST_LIMIT_BYTES },
  });
  return (
    object && Buffer.from(await readWhole(LATEST_KEY, object, 2 * LATEST_LIMIT_BYTES)).toString('latin1')
  );
}

/** Claims of writers that others came after: nothing rests on them, so damage to one is a warning. */
export async function judgeOlderClaims(
  store: Store,
  writers: readonly ListedWriter[],
  report: VerifyReport,
  options: CallOptions,
): Promise<void> {
  const looks = mapInOrder(
    writers.slice(0, -1),
    store.capabilities.parallelCalls,
    async ({ key, epoch }) => ({
      key,
      damage: await claimDamage(store, epoch, options),
    }),
  );
  for await (const { key, damage } of looks) {
    options.signal?.throwIfAborted();
    if (damage !== undefined) {
      report.warnOfDamage('claim-damaged', damage, key);
    }
  }
}

/** One that is gone since it was listed is no damage: a prune removes them. */
async function claimDamage(store: Store, epoch: number, options: CallOptions): Promise<RigError | undefined> {
  try {
    await readClaim(store, epoch, options);
    return undefined;
  } catch (error) {
    return needDamage(error);
  }
}

/**
 * The catalog, and the batches that were not listed or came later: a snapshot is stored after the batches up to its
 * offset, and must not seem to lie beyond them. One that is gone since it was listed is for others to judge.
 */
export async function addNewBatches(
  store: Store,
  catalog: Catalog,
  promised: Offset,
  options: CallOptions,
): Promise<Catalog> {
  const complete = await completeCatalog(store, catalog, promised, options).catch(undefinedWhenGone);
  return complete?.catalog ?? catalog;
}
