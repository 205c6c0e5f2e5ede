import { formatTime } from '../kernel/clock.ts';
import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { BatchHeader, Observation } from './batch-header.ts';
import type { ListedBatch } from './catalog.ts';

/** Nobody was watching when two observations are farther apart than this. */
const WATCHED_MS = 60_000;

/** What was observed around a moment: the last observation not after it, and the first one after it. */
export interface Around {
  readonly before: Observation | undefined;
  readonly after: Observation | undefined;
}

/**
 * Finds what was observed around a moment by a binary search that reads about log2(n) headers, some of them twice.
 * A batch of which `readHeader` gives undefined does not count: it is a stray. Errors are those of `readHeader`.
 */
export async function observedAround(
  listed: readonly ListedBatch[],
  atMs: number,
  readHeader: (batch: ListedBatch) => Promise<Pick<BatchHeader, 'observed'> | undefined>,
): Promise<Around> {
  // Invariant: the batches below `low` begin not after the moment, those from `high` on begin after it.
  let batches = listed;
  let [low, high] = [0, batches.length];
  let before: Observation | undefined;
  let after: Observation | undefined;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const batch = batches[middle];
    const header = batch && (await readHeader(batch));
    if (header === undefined) {
      batches = batches.toSpliced(middle, 1);
      high -= 1;
      continue;
    }
    const { observed } = header;
    const first = observed[0];
    if (first !== undefined && first[1] > atMs) {
      high = middle;
      after = first;
    } else {
      low = middle + 1;
      before = observed.findLast(([, ms]) => ms <= atMs);
      const inside = observed.find(([, ms]) => ms > atMs);
      if (inside !== undefined) {
        return { before, after: inside };
      }
    }
  }
  return { before, after };
}

/** Which offset a moment means, and whether it lies after everything that was observed. */
export interface TimeAnswer {
  readonly observation: Observation;
  readonly afterLast: boolean;
}

/**
 * Decides on an offset: that of the last observation not after the moment. Undefined: the moment is before the first
 * observation.
 * @throws RigError RIG_TIME_AMBIGUOUS when the journal grew at an unknown moment in between, unless `nearest` chooses.
 */
export function judgeTime(
  { before, after }: Around,
  atMs: number,
  nearest: 'before' | 'after' | undefined,
): TimeAnswer | undefined {
  if (before === undefined) {
    return undefined;
  }
  if (after === undefined) {
    return { observation: before, afterLast: atMs > before[1] };
  }
  const watched = before[1] === atMs || after[0] === before[0] || after[1] - before[1] <= WATCHED_MS;
  if (watched || nearest === 'before') {
    return { observation: before, afterLast: false };
  }
  if (nearest === 'after') {
    return { observation: after, afterLast: false };
  }
  throw new RigError(
    'RIG_TIME_AMBIGUOUS',
    `nobody watched the journal at ${formatTime(atMs)}: it was at ${showObservation(before)}, ` +
      `then at ${showObservation(after)}`,
    {
      hint: 'add --nearest before or --nearest after, or name one of the two offsets',
      details: { before: toDetails(before), after: toDetails(after) },
    },
  );
}

/** When the journal was first seen to have reached `offset`, which lies in this batch. */
export function reachedAtMs(header: BatchHeader, offset: Offset): number | undefined {
  return header.observed.find(([seen]) => seen >= offset)?.[1];
}

export function showObservation([offset, atMs]: Observation): string {
  return `offset ${showOffset(offset)} at ${formatTime(atMs)}`;
}

function toDetails([offset, atMs]: Observation): { offset: number; time: string } {
  return { offset, time: formatTime(atMs) };
}
