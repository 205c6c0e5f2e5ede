import type { Hash } from 'node:crypto';
import { assert } from '../kernel/assert.ts';
import { startSha256 } from '../kernel/digest.ts';
import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { MIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { nextChain } from './batch-header.ts';
import { readHead } from './batch-object.ts';
import type { CutPoint } from './cut-at.ts';
import { vanished } from './damage.ts';
import { batchKey, LOG_PREFIX, meaningOf } from './layout.ts';
import type { LocalJournal } from './local-journal.ts';
import { ArchiveMoved } from './lookout.ts';
import type { SnapshotSource, SourcePiece } from './seal-snapshot.ts';

const PIECE_BYTES = MIB;

/** What a journal snapshot is made of. */
export interface JournalSpan {
  /** How many pieces of the base come first, and where its content ends; both 0 without a base. */
  readonly basePieces: number;
  readonly baseBytes: Offset;
  /** From where on the batches are there to compare with: a cut not beyond `baseBytes`, or the first batch there is. */
  readonly start: CutPoint;
  /** Where the snapshot is made. */
  readonly end: CutPoint;
}

/**
 * The journal up to a cut, as the content of a snapshot. Its bytes are read from this machine, and are the archive's:
 * the cuts are known from the listing, so that the chain at the end can be computed from them and compared.
 */
export function journalSource(
  store: Store,
  journal: LocalJournal,
  span: JournalSpan,
  options: CallOptions = {},
): SnapshotSource {
  assert(span.start.offset <= span.end.offset, 'a start that is not beyond the end');
  return {
    content: 'file',
    atMostBytes: span.end.offset,
    open: () => readPieces(store, journal, span, options),
  };
}

async function* readPieces(
  store: Store,
  journal: LocalJournal,
  { basePieces, baseBytes, start, end }: JournalSpan,
  options: CallOptions,
): AsyncGenerator<SourcePiece, void, undefined> {
  if (basePieces > 0) {
    yield { fromBase: basePieces };
  }
  const chain = new LocalChain(start, cutsAfter(store, start.offset, end.offset, options));
  let offset = Math.min(baseBytes, start.offset);
  for await (const chunk of journal.read(offset, end.offset)) {
    options.signal?.throwIfAborted();
    const own = chunk.subarray(Math.max(0, baseBytes - offset));
    await chain.take(chunk, offset);
    offset += chunk.length; // now: who takes the pieces may give the memory back
    yield* piecesOf(own);
  }
  if (chain.value !== end.chain) {
    await mustBeThere(store, start, end, options);
    await mustBeLast(store, chain.lastCut, end, options);
    throw new RigError(
      'RIG_DIVERGED',
      `${journal.path} and the archive differ below ${showOffset(end.offset)}`,
      {
        hint: 'run "rigctl verify --against" with this journal to see where, and restore it from the archive',
        details: { start: start.offset, end: end.offset },
      },
    );
  }
}

/** A prune removes the lowest first, and may have taken cuts before they were listed: then nothing can be compared. */
async function mustBeThere(
  store: Store,
  start: CutPoint,
  end: CutPoint,
  options: CallOptions,
): Promise<void> {
  const key = batchKey(start.offset);
  if (start.offset < end.offset && (await store.head(key, options)) === undefined) {
    throw vanished(key);
  }
}

/** Some stores list what was put only after a while: then cuts were missing. */
async function mustBeLast(store: Store, lastCut: Offset, end: CutPoint, options: CallOptions): Promise<void> {
  const last = await readHead(store, batchKey(lastCut), options);
  if (last !== undefined && last.header.end < end.offset) {
    throw new ArchiveMoved(`${batchKey(last.header.end)} is not listed yet`);
  }
}

function* piecesOf(bytes: Uint8Array): Generator<SourcePiece, void, undefined> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    yield { bytes: bytes.subarray(at, at + PIECE_BYTES) };
  }
}

/** The cuts in `(start, end]`, in order. */
async function* cutsAfter(
  store: Store,
  start: Offset,
  end: Offset,
  options: CallOptions,
): AsyncGenerator<Offset, void, undefined> {
  for await (const { key } of store.list(LOG_PREFIX, { ...options, after: batchKey(start) })) {
    const meaning = meaningOf(key);
    if (meaning.kind === 'batch') {
      if (meaning.first >= end) {
        break;
      }
      yield meaning.first;
    }
  }
  yield end;
}

/** The chain as the journal's bytes and the archive's cuts make it. */
class LocalChain {
  readonly #cuts: AsyncIterator<Offset>;
  #position: CutPoint;
  #next: Offset | undefined;
  #lastCut: Offset;
  #hash: Hash = startSha256();

  constructor(start: CutPoint, cuts: AsyncIterable<Offset>) {
    this.#position = start;
    this.#lastCut = start.offset;
    this.#cuts = cuts[Symbol.asyncIterator]();
  }

  get value(): string {
    return this.#position.chain;
  }

  /** Before the one where it stands. */
  get lastCut(): Offset {
    return this.#lastCut;
  }

  /** The journal's next bytes, which begin at `offset`; those before the start do not count. */
  async take(bytes: Uint8Array, offset: Offset): Promise<void> {
    let at = Math.max(offset, this.#position.offset);
    const end = offset + bytes.length;
    while (at < end) {
      this.#next ??= (await this.#cuts.next()).value ?? end;
      const until = Math.min(end, this.#next ?? end);
      this.#hash.update(bytes.subarray(at - offset, until - offset));
      at = until;
      if (until === this.#next) {
        this.#passCut(until);
      }
    }
  }

  #passCut(cut: Offset): void {
    const { offset, chain } = this.#position;
    this.#lastCut = offset;
    this.#position = { offset: cut, chain: nextChain(chain, offset, cut, this.#hash.digest('hex')) };
    this.#hash = startSha256();
    this.#next = undefined;
  }
}
