import type { Offset } from '../kernel/offset.ts';
import type { LogVerdict } from './audit-log.ts';
import type { ListedBatch } from './catalog.ts';
import { countBelow, listedGaps, type Range } from './plan-restore.ts';
import type { SnapshotHeader } from './snapshot-header.ts';

/** What a restore from `cut` on would miss, as far as names alone prove it. */
export function listedHoles(batches: readonly ListedBatch[], cut: Offset): readonly Range[] {
  const first = batches[countBelow(batches, cut)]?.first ?? cut;
  const later = [...listedGaps(batches)].filter(({ to }) => to > first);
  return first > cut ? [{ from: cut, to: first }, ...later] : later;
}

/** How far batches that end at `end` lead on from where a restore can begin. */
export function listedReaches(
  batches: readonly ListedBatch[],
  snapshots: readonly SnapshotHeader[],
  end: Offset,
): LogVerdict['reaches'] {
  const gaps = [...listedGaps(batches)];
  const starts = [{ of: 'journal', at: 0, cut: 0 } as const, ...snapshots];
  return starts.map(({ of, at, cut }) => ({ of, at, cut, end: leadsTo(batches, gaps, cut, end) }));
}

/** The end of the batches from `cut` on, or where the last one before a hole starts: it may be a short one. */
function leadsTo(batches: readonly ListedBatch[], gaps: readonly Range[], cut: Offset, end: Offset): Offset {
  if (batches[countBelow(batches, cut)]?.first !== cut) {
    return cut;
  }
  const gap = gaps.find(({ to }) => to > cut);
  return gap === undefined ? end : (batches[countBelow(batches, gap.to) - 1]?.first ?? cut);
}
