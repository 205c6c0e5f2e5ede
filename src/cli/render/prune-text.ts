import type { KeptRange, Verdict } from '../../archive/plan-retention.ts';
import { type Offset, showOffset } from '../../kernel/offset.ts';
import { showSize } from '../../kernel/size.ts';
import type { PruneCounts, PruneResult } from '../../workflows/prune.ts';
import { counted } from './text.ts';

/** So many objects with one reason are one line. */
const GROUPED_FROM = 5;

/**
 * What goes, for people: each object while few have the same reason, then the reason once. Its size does not grow with
 * the archive.
 */
export class VerdictSummary {
  readonly #byReason = new Map<string, ReasonSummary>();

  add(verdict: Verdict): void {
    if (verdict.keep) {
      return;
    }
    const { kind, key, reason, storedBytes } = verdict;
    const id = `${kind} ${reason}`;
    const { few, from, ...summary } = this.#byReason.get(id) ?? {
      kind,
      reason,
      few: [],
      from: key,
      to: key,
      count: 0,
      storedBytes: 0,
    };
    this.#byReason.set(id, {
      ...summary,
      few: few.length < GROUPED_FROM ? [...few, verdict] : few,
      from,
      to: key,
      count: summary.count + 1,
      storedBytes: summary.storedBytes + storedBytes,
    });
  }

  lines(): string[] {
    return [...this.#byReason.values()].flatMap((summary) =>
      summary.count < GROUPED_FROM ? summary.few.map(verdictLine) : reasonLine(summary),
    );
  }
}

interface ReasonSummary {
  readonly kind: Verdict['kind'];
  readonly reason: string;
  /** The first ones. */
  readonly few: readonly Verdict[];
  /** The first key and the last: in the order in which they go. */
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly storedBytes: number;
}

function reasonLine({ kind, reason, from, to, count, storedBytes }: ReasonSummary): string {
  const keys = [from, to].sort().join(' to '); // snapshots go from the newest to the oldest
  const what = `${countedKind(kind, count)}, ${keys}, ${showSize(storedBytes)}`;
  return `remove  ${what}: each because ${reason}`;
}

export function verdictLine({ keep, key, storedBytes, reason }: Verdict): string {
  return `${keep ? 'keep  ' : 'remove'}  ${key}  ${showSize(storedBytes).padStart(9)}  ${reason}`;
}

export function pruneLines(result: PruneResult): string[] {
  const { action, dryRun, removed, kept, ranges, points, timesFrom } = result;
  const verbs = { delete: ['would remove', 'removed'], mark: ['would mark', 'marked'] } as const;
  const nothing = removed.batches + removed.snapshots + removed.writers === 0;
  const done = nothing ? 'nothing to remove' : `${verbs[action][dryRun ? 0 : 1]} ${countsText(removed)}`;
  return [
    `${done}; ${countsText(kept)} ${dryRun ? 'would stay' : 'stay'}`,
    ...ranges.map((range) => rangeLine(range, kept.batches > 0)),
    ...points.map(({ of, at, because }) => `kept: the ${of} at ${showOffset(at)}: ${because}`),
    ...(removed.batches > 0 && timesFrom !== null ? [timesLine(timesFrom, dryRun)] : []),
    ...(ranges.length === 0 ? ['kept: everything, because there is no snapshot that could replace it'] : []),
    ...(dryRun && !nothing
      ? [`nothing was changed: add --yes to ${action === 'mark' ? 'mark' : 'remove'} it`]
      : []),
  ];
}

/** Without batches there is nothing between one snapshot of the state and the next. */
function rangeLine({ of, from, because }: KeptRange, hasBatches: boolean): string {
  const each = hasBatches || of === 'journal' ? 'offset' : 'snapshot';
  return `kept: the ${of} at every ${each} from ${showOffset(from)} on: ${because}`;
}

function timesLine(timesFrom: Offset, dryRun: boolean): string {
  const when = dryRun ? 'would then be' : 'are';
  return `times ${when} known from ${showOffset(timesFrom)} on: a moment before can be asked for with --nearest only`;
}

function countsText({ batches, snapshots, writers, storedBytes }: PruneCounts): string {
  const parts = [
    countedKind('batch', batches),
    countedKind('snapshot', snapshots),
    countedKind('writer', writers),
  ];
  return `${parts.join(', ')} (${showSize(storedBytes)})`;
}

function countedKind(kind: Verdict['kind'], count: number): string {
  return counted(count, kind, kind === 'batch' ? 'batches' : `${kind}s`);
}
