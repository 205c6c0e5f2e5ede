import { openFrame } from '../archive/batch-object.ts';
import { missing } from '../archive/damage.ts';
import { countBelow, type Extent } from '../archive/plan-restore.ts';
import { fetchBatch } from '../archive/reader.ts';
import type { JournalFormat } from '../journal/contract.ts';
import type { Offset } from '../kernel/offset.ts';
import type { CallOptions, Store } from '../store/contract.ts';

/** The record ends around an offset; both are the offset itself when it is one. */
export interface RecordEnds {
  readonly before: Offset;
  readonly after: Offset;
}

/**
 * Finds the record ends next to `offset`, which is not beyond the archive's end. Reads at most one batch, none when the
 * offset is a cut or the format cuts anywhere.
 * @throws RigError RIG_CHAIN_GAP when no batch holds the offset, and as {@link fetchBatch} does.
 */
export async function findRecordEnds(
  store: Store,
  format: JournalFormat,
  { catalog, end }: Extent,
  offset: Offset,
  options: CallOptions,
): Promise<RecordEnds> {
  const index = countBelow(catalog.batches, offset);
  const [listed, next] = [catalog.batches[index - 1], catalog.batches[index]];
  if (format.cutsAnywhere || offset === end || offset === next?.first || offset === 0) {
    return { before: offset, after: offset };
  }
  if (listed === undefined) {
    throw missing(0, next?.first ?? end);
  }
  const batch = await fetchBatch(store, listed, options);
  const { header } = batch.head;
  if (offset > header.end) {
    throw missing(header.end, next?.first ?? end);
  }
  let before = header.first;
  let after: Offset | undefined;
  const decoder = format.createDecoder(header.first, (record) => {
    if (record.end <= offset) {
      before = record.end;
    } else {
      after ??= record.end;
    }
  });
  for (let frame = 0; frame < header.frames.length && before < offset && after === undefined; frame += 1) {
    decoder.push(await openFrame(batch, frame));
  }
  return { before, after: before === offset ? offset : (after ?? header.end) };
}
