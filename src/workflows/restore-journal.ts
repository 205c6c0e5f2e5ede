import type { BatchHead } from '../archive/batch-object.ts';
import type { ListedBatch } from '../archive/catalog.ts';
import { type ChainPosition, chainAfter } from '../archive/chain.ts';
import { damaged, missing } from '../archive/damage.ts';
import { snapshotKey } from '../archive/layout.ts';
import { batchesOf, countBelow, type JournalPlan, type Range } from '../archive/plan-restore.ts';
import { needHead, readBatches, readHeads } from '../archive/reader.ts';
import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import { resolveChain } from '../archive/snapshot-object.ts';
import { readContent } from '../archive/snapshot-reader.ts';
import { unpackBatches } from '../archive/unpacker.ts';
import { release } from '../kernel/memory.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import type { Overview } from './overview.ts';
import type { Unpack } from './restore-unpacking.ts';
import { isStray, mayBeStray } from './strays.ts';

/** A piece of the journal. */
export interface JournalPart {
  readonly offset: Offset;
  readonly lengthBytes: number;
  /** Undefined: they are where they belong already. */
  readonly bytes: Uint8Array | undefined;
  /** How many records end in it; undefined: nobody knows before they are counted. */
  readonly records: number | undefined;
  /** Gives its memory back, to be called when it was written. */
  discard(): void;
}

/**
 * The parts of a planned stretch of the journal, in order, each checked before it comes.
 * @param unpack puts what it can where it belongs, before it is checked to its end; undefined: all bytes come.
 * @throws RigError RIG_CHAIN_GAP, RIG_CHECKSUM_MISMATCH or RIG_VERSION_UNKNOWN with the object in its details;
 *   RIG_OBJECT_NOT_FOUND when one is gone since it was listed.
 */
export async function* readJournal(
  context: Context,
  overview: Overview,
  plan: JournalPlan,
  unpack: Unpack | undefined,
): AsyncGenerator<JournalPart, void, undefined> {
  await checkLastCounts(context, overview, plan);
  let offset = plan.from;
  if (plan.base !== undefined) {
    for await (const bytes of readImage(context, plan.base, plan.from, plan.to)) {
      yield { offset, lengthBytes: bytes.length, bytes, records: undefined, discard() {} };
      offset += bytes.length;
    }
  }
  const from = Math.max(plan.from, plan.base?.at ?? 0);
  let reached = from;
  let position = plan.start;
  const needed = { from, to: plan.to };
  for (const stretch of stretchesOf(overview, plan, from, unpack)) {
    for await (const read of readStretch(context, stretch, position, needed)) {
      context.stop.throwIfAborted();
      reached = read.reached;
      position = chainAfter(read.head);
      yield* read.parts;
    }
  }
  checkReached(overview, plan, reached);
}

/** What one step of reading batches gave. */
interface Read {
  readonly head: BatchHead;
  /** Read so far. */
  readonly reached: Offset;
  readonly parts: readonly JournalPart[];
}

function readStretch(
  context: Context,
  { batches, unpack }: Stretch,
  start: ChainPosition,
  needed: Range,
): AsyncGenerator<Read, void, undefined> {
  return unpack === undefined
    ? readChunks(context, batches, start, needed)
    : unpackWhole(context, batches, start, needed, unpack);
}

async function* readChunks(
  { store, stop: signal }: Context,
  batches: readonly ListedBatch[],
  start: ChainPosition,
  { from, to }: Range,
): AsyncGenerator<Read, void, undefined> {
  for await (const { offset, bytes, head } of readBatches(store, batches, start, { signal })) {
    const reached = offset + bytes.length;
    const needed = bytes.subarray(Math.max(0, from - offset), Math.max(0, to - offset));
    const part = {
      offset: Math.max(from, offset),
      lengthBytes: needed.length,
      bytes: needed,
      records: recordsIn(head, reached, from, to),
      discard: () => release(bytes),
    };
    yield { head, reached, parts: needed.length > 0 ? [part] : [] };
  }
}

async function* unpackWhole(
  { store, stop: signal }: Context,
  batches: readonly ListedBatch[],
  start: ChainPosition,
  { from, to }: Range,
  unpack: Unpack,
): AsyncGenerator<Read, void, undefined> {
  for await (const head of unpackBatches(store, batches, start, unpack, { signal })) {
    const { first, end, bytes: lengthBytes, records } = head.header;
    if (first < from || end > to) {
      throw damaged(head.key, 'it was replaced while it was read');
    }
    const part = { offset: first, lengthBytes, bytes: undefined, records, discard() {} };
    yield { head, reached: end, parts: [part] };
  }
}

/** Some batches, and what puts them where they belong; undefined: their bytes are wanted. */
interface Stretch {
  readonly batches: readonly ListedBatch[];
  readonly unpack: Unpack | undefined;
}

/**
 * A plan's batches, in order. The first ones may begin before what is needed, and the last one may end behind it:
 * only where that is the archive's last one, which was read, it is known before. Those between are needed whole.
 */
function stretchesOf(
  overview: Overview,
  plan: JournalPlan,
  from: Offset,
  unpack: Unpack | undefined,
): readonly Stretch[] {
  const batches = batchesOf(overview, plan);
  const isToEnd = plan.endIndex === overview.catalog.batches.length && plan.to === overview.batchesEnd;
  const end = isToEnd ? batches.length : Math.max(0, batches.length - 1);
  const start = countBelow(batches, from);
  if (unpack === undefined || start >= end) {
    return [{ batches, unpack: undefined }];
  }
  return [
    { batches: batches.slice(0, start), unpack: undefined },
    { batches: batches.slice(start, end), unpack },
    { batches: batches.slice(end), unpack: undefined },
  ];
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
