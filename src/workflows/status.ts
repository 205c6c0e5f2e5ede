import type { BatchHeader } from '../archive/batch-header.ts';
import type { Claim } from '../archive/claim.ts';
import { needDamage } from '../archive/damage.ts';
import type { Range } from '../archive/plan-restore.ts';
import { needHead } from '../archive/reader.ts';
import { recoverableIn } from '../archive/restore-refusal.ts';
import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import { formatTime } from '../kernel/clock.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import { warnOfThreats } from './lifecycle-threats.ts';
import { type Overview, readOverview } from './overview.ts';

export interface StatusResult {
  /** The archive's id. */
  readonly archive: string;
  readonly format: string;
  /** Where the last readable batch ends. */
  readonly durable: Offset;
  /** The newest snapshot that can be read. */
  readonly latest: Offset | null;
  readonly batches: number;
  readonly snapshots: number;
  /** How many of the snapshots need another one. */
  readonly increments: number;
  /** Of batches and snapshots. */
  readonly storedBytes: number;
  /** RFC 3339: between these times a moment can be turned into an offset. */
  readonly firstObserved: string | null;
  readonly lastObserved: string | null;
  /** The newest one; it may have ended long ago. */
  readonly writer: Pick<Claim, 'epoch' | 'mode' | 'host' | 'pid' | 'startedAt'> | null;
  /** As far as the listing tells; `verify` looks closer. */
  readonly recoverable: readonly Range[];
}

/** What an archive holds, seen with a handful of requests and one for each snapshot. Errors as {@link readOverview}. */
export async function status(context: Context): Promise<StatusResult> {
  const overview = await readOverview(context);
  const { descriptor, claim, catalog, end, shelf } = overview;
  const snapshots = await shelf.all();
  warnOfDamage(context, overview);
  await warnOfThreats(context, { archive: descriptor.id, snapshots: catalog.snapshots });
  const hasJournal = descriptor.format !== 'none';
  const { first, badOffsets } = hasJournal ? await readFirst(context, overview) : NOTHING_FIRST;
  return {
    archive: descriptor.id,
    format: descriptor.format,
    durable: end,
    latest: snapshots.at(-1)?.at ?? null,
    batches: catalog.batches.length,
    snapshots: catalog.snapshots.length,
    increments: snapshots.filter(({ base }) => base !== undefined).length,
    storedBytes: totalStored(catalog.batches) + totalStored(catalog.snapshots),
    ...(hasJournal ? batchTimes(first, overview.tail) : snapshotTimes(snapshots)),
    writer: claim === undefined ? null : writerOf(claim),
    recoverable: recoverableIn(overview, { snapshots, badOffsets }),
  };
}

type Times = Pick<StatusResult, 'firstObserved' | 'lastObserved'>;

function batchTimes(first: BatchHeader | undefined, last: BatchHeader | undefined): Times {
  const firstPair = first?.observed[0];
  const lastPair = last?.observed.at(-1);
  return {
    firstObserved: firstPair === undefined ? null : formatTime(firstPair[1]),
    lastObserved: lastPair === undefined ? null : formatTime(lastPair[1]),
  };
}

/** The first batch's header, or where it should be. */
interface First {
  readonly first: BatchHeader | undefined;
  readonly badOffsets: readonly Offset[];
}

const NOTHING_FIRST: First = { first: undefined, badOffsets: [] };

/** A damaged first batch tells no time; the rest is as true without it. */
async function readFirst(
  { store, report, stop: signal }: Context,
  { catalog, tail }: Overview,
): Promise<First> {
  const listed = catalog.batches[0];
  if (listed === undefined || catalog.batches.length === 1) {
    return { first: tail, badOffsets: [] };
  }
  try {
    return { first: (await needHead(store, listed, { signal })).header, badOffsets: [] };
  } catch (error) {
    const { message, details } = needDamage(error);
    report({ type: 'warning', code: 'batch-damaged', message, hint: 'run "rigctl verify"', details });
    return { first: undefined, badOffsets: [listed.first] };
  }
}

/** Without a journal, a moment is turned into the offset of a snapshot. */
function snapshotTimes(snapshots: readonly SnapshotHeader[]): Times {
  const times = snapshots.map(({ createdAt }) => createdAt).sort();
  return { firstObserved: times[0] ?? null, lastObserved: times.at(-1) ?? null };
}

function warnOfDamage({ report }: Context, { end, promised, tailDamage, shelf }: Overview): void {
  for (const { message, details } of shelf.damage.values()) {
    report({ type: 'warning', code: 'snapshot-damaged', message, hint: 'run "rigctl verify"', details });
  }
  if (tailDamage !== undefined) {
    const { message, details } = tailDamage;
    report({ type: 'warning', code: 'tail-damaged', message, hint: 'run "rigctl verify"', details });
  } else if (end < promised) {
    report({
      type: 'warning',
      code: 'archive-shortened',
      message: `the archive ends at ${showOffset(end)}, but its newest writer saw ${showOffset(promised)} stored`,
      hint: 'run "rigctl verify"',
      details: { end, promised },
    });
  }
}

function writerOf({ epoch, mode, host, pid, startedAt }: Claim): NonNullable<StatusResult['writer']> {
  return { epoch, mode, host, pid, startedAt };
}

function totalStored(objects: readonly { readonly storedBytes: number }[]): number {
  return objects.reduce((total, object) => total + object.storedBytes, 0);
}
