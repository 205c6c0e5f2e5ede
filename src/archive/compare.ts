import { startSha256 } from '../kernel/digest.ts';
import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { MIB } from '../kernel/size.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { baseIndex, linkedBelow } from './base.ts';
import { nextChain } from './batch-header.ts';
import { type BatchHead, openFrame, readHead, readStored, type StoredBatch } from './batch-object.ts';
import type { Catalog, ListedBatch } from './catalog.ts';
import { damaged } from './damage.ts';
import { hashLocal, type LocalJournal } from './local-journal.ts';
import { ArchiveMoved } from './lookout.ts';

/** How much of the archive's end is compared with the journal before anything is claimed. */
const COMPARED_BYTES = MIB;

/** Where the archive and the journal stand when they are found not to go on from each other. */
export interface Standing {
  /** Up to here they are known to have the same bytes. */
  readonly commonEnd: Offset;
  readonly durable: Offset;
  readonly localEnd: Offset;
}

/** The archive holds other bytes than the journal. */
export function diverged(path: string, standing: Standing): RigError {
  const { commonEnd } = standing;
  return new RigError(
    'RIG_DIVERGED',
    `${path} and the archive have different bytes from offset ${showOffset(commonEnd)} on; nothing was overwritten`,
    {
      hint:
        'if another process pushes its journal here, start only that one again; otherwise restore to the ' +
        "archive's end and go on from there, or push this journal to a new archive",
      details: { ...standing },
    },
  );
}

/** The archive holds more than the journal, and the same as far as the journal goes. */
export function localBehind(path: string, standing: Standing): RigError {
  return new RigError(
    'RIG_LOCAL_BEHIND',
    `${path} ends at offset ${showOffset(standing.localEnd)}, the archive at ${showOffset(standing.durable)}`,
    {
      hint: "restore to the archive's end and go on from there, or push this journal to a new archive",
      details: { ...standing },
    },
  );
}

/**
 * Checks that the journal goes on from the archive: the first batch and the last ones covering at least 1 MiB must be
 * the journal's bytes. Costs three small requests whatever the number of batches: the cuts are known from the
 * listing, so the chain from one header to the last can be computed from the journal alone. Below the newest snapshot's
 * cut a prune may have left holes: there batches are compared one at a time, as far as they are linked.
 *
 * @param last the head of the last batch of the catalog.
 * @throws RigError RIG_DIVERGED, RIG_LOCAL_BEHIND
 * @throws ArchiveMoved when a listed batch is gone: list again
 */
export async function compareWithJournal(
  store: Store,
  catalog: Catalog,
  last: BatchHead,
  journal: LocalJournal,
  options: CallOptions = {},
): Promise<void> {
  const base = baseIndex(catalog);
  const [below, healthy] = [catalog.batches.slice(0, base), catalog.batches.slice(base)];
  const localEnd = await journal.observe();
  const compare = (batches: readonly ListedBatch[], end: BatchHead) =>
    new Comparison(store, batches, end, journal, localEnd, options).run();
  await compare(healthy, last);
  const compareAlone = (head: BatchHead) =>
    compare([{ key: head.key, first: head.header.first, storedBytes: head.storedBytes }], head);
  for await (const head of linkedBelow(store, below.slice(0, 1), catalog.batches[1], options)) {
    await compareAlone(head);
  }
  const isEnough = (start: Offset) => last.header.end - start >= COMPARED_BYTES;
  if (isEnough(healthy[0]?.first ?? 0)) {
    return;
  }
  for await (const head of linkedBelow(store, below, healthy[0], options)) {
    await compareAlone(head);
    if (isEnough(head.header.first)) {
      return;
    }
  }
}

class Comparison {
  readonly #store: Store;
  readonly #batches: readonly ListedBatch[];
  readonly #last: BatchHead;
  readonly #journal: LocalJournal;
  readonly #localEnd: Offset;
  readonly #options: CallOptions;

  constructor(
    store: Store,
    batches: readonly ListedBatch[],
    last: BatchHead,
    journal: LocalJournal,
    localEnd: Offset,
    options: CallOptions,
  ) {
    this.#store = store;
    this.#batches = batches;
    this.#last = last;
    this.#journal = journal;
    this.#localEnd = localEnd;
    this.#options = options;
  }

  async run(): Promise<void> {
    const covered = this.#countCovered();
    const endsAlike = await this.#isSame(0, Math.min(1, covered));
    if (!(endsAlike && (await this.#isSame(this.#firstOfTheLast(covered), covered)))) {
      throw await this.#findDivergence(covered);
    }
    if (covered < this.#batches.length) {
      await this.#compareShortJournal(covered);
    }
  }

  /** How many batches, from the first, lie wholly within the journal. */
  #countCovered(): number {
    if (this.#last.header.end <= this.#localEnd) {
      return this.#batches.length;
    }
    const beyond = this.#batches.findIndex((_, index) => this.#endOf(index) > this.#localEnd);
    return beyond === -1 ? this.#batches.length : beyond;
  }

  #endOf(index: number): Offset {
    return this.#batches[index + 1]?.first ?? this.#last.header.end;
  }

