import { isRigError, type RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { BatchAudit } from './audit-batch.ts';
import type { BatchHead } from './batch-object.ts';
import { type ChainPosition, chainAfter, follow } from './chain.ts';
import type { Claim } from './claim.ts';
import { damaged, missing } from './damage.ts';
import { writerKey } from './layout.ts';

/**
 * Follows the chain from a position on over all batches, in order, and goes on after damage: a batch after a hole is
 * taken at its word, and the next one judged by it.
 */
export class ChainAudit {
  readonly #archive: string;
  readonly #claim: Claim | undefined;
  readonly #found: (damage: RigError) => void;
  readonly #doubtedUpTo: Offset;
  /** Where the last batch starts. */
  #last: Offset;
  /** Undefined after a batch of which it is not known where it ends. */
  #position: ChainPosition | undefined;
  #intact: Offset;
  #whole = true;
  #reached: Offset;

  /**
   * `found` gets what is damaged about the chain; damage of a batch itself is the caller's to report. A batch up to
   * `doubtedUpTo` that no other links to may be a stray, and does not count.
   */
  constructor(
    start: ChainPosition,
    claim: Claim | undefined,
    doubtedUpTo: Offset,
    found: (damage: RigError) => void,
  ) {
    this.#archive = start.archive;
    // What was promised below the start is not judged by it.
    this.#claim = claim !== undefined && claim.durable >= start.offset ? claim : undefined;
    this.#found = found;
    this.#position = start;
    this.#doubtedUpTo = doubtedUpTo;
    this.#last = start.offset;
    this.#intact = start.offset;
    this.#reached = start.offset;
    this.#checkClaim(start.offset, start.chain);
  }

  /** The end of what is undamaged from the start on: what can be restored. */
  get intact(): Offset {
    return this.#intact;
  }

  /** The end of the last batch, or its start when it cannot be read. */
  get reached(): Offset {
    return this.#reached;
  }

  /** Can anybody tell where the last batch ends? */
  get endIsKnown(): boolean {
    return this.#position !== undefined;
  }

  /** The next batch. */
  take({ listed, head, damage }: BatchAudit): void {
    this.#whole &&= damage.length === 0;
    // A restore to where two batches overlap would read both.
    this.#intact = Math.min(this.#intact, listed.first);
    this.#reached = listed.first;
    if (head === undefined) {
      this.#doubtLast();
      this.#position = undefined;
      return;
    }
    this.#link(head);
    this.#reached = head.header.end;
    this.#checkClaimWithin(head);
    if (this.#whole) {
      this.#intact = head.header.end;
    }
    this.#last = head.header.first;
  }

  #doubtLast(): void {
    if (this.#position !== undefined && this.#position.offset <= this.#doubtedUpTo) {
      this.#intact = Math.min(this.#intact, this.#last);
    }
  }

  /** After the last batch: is it the last there was? */
  end(): void {
    const promised = this.#claim?.durable ?? 0;
    if (this.#reached < promised && this.#position !== undefined) {
      this.#report(missing(this.#reached, promised));
    }
  }

  #link(head: BatchHead): void {
    try {
      this.#position = follow(this.#position ?? positionBefore(head, this.#archive), head);
    } catch (error) {
      if (!isRigError(error)) {
        throw error;
      }
      this.#report(error);
      this.#doubtLast();
      this.#position = head.header.archive === this.#archive ? chainAfter(head) : undefined;
    }
  }

  #checkClaimWithin({ key, header }: BatchHead): void {
    const promised = this.#claim?.durable ?? 0;
    if (header.first < promised && promised < header.end) {
      const writer = writerKey(this.#claim?.epoch ?? 0);
      this.#report(
        damaged(key, `it reaches over offset ${showOffset(promised)}, where ${writer} saw a batch end`, {
          details: { offset: header.first },
        }),
      );
    }
    this.#checkClaim(header.end, header.chain, key);
  }

  #checkClaim(offset: Offset, chain: string, key?: string): void {
    const claim = this.#claim;
    if (claim?.durable === offset && claim.chain !== chain) {
      const writer = writerKey(claim.epoch);
      this.#report(
        damaged(
          key ?? writer,
          `the chain at offset ${showOffset(offset)} is not the one that ${writer} saw`,
          {
            details: { offset },
          },
        ),
      );
    }
  }

  #report(damage: RigError): void {
    this.#whole = false;
    this.#found(damage);
  }
}

/** Where a batch would have to be linked to: it is taken at its word. */
function positionBefore({ header }: BatchHead, archive: string): ChainPosition {
  return { archive, offset: header.first, chain: header.prev, epoch: header.epoch };
}
