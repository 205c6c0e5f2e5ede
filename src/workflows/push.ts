import { ArchiveMoved } from '../archive/lookout.ts';
import { type Journal, openJournal } from '../journal/tail.ts';
import { isRigError, RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import { LocalSnapshots } from './local-snapshots.ts';
import type { PushOptions } from './push-options.ts';
import { PushRun, type PushTotals } from './push-run.ts';

export type { PushOptions, SnapshotOptions } from './push-options.ts';

export interface PushResult {
  readonly durable: Offset;
  /** Put by this run. */
  readonly batches: number;
  /** Of the journal. */
  readonly bytes: number;
  /** Of batches and snapshots. */
  readonly storedBytes: number;
  /** Put by this run. */
  readonly snapshots: number;
  /** Left out, each with a warning that says why. */
  readonly skippedSnapshots: number;
  /** Length of the unfinished last record, which was not pushed. */
  readonly tornBytes: number;
}

/** Under a prune what is listed may be gone; more often than this it is something else. */
const MOVES_LIMIT = 10;
/** The longest wait before starting again after an overtaking; the one who overtook may need the time. */
const START_AGAIN_LIMIT_MS = 10_000;

/**
 * Uploads a journal and the snapshots of a directory: once up to the journal's present end, or following them until
 * `context.stop`. When stopped, it finishes what is in flight and returns what it did. May be repeated at any time:
 * what is stored already is recognised.
 *
 * @throws RigError RIG_LOCAL_IO, RIG_JOURNAL_TRUNCATED, RIG_CONFIG_INVALID, RIG_FENCED, RIG_DIVERGED, RIG_LOCAL_BEHIND,
 *   RIG_RECORD_MALFORMED, RIG_STORE_UNSUPPORTED and what the store throws; what was reported durable stays so
 */
export async function push(context: Context, options: PushOptions): Promise<PushResult> {
  checkFormat(options);
  const { fileSystem, clock } = context;
  const journal =
    options.journal === undefined ? undefined : await openJournal(options.journal, { fileSystem, clock });
  try {
    return await new Push(context, options, journal, (await journal?.observe()) ?? 0).run();
  } finally {
    await journal?.close();
  }
}

function checkFormat({ journal, format }: PushOptions): void {
  if (journal !== undefined && format === 'none') {
    throw new RigError('RIG_CONFIG_INVALID', `format none has no journal, and ${journal} is to be pushed`, {
      hint: 'leave the journal out, or choose another format',
    });
  }
}

class Push {
  readonly #context: Context;
  readonly #options: PushOptions;
  readonly #journal: Journal | undefined;
  readonly #local: LocalSnapshots | undefined;
  /** Where a one-shot push of the journal ends. */
  readonly #goal: Offset;
  readonly #totals: PushTotals = { durable: undefined, batches: 0, bytes: 0, storedBytes: 0, snapshots: 0 };

  constructor(context: Context, options: PushOptions, journal: Journal | undefined, goal: Offset) {
    this.#context = context;
    this.#options = options;
    this.#journal = journal;
    this.#local = options.snapshots && new LocalSnapshots(context, options.snapshots);
    this.#goal = goal;
  }

  async run(): Promise<PushResult> {
    const { stop } = this.#context;
    if (this.#journal === undefined) {
      await this.#local?.check(); // before anything is written
    }
    try {
      await this.#startAgainWhileOvertaken();
    } catch (error) {
      if (!stop.aborted || error !== stop.reason || this.#totals.durable === undefined) {
        throw error;
      }
    }
    const { batches, bytes, storedBytes, snapshots, durable = 0 } = this.#totals;
    const tornBytes = Math.max(0, this.#goal - durable);
    const torn = this.#options.follow || stop.aborted ? 0 : tornBytes;
    const skippedSnapshots = this.#local?.skipped ?? 0;
    return { durable, batches, bytes, storedBytes, snapshots, skippedSnapshots, tornBytes: torn };
  }

  /**
   * A one-shot push and a follower of the same journal must not end each other: the one that was overtaken by the
   * other kind starts again. A follower overtaken by a follower was replaced, and ends.
   */
  async #startAgainWhileOvertaken(): Promise<void> {
    const { clock, random, report, stop } = this.#context;
    for (let starts = 1; ; starts += 1) {
      try {
        await new PushRun(this.#context, this.#options, {
          journal: this.#journal,
          local: this.#local,
          goal: this.#goal,
          totals: this.#totals,
        }).asOneWriter();
        return;
      } catch (error) {
        if (!this.#mayStartAgain(error)) {
          throw error;
        }
        if (error instanceof ArchiveMoved && starts === MOVES_LIMIT) {
          throw keepsMoving(error);
        }
        report({
          type: 'note',
          code: 'starting-again',
          message: `${error instanceof Error ? error.message : String(error)}; starting again`,
        });
      }
      await clock.sleep(random.next() * Math.min(START_AGAIN_LIMIT_MS, 500 * 2 ** starts), stop);
    }
  }

  #mayStartAgain(error: unknown): boolean {
    if (error instanceof ArchiveMoved) {
      return true;
    }
    const ownMode = this.#options.follow ? 'follow' : 'once';
    return isRigError(error, 'RIG_FENCED') && (error.details['mode'] ?? ownMode) !== ownMode;
  }
}

function keepsMoving(cause: ArchiveMoved): RigError {
  return new RigError('RIG_STORE_UNAVAILABLE', `the archive keeps changing: ${cause.message}`, {
    hint: 'look whether something else deletes objects below the archive',
    cause,
  });
}
