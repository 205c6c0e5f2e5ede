import type { Offset } from '../kernel/offset.ts';
import type { LogVerdict } from './audit-log.ts';
import type { Catalog, ListedBatch } from './catalog.ts';
import { countBelow, listedGaps, type Range } from './plan-restore.ts';
import { listedReach } from './restore-refusal.ts';
import type { SnapshotHeader } from './snapshot-header.ts';

/** What a restore from `cut` on would miss, as far as names alone prove it. */
export function listedHoles(batches: readonly ListedBatch[], cut: Offset): readonly Range[] {
  const first = batches[countBelow(batches, cut)]?.first ?? cut;
  const later = [...listedGaps(batches)].filter(({ to }) => to > first);
  return first > cut ? [{ from: cut, to: first }, ...later] : later;
}

/** How far batches that end at `batchesEnd` lead on from where a restore can begin. */
export function listedReaches(
  catalog: Catalog,
  snapshots: readonly SnapshotHeader[],
  batchesEnd: Offset,
): LogVerdict['reaches'] {
  const extent = { catalog, gaps: [...listedGaps(catalog.batches)], batchesEnd };
  const starts = [{ of: 'journal', at: 0, cut: 0 } as const, ...snapshots];
  return starts.map(({ of, at, cut }) => ({ of, at, cut, end: listedReach(extent, cut) }));
}
