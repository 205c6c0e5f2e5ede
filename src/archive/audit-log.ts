import type { Offset } from '../kernel/offset.ts';
import type { BatchAudit } from './audit-batch.ts';
import { ChainAudit } from './audit-chain.ts';
import { type LogFinding, type LogStart, SupersededAudit } from './audit-superseded.ts';
import { firstChain } from './batch-header.ts';
import type { Claim } from './claim.ts';
import { LOG_PREFIX, snapshotKey } from './layout.ts';
import type { Reach } from './recoverable.ts';
import type { SnapshotHeader } from './snapshot-header.ts';

/** What a log is judged by. */
export interface LogScope {
  /** The archive's id. */
  readonly archive: string;
  readonly claim: Claim | undefined;
  /** Those that can be restored, rising. */
  readonly snapshots: readonly SnapshotHeader[];
  /** The greatest cut of any snapshot, damaged ones among them: below it a prune may have been. */
  readonly prunedUpTo: Offset;
}

/**
 * Judges all batches, in order: from the newest snapshot's cut on they must be one chain without holes, and below they
 * are what is left of it.
 */
export class LogAudit {
  /** From here on everything is needed. */
  readonly cut: Offset;
  readonly #scope: LogScope;
  readonly #found: (finding: LogFinding) => void;
  readonly #starts: readonly LogStart[];
  readonly #superseded: SupersededAudit;
  #leading: readonly LogStart[] = [];
  #chain: ChainAudit | undefined;
  #newestEpoch = 0;

  constructor(scope: LogScope, found: (finding: LogFinding) => void) {
    this.#scope = scope;
    this.#found = found;
    this.#starts = [beginning(scope.archive), ...scope.snapshots.map(startAt)].sort(
      (one, other) => one.cut - other.cut || one.at - other.at,
    );
    this.cut = this.#starts.at(-1)?.cut ?? 0;
    const imagedEnd = this.#starts.findLast(({ of }) => of === 'journal')?.cut ?? 0;
    this.#superseded = new SupersededAudit(scope.archive, this.#starts, imagedEnd, found);
  }

  /** The next batch. */
  take(audit: BatchAudit): void {
    this.#newestEpoch = Math.max(this.#newestEpoch, audit.head?.header.epoch ?? 0);
    if (audit.listed.first < this.cut) {
      this.#superseded.take(audit);
      return;
    }
    for (const error of audit.damage) {
      this.#found({ error, object: audit.listed.key });
    }
    this.#needChain().take(audit);
  }

  /** After the last batch. */
  end(): LogVerdict {
    const chain = this.#needChain();
    chain.end();
    return {
      reached: chain.reached,
      endIsKnown: chain.endIsKnown,
      newestEpoch: this.#newestEpoch,
      reaches: this.#starts.map((start) => ({
        of: start.of,
        at: start.at,
        cut: start.cut,
        end: this.#leading.includes(start) ? chain.intact : this.#superseded.endOf(start),
      })),
    };
  }

  #needChain(): ChainAudit {
    if (this.#chain === undefined) {
      const { archive, claim, prunedUpTo } = this.#scope;
      const { position, open } = this.#superseded.end(this.cut);
      const chain = this.#starts.at(-1)?.chain ?? firstChain(archive);
      this.#leading = open;
      this.#chain = new ChainAudit(
        { archive, offset: this.cut, chain, epoch: position?.epoch ?? 1 },
        claim,
        prunedUpTo,
        (error) => this.#found({ error, object: null }),
      );
    }
    return this.#chain;
  }
}

export interface LogVerdict {
  /** The end of the last batch, or its start when it cannot be read; at least the newest snapshot's cut. */
  readonly reached: Offset;
  readonly endIsKnown: boolean;
  /** The greatest epoch of a batch; 0 when there is none. */
  readonly newestEpoch: number;
  /** What can be restored; `cut`: where the batches after it begin. */
  readonly reaches: readonly (Reach & { readonly cut: Offset })[];
}

function beginning(archive: string): LogStart {
  return { name: LOG_PREFIX, of: 'journal', at: 0, cut: 0, chain: firstChain(archive), epoch: 1 };
}

function startAt(header: SnapshotHeader): LogStart {
  const { of, at, cut, chain, epoch } = header;
  return { name: snapshotKey(at), of, at, cut, chain, epoch };
}
