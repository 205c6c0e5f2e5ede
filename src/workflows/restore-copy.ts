import { damaged } from '../archive/damage.ts';
import { snapshotKey } from '../archive/layout.ts';
import type { RestorePlan } from '../archive/plan-restore.ts';
import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import { resolveChain, type SnapshotChain } from '../archive/snapshot-object.ts';
import { readContent } from '../archive/snapshot-reader.ts';
import { oneAhead } from '../kernel/concurrency.ts';
import type { Context } from './context.ts';
import { formatOf } from './format.ts';
import type { Overview } from './overview.ts';
import { checkJournal, readJournal } from './restore-journal.ts';
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
 * Writes what a plan gives, in order, each part checked before it is written.
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
  const write = async (sink: Sink | undefined, part: Uint8Array) => {
    signal.throwIfAborted();
    await sink?.write(part);
    bytes += part.length;
    report({ type: 'progress', phase: 'restoring', doneBytes: bytes, totalBytes });
  };
  if (chain !== undefined) {
    for await (const part of readContent(store, chain, { signal })) {
      await write(sinks.state, part);
    }
  }
  if (plan.journal === undefined) {
    return { bytes, records: 0 };
  }
  const counter = formatOf(overview.descriptor).createDecoder(plan.journal.from);
  let records = 0;
  // The next part is checked while one is written.
  for await (const part of oneAhead(readJournal(context, overview, plan.journal))) {
    if (part.records === undefined) {
      counter.push(part.bytes);
    }
    records += part.records ?? 0;
    await write(sinks.journal, part.bytes);
    if (sinks.journal?.givesBack === true) {
      part.discard();
    }
  }
  return { bytes, records: records + counter.records };
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
