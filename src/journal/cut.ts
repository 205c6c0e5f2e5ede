import { assert } from '../kernel/assert.ts';
import { isRigError, RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import { showOffset } from '../kernel/offset.ts';
import { MIB, showSize } from '../kernel/size.ts';
import type { JournalFormat, RecordDecoder } from './contract.ts';

const RECORD_LIMIT_BYTES = 64 * MIB;

const SCRATCH_BYTES = MIB;

/** The part of a journal that is needed to find a cut. */
export interface CutSource {
  /** Fills `buffer` with the bytes from `start` on. */
  readInto(buffer: Uint8Array, start: Offset): Promise<void>;
}

export interface CutOptions {
  /** A batch is no longer than this, unless its first record alone is. At most `limitBytes`. */
  readonly targetBytes: number;
  /** A record may not be longer. Default 64 MiB. */
  readonly limitBytes?: number;
}

export interface Cut {
  /** Where the batch ends; `start` when no whole record lies before the end seen. */
  readonly end: Offset;
  /** Whole records in the batch. */
  readonly records: number;
  /** When there is no whole record: how much of an unfinished one is there. Otherwise 0: ask again from `end`. */
  readonly tornBytes: number;
}

/**
 * Where the batch that begins at the record boundary `start` ends: at the last record end within `targetBytes`, else
 * at the first one after it. Looks at nothing from `seenEnd` on. Changes nothing; may be asked again.
 * @throws RigError RIG_RECORD_MALFORMED when no record ends within `limitBytes`, or when the format cannot read the
 * record at `start`. One further on is not met yet: the cut comes before it.
 */
export async function findCut(
  source: CutSource,
  format: JournalFormat,
  start: Offset,
  seenEnd: Offset,
  { targetBytes, limitBytes = RECORD_LIMIT_BYTES }: CutOptions,
): Promise<Cut> {
  assert(targetBytes >= 1 && targetBytes <= limitBytes, 'a target from 1 byte to the limit of a record');
  assert(start <= seenEnd, 'a start no later than the end seen');
  const targetEnd = Math.min(start + targetBytes, seenEnd);
  if (format.cutsAnywhere) {
    return { end: targetEnd, records: targetEnd - start, tornBytes: 0 };
  }
  const counting = format.createDecoder(start);
  await decode(source, counting, start, targetEnd);
  if (counting.records > 0) {
    return { end: counting.end, records: counting.records, tornBytes: 0 };
  }
  const limitEnd = Math.min(start + limitBytes, seenEnd);
  const firstEnd = targetEnd < limitEnd ? await findFirstEnd(source, format, start, limitEnd) : undefined;
  if (firstEnd !== undefined) {
    return { end: firstEnd, records: 1, tornBytes: 0 };
  }
  if (limitEnd - start < limitBytes) {
    return { end: start, records: 0, tornBytes: seenEnd - start };
  }
  throw tooLong(format, start, limitBytes);
}

/** The end of a record that is longer than a batch should be. Tells of each record, and counting them is faster. */
async function findFirstEnd(
  source: CutSource,
  format: JournalFormat,
  start: Offset,
  limitEnd: Offset,
): Promise<Offset | undefined> {
  let firstEnd: Offset | undefined;
  const telling = format.createDecoder(start, ({ end }) => {
    firstEnd ??= end;
  });
  await decode(source, telling, start, limitEnd, () => firstEnd !== undefined);
  return firstEnd;
}

/** Decodes [start, end) until there is enough. What is malformed after a whole record is not met yet. */
async function decode(
  source: CutSource,
  decoder: RecordDecoder,
  start: Offset,
  end: Offset,
  isEnough = () => false,
): Promise<void> {
  const scratch = new Uint8Array(Math.min(SCRATCH_BYTES, end - start));
  for (let at = start; at < end && !isEnough(); at += scratch.length) {
    const chunk = scratch.subarray(0, Math.min(scratch.length, end - at));
    await source.readInto(chunk, at);
    if (!pushWellFormed(decoder, chunk)) {
      return;
    }
  }
}

/**
 * Decodes the next bytes. False: there is something malformed in them after a whole record, which is not met yet.
 * @throws RigError RIG_RECORD_MALFORMED when no whole record comes before it.
 */
export function pushWellFormed(decoder: RecordDecoder, bytes: Uint8Array): boolean {
  try {
    decoder.push(bytes);
    return true;
  } catch (error) {
    if (decoder.records === 0 || !isRigError(error, 'RIG_RECORD_MALFORMED')) {
      throw error;
    }
    return false;
  }
}

function tooLong(format: JournalFormat, start: Offset, limitBytes: number): RigError {
  return new RigError(
    'RIG_RECORD_MALFORMED',
    `no record of format ${format.name} ends within ${showSize(limitBytes)} after offset ${showOffset(start)}`,
    {
      hint: 'check that --format names what the journal holds; format bytes takes any file',
      details: { offset: start, limitBytes },
    },
  );
}
