import type { BatchHead } from '../archive/batch-object.ts';
import { damaged, missing } from '../archive/damage.ts';
import { snapshotKey } from '../archive/layout.ts';
import { batchesOf, type JournalPlan } from '../archive/plan-restore.ts';
import { needHead, readBatches, readHeads } from '../archive/reader.ts';
import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import { resolveChain } from '../archive/snapshot-object.ts';
import { readContent } from '../archive/snapshot-reader.ts';
import { release } from '../kernel/memory.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import type { Overview } from './overview.ts';
import { isStray, mayBeStray } from './strays.ts';

/** A piece of the journal. */
export interface JournalPart {
  readonly bytes: Uint8Array;
  /** How many records end in it; undefined: nobody knows before they are counted. */
  readonly records: number | undefined;
  /** Gives its memory back, to be called when it was written. */
  discard(): void;
}

/**
 * The parts of a planned stretch of the journal, in order, each checked before it comes.
 * @throws RigError RIG_CHAIN_GAP, RIG_CHECKSUM_MISMATCH or RIG_VERSION_UNKNOWN with the object in its details;
 *   RIG_OBJECT_NOT_FOUND when one is gone since it was listed.
 */
export async function* readJournal(
  context: Context,
  overview: Overview,
  plan: JournalPlan,
): AsyncGenerator<JournalPart, void, undefined> {
  const { store, stop: signal } = context;
  await checkLastCounts(context, overview, plan);
  if (plan.base !== undefined) {
    for await (const bytes of readImage(context, plan.base, plan.from, plan.to)) {
      yield { bytes, records: undefined, discard() {} };
    }
  }
  const from = Math.max(plan.from, plan.base?.at ?? 0);
  let reached = from;
  const chunks = readBatches(store, batchesOf(overview, plan), plan.start, { signal });
  for await (const { offset, bytes, head } of chunks) {
    signal.throwIfAborted();
    reached = offset + bytes.length;
    const needed = bytes.subarray(Math.max(0, from - offset), Math.max(0, plan.to - offset));
    if (needed.length > 0) {
      const records = recordsIn(head, reached, from, plan.to);
      yield { bytes: needed, records, discard: () => release(bytes) };
    }
  }
  checkReached(overview, plan, reached);
}

/** The records of a batch that is needed whole count where it ends. */
function recordsIn({ header }: BatchHead, reached: Offset, from: Offset, to: Offset): number | undefined {
  if (header.first < from || header.end > to) {
    return undefined;
  }
  return reached === header.end ? header.records : 0;
}

/** What a dry run checks: that everything is there, in order, and leads to the offset. It reads no payload. */
export async function checkJournal(context: Context, overview: Overview, plan: JournalPlan): Promise<void> {
  const { store, stop: signal } = context;
  await checkLastCounts(context, overview, plan);
  if (plan.base !== undefined) {
    await resolveChain(store, plan.base.at, overview.descriptor.id, { signal });
  }
  let reached = Math.max(plan.from, plan.base?.at ?? 0);
  for await (const { header } of readHeads(store, batchesOf(overview, plan), plan.start, { signal })) {
    reached = header.end;
  }
  checkReached(overview, plan, reached);
}

/** The part `[from, to)` of an image of the journal, or what there is of it. */
export async function* readImage(
  { store, stop: signal }: Context,
  { archive, at }: SnapshotHeader,
  from: Offset,
  to: Offset,
): AsyncGenerator<Uint8Array, void, undefined> {
  let offset = 0;
  for await (const bytes of readContent(store, await resolveChain(store, at, archive, { signal }), {
    signal,
  })) {
    signal.throwIfAborted();
    const needed = bytes.subarray(Math.max(0, from - offset), Math.max(0, to - offset));
    offset += bytes.length;
    if (needed.length > 0) {
      yield needed;
    }
    if (offset >= to && to < at) {
      return; // the rest is not asked for
    }
  }
  if (offset !== at) {
    throw damaged(snapshotKey(at), `it holds ${offset} bytes of the journal instead of ${at}`, {
      details: { offset: at },
    });
  }
}

/** The last batch needed may end before the offset: then the hole after it holds the offset. */
function checkReached({ catalog, end }: Overview, { endIndex, to }: JournalPlan, reached: Offset): void {
  if (reached < to) {
    throw missing(reached, catalog.batches[endIndex]?.first ?? Math.max(end, to));
  }
}

/** The last batch of a plan must count: what follows it would else have shown that it does not. */
async function checkLastCounts(context: Context, overview: Overview, plan: JournalPlan): Promise<void> {
  const { catalog } = overview;
  const index = plan.endIndex - 1;
  const last = catalog.batches[index];
  if (plan.endIndex === plan.startIndex || last === undefined || !mayBeStray(overview, index, plan.to)) {
    return;
  }
  const head = await needHead(context.store, last, { signal: context.stop });
  if (await isStray(context, overview, index, head)) {
    const { first, end } = head.header;
    throw damaged(last.key, `nothing links to its end, ${showOffset(end)}, so that it may be a stray`, {
      code: 'RIG_CHAIN_GAP',
      details: {
        offset: first,
        expected: first,
        found: Math.max(end, catalog.batches[index + 1]?.first ?? end),
      },
    });
  }
}
