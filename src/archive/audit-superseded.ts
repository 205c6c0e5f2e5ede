import type { Sha256 } from '../kernel/digest.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import type { BatchAudit } from './audit-batch.ts';
import type { BatchHead } from './batch-object.ts';
import { type ChainPosition, chainAfter, follow } from './chain.ts';
import { damaged } from './damage.ts';
import type { SnapshotOf } from './snapshot-header.ts';

/** Where a restore can begin: the journal's beginning, or a snapshot that can be restored. */
export interface LogStart {
  /** For messages. */
  readonly name: string;
  readonly of: SnapshotOf;
  readonly at: Offset;
  readonly cut: Offset;
  /** The chain at `cut`. */
  readonly chain: Sha256;
  readonly epoch: number;
}

export interface LogFinding {
  readonly error: RigError;
  /** Where the error does not name one. */
  readonly object: string | null;
  /** It costs nothing that was kept; undefined: it does. */
  readonly warning?: 'stray-batch' | 'superseded-damage';
}

/** A batch that the next one or a snapshot has yet to vouch for. */
interface Pending {
  readonly audit: BatchAudit;
  /** Undefined when it cannot be read, or is another archive's. */
  readonly head: BatchHead | undefined;
  readonly damage: readonly RigError[];
  /** Would a restore read it? */
  readonly isNeeded: boolean;
  /** What begins at another chain than this batch has there. */
  readonly contradicting: LogStart[];
  isLinked: boolean;
}

/**
 * Follows the chain below the newest usable snapshot's cut, where a prune may have left holes, and a writer that slept
 * through it a batch that was removed before. So there a batch counts only when the next one or a snapshot links to it.
 */
export class SupersededAudit {
  readonly #archive: string;
  readonly #starts: readonly LogStart[];
  readonly #imagedEnd: Offset;
  readonly #found: (finding: LogFinding) => void;
  readonly #ends = new Map<LogStart, Offset>();
  #nextStart = 0;
  #position: ChainPosition | undefined;
  #pending: Pending | undefined;
  /** Where a restore can begin that leads here. */
  #open: LogStart[] = [];
  /** As far as the batches count. */
  #counted: Offset = 0;
  /** Would a restore lead here, if nothing were damaged? */
  #isPromised = false;

  /** `starts` rise by their cuts. What an image of the journal gives, up to `imagedEnd`, needs no batches. */
  constructor(
    archive: string,
    starts: readonly LogStart[],
    imagedEnd: Offset,
    found: (finding: LogFinding) => void,
  ) {
    this.#archive = archive;
    this.#starts = starts;
    this.#imagedEnd = imagedEnd;
    this.#found = found;
  }

  /** The next batch. One that is gone since it was listed is none. */
  take(audit: BatchAudit): void {
    if (audit.gone) {
      return;
    }
    const { first } = audit.listed;
    const foreign = audit.head === undefined ? undefined : this.#judgeArchive(audit.head);
    const head = foreign === undefined ? audit.head : undefined;
    const damage = foreign === undefined ? audit.damage : [...audit.damage, foreign];
    this.#passStarts(first);
    const here = this.#startsAt(first);
    const isLinked = this.#link(head, first);
    for (const start of here) {
      this.#judge(start);
    }
    this.#settle(first, head !== undefined);
    if (!isLinked) {
      this.#close();
      this.#isPromised &&= this.#mayGoOn(head, first);
    }
    const fitting = here.filter(({ chain }) => head === undefined || chain === head.header.prev);
    this.#open.push(...fitting);
    this.#isPromised ||= fitting.length > 0;
    this.#counted = first;
    const contradicting = isLinked ? [] : here.filter((start) => !fitting.includes(start));
    this.#pending = { audit, head, damage, isNeeded: this.#isPromised, contradicting, isLinked: false };
    this.#position = head === undefined ? undefined : chainAfter(head);
    if (damage.length > 0) {
      this.#close();
    }
  }