  /** Where to start so that the batches up to `covered` have 1 MiB, or are all there are. */
  #firstOfTheLast(covered: number): number {
    const end = this.#endOf(covered - 1);
    let index = Math.max(0, covered - 1);
    while (index > 0 && end - this.#at(index).first < COMPARED_BYTES) {
      index -= 1;
    }
    return index;
  }

  /** Are the batches `[from, to)` the journal's bytes? */
  async #isSame(from: number, to: number): Promise<boolean> {
    if (from >= to) {
      return true;
    }
    const start = await this.#head(from);
    const end = to === from + 1 ? start : await this.#head(to - 1);
    let chain = start.header.prev;
    for (let index = from; index < to; index += 1) {
      const first = this.#at(index).first;
      const batchEnd = index === to - 1 ? end.header.end : this.#endOf(index);
      chain = nextChain(chain, first, batchEnd, await hashLocal(this.#journal, first, batchEnd));
    }
    return chain === end.header.chain;
  }

  /**
   * Halving finds the first batch up to which the chain is not the journal's: batches further on may be alike
   * by chance.
   * Its bytes tell where. An archive that lacks a batch hides it from halving, not from a look at the batches compared.
   */
  async #findDivergence(covered: number): Promise<RigError> {
    let [low, high] = [0, covered - 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (await this.#isSame(low, middle + 1)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    for (const index of [low, 0, ...range(this.#firstOfTheLast(covered), covered)]) {
      if (!(await this.#isSame(index, index + 1))) {
        return diverged(this.#journal.path, this.#standing(await this.#commonEndIn(index)));
      }
    }
    const { durable } = this.#standing(0);
    return new RigError(
      'RIG_CHAIN_GAP',
      `the last batches before offset ${showOffset(durable)} do not link up`,
      {
        hint: 'run "rigctl verify" to see which batch is missing, and push to a new archive',
        details: { ...this.#standing(0) },
      },
    );
  }

  /** The journal ends inside batch `index` or before it: is it the same as far as it goes? */
  async #compareShortJournal(index: number): Promise<void> {
    const commonEnd = await this.#commonEndIn(index);
    const standing = this.#standing(commonEnd);
    throw commonEnd < this.#localEnd
      ? diverged(this.#journal.path, standing)
      : localBehind(this.#journal.path, standing);
  }

  async #commonEndIn(index: number): Promise<Offset> {
    const { key } = this.#at(index);
    const batch = await readStored(this.#store, key, this.#options);
    if (batch === undefined) {
      throw new ArchiveMoved(`${key} was listed and is gone`); // a prune may have been there
    }
    return findCommonEnd(batch, this.#journal, this.#localEnd);
  }

  async #head(index: number): Promise<BatchHead> {
    if (index === this.#batches.length - 1) {
      return this.#last;
    }
    const { key } = this.#at(index);
    const head = await readHead(this.#store, key, this.#options);
    if (head === undefined) {
      throw new ArchiveMoved(`${key} was listed and is gone`); // a prune may have been there
    }
    return head;
  }

  #at(index: number): ListedBatch {
    const batch = this.#batches[index];
    if (batch === undefined) {
      throw new RigError('RIG_ASSERTION', `there is no batch ${index}`);
    }
    return batch;
  }

  #standing(commonEnd: Offset): Standing {
    return { commonEnd, durable: this.#last.header.end, localEnd: this.#localEnd };
  }
}

function* range(from: number, to: number): Iterable<number> {
  for (let index = from; index < to; index += 1) {
    yield index;
  }
}

/**
 * The end of the bytes that a stored batch and the journal have in common, counted from the batch's start, at most
 * `localEnd`.
 */
export async function findCommonEnd(
  batch: StoredBatch,
  journal: LocalJournal,
  localEnd: Offset,
): Promise<Offset> {
  let offset = batch.head.header.first;
  for (const [index, [frameBytes]] of batch.head.header.frames.entries()) {
    const localBytes = Math.min(frameBytes, localEnd - offset);
    if (localBytes <= 0) {
      return Math.min(offset, localEnd);
    }
    let archived = await openFrame(batch, index);
    for await (const chunk of journal.read(offset, offset + localBytes)) {
      const difference = firstDifference(archived, chunk);
      if (difference < chunk.length) {
        return offset + difference;
      }
      offset += chunk.length;
      archived = archived.subarray(chunk.length);
    }
    if (localBytes < frameBytes) {
      return offset;
    }
  }
  return offset;
}

/** Index of the first byte of `local` that `archived` does not have there; its length when there is none. */
function firstDifference(archived: Uint8Array, local: Uint8Array): number {
  let index = 0;
  while (index < local.length && archived[index] === local[index]) {
    index += 1;
  }
  return index;
}

/**
 * Checks that a stored batch's payload is what its header says.
 * @throws RigError RIG_CHECKSUM_MISMATCH
 */
export async function checkPayload(batch: StoredBatch): Promise<void> {
  const hash = startSha256();
  for (const index of batch.frames.keys()) {
    hash.update(await openFrame(batch, index));
  }
  if (hash.digest('hex') !== batch.head.header.sha256) {
    throw damaged(batch.head.key, 'its payload does not match its SHA-256');
  }
}
