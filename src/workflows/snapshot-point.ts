import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import { formatTime, parseTime } from '../kernel/clock.ts';
import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { Lookup, RecoveryPoint } from './recovery-lookup.ts';

/** The snapshot that a recovery point means in an archive without a journal. Errors as those of the other archives. */
export async function resolveSnapshotPoint(lookup: Lookup, point: RecoveryPoint): Promise<Offset> {
  switch (point.kind) {
    case 'latest':
      return resolveLatest(lookup);
    case 'offset':
      return resolveOffset(lookup, point.offset);
    case 'time':
      return resolveTime(lookup, point.atMs);
  }
}

async function resolveLatest({ overview: { shelf }, attempts }: Lookup): Promise<Offset> {
  const newest = await shelf.newest();
  if (newest === undefined) {
    const [damage] = shelf.damage.values();
    throw damage ?? (await attempts.notCovered('there is no snapshot'));
  }
  return newest.at;
}

async function resolveOffset({ overview, attempts, nearest }: Lookup, offset: Offset): Promise<Offset> {
  const { catalog, shelf } = overview;
  const before = (await shelf.newest(offset))?.at;
  const isListed = catalog.snapshots.some(({ at }) => at === offset);
  if (before === offset || (isListed && nearest === undefined)) {
    return offset; // if it is damaged, restoring it says how
  }
  const after = (await shelf.all()).find(({ at }) => at > offset)?.at;
  const chosen = nearest === 'before' ? before : nearest === 'after' ? after : undefined;
  if (chosen !== undefined) {
    return chosen;
  }
  if (before === undefined || after === undefined) {
    const side = before === undefined ? 'before the first' : 'beyond the last';
    throw await attempts.notCovered(`offset ${showOffset(offset)} is ${side} snapshot`);
  }
  throw new RigError(
    'RIG_OFFSET_NOT_BOUNDARY',
    `there is no snapshot at offset ${showOffset(offset)}: the one before it is at ${showOffset(before)}, ` +
      `the one after it at ${showOffset(after)}`,
    {
      hint: `restore --at ${before} or --at ${after}, or add --nearest before or --nearest after`,
      details: { offset, before, after },
    },
  );
}

async function resolveTime({ context, overview, attempts, nearest }: Lookup, atMs: number): Promise<Offset> {
  const { before, after } = storedAround(await overview.shelf.all(), atMs);
  if (before === undefined && after !== undefined && nearest === 'after') {
    return after.at;
  }
  if (before === undefined) {
    const first = after === undefined ? 'there is none' : `that is ${showSnapshot(after)}`;
    throw await attempts.notCovered(`${formatTime(atMs)} is before the first snapshot: ${first}`);
  }
  if (after === undefined) {
    context.report({
      type: 'warning',
      code: 'time-after-last',
      message: `${formatTime(atMs)} is after the last snapshot, ${showSnapshot(before)}: giving that`,
      hint: 'check that snapshots are still pushed if there should be a newer one',
      details: { lastOffset: before.at, lastTime: before.createdAt },
    });
    return before.at;
  }
  if (createdAtMs(before) === atMs || nearest === 'before') {
    return before.at;
  }
  if (nearest === 'after') {
    return after.at;
  }
  throw new RigError(
    'RIG_TIME_AMBIGUOUS',
    `there is no snapshot of ${formatTime(atMs)}: there is ${showSnapshot(before)}, then ${showSnapshot(after)}`,
    {
      hint: 'add --nearest before or --nearest after, or name one of the two offsets',
      details: {
        before: { offset: before.at, time: before.createdAt },
        after: { offset: after.at, time: after.createdAt },
      },
    },
  );
}

/** The last snapshot that was stored not after a moment, and the first one that was stored after it. */
export function storedAround(
  snapshots: readonly SnapshotHeader[],
  atMs: number,
): { before: SnapshotHeader | undefined; after: SnapshotHeader | undefined } {
  const before = snapshots.findLast((header) => createdAtMs(header) <= atMs);
  return { before, after: snapshots.find((header) => createdAtMs(header) > atMs) };
}

/** One without a readable time is as if it had always been there. */
export function createdAtMs({ createdAt }: SnapshotHeader): number {
  return parseTime(createdAt) ?? 0;
}

export function showSnapshot({ at, createdAt }: SnapshotHeader): string {
  return `offset ${showOffset(at)} stored at ${createdAt}`;
}
