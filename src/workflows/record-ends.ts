import { openFrame } from '../archive/batch-object.ts';
import { missing, needDamage } from '../archive/damage.ts';
import { countBelow } from '../archive/plan-restore.ts';
import { fetchBatch } from '../archive/reader.ts';
import type { JournalFormat, RecordDecoder } from '../journal/contract.ts';
import { assert } from '../kernel/assert.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import type { Overview } from './overview.ts';
import { readImage } from './restore-journal.ts';
import { journalSnapshotsAbove } from './restore-plans.ts';

/** The record ends around an offset; both are the offset itself when it is one. */
export interface RecordEnds {
  readonly before: Offset;
  readonly after: Offset;
}

/**
 * Finds the record ends next to `offset`, which is not beyond the archive's end. Reads at most one batch, none when the
 * offset is a cut or the format cuts anywhere; where that is damaged or gone, an image of the journal from its
 * beginning.
 * @throws RigError RIG_CHAIN_GAP when nothing holds the offset, and as {@link fetchBatch} does.
 */
export async function findRecordEnds(
  context: Context,
  overview: Overview,
  format: JournalFormat,
  offset: Offset,
): Promise<RecordEnds> {
  const { batches } = overview.catalog;
  const isCut = batches[countBelow(batches, offset)]?.first === offset || offset === overview.batchesEnd;
  if (format.cutsAnywhere || isCut || offset === 0) {
    return { before: offset, after: offset };
  }
  try {
    return await findInBatch(context, overview, format, offset);
  } catch (error) {
    const damage = needDamage(error);
    return (await findInImages(context, overview, format, offset)) ?? Promise.reject(damage);
  }
}

async function findInBatch(
  { store, stop: signal }: Context,
  { catalog: { batches }, end }: Overview,
  format: JournalFormat,
  offset: Offset,
): Promise<RecordEnds> {
  const index = countBelow(batches, offset);
  const [listed, next] = [batches[index - 1], batches[index]];
  if (listed === undefined) {
    throw missing(0, next?.first ?? end);
  }
  const batch = await fetchBatch(store, listed, { signal });
  const { header } = batch.head;
  if (offset > header.end) {
    throw missing(header.end, next?.first ?? end);
  }
  const search = new RecordSearch(format, header.first, offset);
  for (let frame = 0; frame < header.frames.length && !search.isDone; frame += 1) {
    search.push(await openFrame(batch, frame));
  }
  return search.ends(header.end);
}

/** A snapshot of the journal ends with a record too. Undefined: there is none that reaches so far and can be read. */
async function findInImages(
  context: Context,
  overview: Overview,
  format: JournalFormat,
  offset: Offset,
): Promise<RecordEnds | undefined> {
  assert(offset > 0, 'an offset beyond the beginning');
  for (const image of await journalSnapshotsAbove(overview, offset - 1)) {
    const search = new RecordSearch(format, 0, offset);
    try {
      for await (const bytes of readImage(context, image, 0, image.at)) {
        search.push(bytes);
        if (search.isDone) {
          break;
        }
      }
      return search.ends(image.at);
    } catch (error) {
      needDamage(error); // another one may be whole
    }
  }
  return undefined;
}

/** Decodes from a record boundary to both sides of an offset. */
class RecordSearch {
  readonly #decoder: RecordDecoder;
  readonly #offset: Offset;
  #before: Offset;
  #after: Offset | undefined;

  constructor(format: JournalFormat, start: Offset, offset: Offset) {
    this.#offset = offset;
    this.#before = start;
    this.#decoder = format.createDecoder(start, ({ end }) => {
      if (end <= offset) {
        this.#before = end;
      } else {
        this.#after ??= end;
      }
    });
  }

  get isDone(): boolean {
    return this.#before === this.#offset || this.#after !== undefined;
  }

  push(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
  }

  /** `last`: where the last record ends. */
  ends(last: Offset): RecordEnds {
    const before = this.#before;
    return { before, after: before === this.#offset ? before : (this.#after ?? last) };
  }
}