  /** After the last batch below `cut`. Returns where the chain stands there, and what leads to it. */
  end(cut: Offset): { readonly position: ChainPosition | undefined; readonly open: readonly LogStart[] } {
    this.#passStarts(cut);
    const here = this.#startsAt(cut);
    const newest = here.at(-1);
    const agreeing = here.filter(({ chain }) => chain === newest?.chain);
    for (const start of here) {
      if (agreeing.includes(start)) {
        this.#judge(start);
      } else {
        this.#report(contradiction(start, newest?.name ?? ''));
      }
    }
    const isReached = this.#pending?.isLinked === true && this.#counted === cut;
    const position = isReached ? this.#position : undefined;
    this.#settle(cut, true);
    const open = [...(isReached ? this.#open : []), ...agreeing];
    this.#close();
    return { position, open };
  }

  /** How far the batches lead on from a start; for one that leads to the cut: at least so far. */
  endOf(start: LogStart): Offset {
    return this.#ends.get(start) ?? start.cut;
  }

  /** Starts before `offset`: between two batches, behind the last one, or inside it. */
  #passStarts(offset: Offset): void {
    for (const start of this.#startsWhile(({ cut }) => cut < offset)) {
      this.#judge(start);
    }
  }

  #startsAt(offset: Offset): readonly LogStart[] {
    return this.#startsWhile(({ cut }) => cut === offset);
  }

  #startsWhile(condition: (start: LogStart) => boolean): readonly LogStart[] {
    const from = this.#nextStart;
    for (let next = this.#starts[from]; next !== undefined && condition(next); ) {
      this.#nextStart += 1;
      next = this.#starts[this.#nextStart];
    }
    return this.#starts.slice(from, this.#nextStart);
  }

  /** A snapshot vouches for the batch that ends at its cut, or one of the two is wrong. */
  #judge(start: LogStart): void {
    const pending = this.#pending;
    const position = this.#position;
    if (pending === undefined || position === undefined || start.cut > position.offset) {
      return;
    }
    if (start.cut < position.offset || start.chain !== position.chain) {
      pending.contradicting.push(start);
      return;
    }
    pending.isLinked = true;
    this.#counted = start.cut;
    if (start.epoch < position.epoch) {
      this.#report(
        damaged(
          start.name,
          `its writer, epoch ${start.epoch}, had been overtaken by epoch ${position.epoch}`,
          {
            details: { offset: start.at },
          },
        ),
      );
    }
  }

  /** Does this batch go on from the one before? Then that one counts. */
  #link(head: BatchHead | undefined, first: Offset): boolean {
    const position = this.#position;
    if (head === undefined || position === undefined || this.#pending === undefined) {
      return false;
    }
    try {
      follow(position, head);
    } catch (error) {
      if (!isRigError(error)) {
        throw error;
      }
      return false;
    }
    this.#pending.isLinked = true;
    this.#counted = first;
    return true;
  }

  /** A batch that does not link to the one before: is that only because one of them cannot be read? */
  #mayGoOn(head: BatchHead | undefined, first: Offset): boolean {
    return this.#position === undefined || (head === undefined && this.#position.offset === first);
  }

  /** What begins at `next` was the last that could vouch for the pending one, if it can be read. */
  #settle(next: Offset, isReadable: boolean): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) {
      return;
    }
    const { audit, head, contradicting } = pending;
    const end = head?.header.end ?? 0;
    const isDisplaced = contradicting.length > 0 || next < end || (next === end && isReadable);
    if (head !== undefined && !pending.isLinked && isDisplaced) {
      this.#found({
        object: audit.listed.key,
        error: damaged(
          audit.listed.key,
          'nothing that follows links to it, so it is left over and not used',
          {
            details: { offset: audit.listed.first },
          },
        ),
        warning: 'stray-batch',
      });
      return;
    }
    for (const error of pending.damage) {
      this.#judgeDamage(pending, error);
    }
    for (const start of contradicting) {
      this.#report(contradiction(start, audit.listed.key));
    }
  }

  /** Damage that costs nothing is worth a warning: a restore does not need the batch. */
  #judgeDamage({ audit, isNeeded }: Pending, error: RigError): void {
    const { key, first } = audit.listed;
    const costsNothing = error.kind === 'data' && (!isNeeded || first < this.#imagedEnd);
    this.#found({ object: key, error, ...(costsNothing ? { warning: 'superseded-damage' } : {}) });
  }

  #judgeArchive({ key, header }: BatchHead): RigError | undefined {
    return header.archive === this.#archive
      ? undefined
      : damaged(key, `it belongs to another archive, ${header.archive}`, {
          details: { offset: header.first },
        });
  }

  #close(): void {
    for (const start of this.#open) {
      this.#ends.set(start, this.#counted);
    }
    this.#open = [];
  }

  #report(error: RigError): void {
    this.#found({ object: null, error });
  }
}

function contradiction({ name, at, cut }: LogStart, other: string): RigError {
  return damaged(name, `its chain at offset ${showOffset(cut)} is not that of ${other}`, {
    details: { offset: at },
  });
}
