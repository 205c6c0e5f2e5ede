import { damaged } from '../archive/damage.ts';
import { snapshotKey } from '../archive/layout.ts';
import type { JournalPlan, RestorePlan } from '../archive/plan-restore.ts';
import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import { resolveChain, type SnapshotChain } from '../archive/snapshot-object.ts';
import { readContent } from '../archive/snapshot-reader.ts';
import { oneAhead } from '../kernel/concurrency.ts';
import type { Context } from './context.ts';
import { formatOf } from './format.ts';
import type { Overview } from './overview.ts';
import { checkJournal, readJournal } from './restore-journal.ts';
import { type Unpack, withUnpacking } from './restore-unpacking.ts';
import type { Sink } from './target.ts';

/** What was written, or would be. */
export interface Copied {
  readonly bytes: number;
  /** Of the journal; 0 where none was read. */
  readonly records: number;
}

/** Where the parts of a plan go; undefined for a part that it does not have. */
export interface Sinks {
  readonly state: Sink | undefined;
  readonly journal: Sink | undefined;
}

/**
 * Writes what a plan gives; all of it is checked once this has resolved.
 * @throws RigError RIG_CHAIN_GAP, RIG_CHECKSUM_MISMATCH or RIG_VERSION_UNKNOWN with the object in its details;
 *   RIG_OBJECT_NOT_FOUND when one is gone since it was listed.
 */
export async function copySources(
  context: Context,
  overview: Overview,
  plan: RestorePlan,
  sinks: Sinks,
): Promise<Copied> {
  const { report, store, stop: signal } = context;
  const chain = await chainOf(context, plan.state);
  const totalBytes = bytesOf(plan, chain);
  let bytes = 0;
  const tell = (lengthBytes: number) => {
    bytes += lengthBytes;
    report({ type: 'progress', phase: 'restoring', doneBytes: bytes, totalBytes });
  };
  if (chain !== undefined) {
    for await (const part of readContent(store, chain, { signal })) {
      signal.throwIfAborted();
      await sinks.state?.write(part);
      tell(part.length);
    }
  }
  const { journal } = plan;
  if (journal === undefined) {
    return { bytes, records: 0 };
  }
  const records = await withUnpacking(context, overview, journal, sinks.journal?.file, (unpack) =>
    copyJournal(context, overview, journal, sinks.journal, unpack, tell),
  );
  return { bytes, records };
}

/** Writes the journal's part of a plan; calls `tell` with the length of each piece. Gives its records. */
async function copyJournal(
  context: Context,
  overview: Overview,
  plan: JournalPlan,
  sink: Sink | undefined,
  unpack: Unpack | undefined,
  tell: (lengthBytes: number) => void,
): Promise<number> {
  const counter = formatOf(overview.descriptor).createDecoder(plan.from);
  let records = 0;
  // The next part is checked while one is written.
  for await (const part of oneAhead(readJournal(context, overview, plan, unpack))) {
    context.stop.throwIfAborted();
    records += part.records ?? 0;
    if (part.bytes === undefined) {
      sink?.file?.skip(part.offset - plan.from, part.lengthBytes);
    } else {
      if (part.records === undefined) {
        counter.push(part.bytes);
      }
      await sink?.write(part.bytes);
      if (sink?.givesBack === true) {
        part.discard();
      }
    }
    tell(part.lengthBytes);
  }
  return records + counter.records;
}

/** What a dry run checks: that everything a plan needs is there and fits together. Reads no payload. */
export async function checkSources(context: Context, overview: Overview, plan: RestorePlan): Promise<Copied> {
  const chain = await chainOf(context, plan.state);
  if (plan.journal !== undefined) {
    await checkJournal(context, overview, plan.journal);
  }
  return { bytes: bytesOf(plan, chain), records: 0 };
}

function bytesOf({ journal }: RestorePlan, chain: SnapshotChain | undefined): number {
  return (chain?.[0]?.footer.bytes ?? 0) + (journal === undefined ? 0 : journal.to - journal.from);
}

async function chainOf(
  { store, stop: signal }: Context,
  state: SnapshotHeader | undefined,
): Promise<SnapshotChain | undefined> {
  if (state === undefined) {
    return undefined;
  }
  const chain = await resolveChain(store, state.at, state.archive, { signal });
  if (chain[0]?.header.content !== state.content) {
    throw damaged(snapshotKey(state.at), 'it was replaced while it was read');
  }
  return chain;
}
