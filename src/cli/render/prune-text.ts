import type { Verdict } from '../../archive/plan-retention.ts';
import { showOffset } from '../../kernel/offset.ts';
import { showSize } from '../../kernel/size.ts';
import type { PruneCounts, PruneResult } from '../../workflows/prune.ts';
import { counted } from './text.ts';

/** More than these nobody reads one by one. */
const LINES_LIMIT = 40;

/**
 * What goes, for people: each object while they are few, then each reason once. Its size does not grow with the
 * archive.
 */
export class VerdictSummary {
  readonly #first: Verdict[] = [];
  readonly #byReason = new Map<string, ReasonSummary>();
  #removed = 0;

  add(verdict: Verdict): void {
    if (verdict.keep) {
      return;
    }
    this.#removed += 1;
    if (this.#first.length < LINES_LIMIT) {
      this.#first.push(verdict);
    }
    const { kind, key, reason, storedBytes } = verdict;
    const id = `${kind} ${reason}`;
    const summary = this.#byReason.get(id) ?? { kind, reason, from: key, to: key, count: 0, storedBytes: 0 };
    this.#byReason.set(id, {
      ...summary,
      to: key,
      count: summary.count + 1,
      storedBytes: summary.storedBytes + storedBytes,
    });
  }

  lines(): string[] {
    return this.#removed <= LINES_LIMIT
      ? this.#first.map(verdictLine)
      : [...this.#byReason.values()].map(reasonLine);
  }
}

interface ReasonSummary {
  readonly kind: Verdict['kind'];
  readonly reason: string;
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly storedBytes: number;
}

function reasonLine({ kind, reason, from, to, count, storedBytes }: ReasonSummary): string {
  const what = `${countedKind(kind, count)}, ${from} to ${to}, ${showSize(storedBytes)}`;
  return `remove  ${what}: each because ${reason}`;
}

export function verdictLine({ keep, key, storedBytes, reason }: Verdict): string {
  return `${keep ? 'keep  ' : 'remove'}  ${key}  ${showSize(storedBytes).padStart(9)}  ${reason}`;
}

export function pruneLines(result: PruneResult): string[] {
  const { action, dryRun, removed, kept, ranges, points } = result;
  const verbs = { delete: ['would remove', 'removed'], mark: ['would mark', 'marked'] } as const;
  const nothing = removed.batches + removed.snapshots + removed.writers === 0;
  const done = nothing ? 'nothing to remove' : `${verbs[action][dryRun ? 0 : 1]} ${countsText(removed)}`;
  return [
    `${done}; ${countsText(kept)} ${dryRun ? 'would stay' : 'stay'}`,
    ...ranges.map(
      ({ of, from, because }) => `kept: the ${of} at every offset from ${showOffset(from)} on: ${because}`,
    ),
    ...points.map(({ of, at, because }) => `kept: the ${of} at ${showOffset(at)}: ${because}`),
    ...(ranges.length === 0 ? ['kept: everything, because there is no snapshot that could replace it'] : []),
    ...(dryRun && !nothing
      ? [`nothing was changed: add --yes to ${action === 'mark' ? 'mark' : 'remove'} it`]
      : []),
  ];
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
