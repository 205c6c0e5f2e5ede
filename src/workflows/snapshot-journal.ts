import { isLinked } from '../archive/base.ts';
import { firstChain } from '../archive/batch-header.ts';
import { type BatchHead, readHead } from '../archive/batch-object.ts';
import type { CutPoint } from '../archive/cut-at.ts';
import { vanished } from '../archive/damage.ts';
import type { Descriptor } from '../archive/descriptor.ts';
import { journalSource } from '../archive/journal-source.ts';
import { batchKey, LOG_PREFIX, meaningOf, snapshotKey } from '../archive/layout.ts';
import { ArchiveMoved } from '../archive/lookout.ts';
import type { UsableBase } from '../archive/snapshot-base.ts';
import type { Journal } from '../journal/tail.ts';
import { isRigError, RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Store } from '../store/contract.ts';
import type { MadeSnapshot, SnapshotMaker } from './make-snapshot.ts';

/**
 * Makes a snapshot of the journal itself at `end`, the end of the chain, so that many small batches become one object:
 * every offset below it can be restored from it and what it builds on. Undefined: the journal is empty.
 * @throws RigError RIG_INCOMPLETE when a snapshot of something else is there at this offset; RIG_DIVERGED when the
 *   journal's bytes are not the archive's; and as {@link SnapshotMaker.make}
 * @throws ArchiveMoved when a prune took what it was to be compared with: start again
 */
export async function snapshotJournal(
  store: Store,
  maker: SnapshotMaker,
  descriptor: Descriptor,
  journal: Journal,
  end: CutPoint,
  signal: AbortSignal,
): Promise<MadeSnapshot | undefined> {
  const { offset: at } = end;
  if (at === 0) {
    return undefined;
  }
  const source = async (base: UsableBase | undefined) => {
    const start = base === undefined ? await firstCut(store, descriptor, end, signal) : cutOf(base);
    const span = { basePieces: base?.pieceCount ?? 0, baseBytes: base?.bytes ?? 0, start, end };
    return journalSource(store, journal, span, { signal });
  };
  const made = await startingAgain(() => maker.make({ at, of: 'journal', content: 'file', source }, signal));
  if (made.how === 'different') {
    throw takenByAnother(at);
  }
  return made;
}

/** What is gone since it was listed, by a prune and not by a successor, is not there when all is listed again. */
async function startingAgain<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw isRigError(error, 'RIG_OBJECT_NOT_FOUND') ? new ArchiveMoved(error.message) : error;
  }
}

function cutOf({ header: { cut, chain } }: UsableBase): CutPoint {
  return { offset: cut, chain };
}

/**
 * Where the first batch begins that the next one links to: before it there is nothing to compare with, and a stray is
 * nothing.
 */
async function firstCut(
  store: Store,
  descriptor: Descriptor,
  end: CutPoint,
  signal: AbortSignal,
): Promise<CutPoint> {
  let before: BatchHead | undefined;
  for await (const { key } of store.list(LOG_PREFIX, { signal })) {
    const head = meaningOf(key).kind === 'batch' ? await readHead(store, key, { signal }) : undefined;
    if (before !== undefined && head !== undefined && isLinked(before, head)) {
      break;
    }
    before = head ?? before;
  }
  // Some stores list what was put only after a while.
  before ??= await readHead(store, batchKey(0), { signal });
  if (before === undefined) {
    return end;
  }
  const { first, prev } = before.header;
  if (first > end.offset) {
    throw vanished(batchKey(end.offset)); // others went on from there, and pruned
  }
  return first === 0 ? { offset: 0, chain: firstChain(descriptor.id) } : { offset: first, chain: prev };
}

function takenByAnother(at: Offset): RigError {
  return new RigError(
    'RIG_INCOMPLETE',
    `there is a snapshot of the state at offset ${showOffset(at)}, the end of the journal: it takes the name`,
    {
      hint: 'the journal is pushed; make the snapshot of it when it has grown',
      details: { at, object: snapshotKey(at) },
    },
  );
}
