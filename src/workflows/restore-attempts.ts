import { missing, needDamage } from '../archive/damage.ts';
import { meaningOf, snapshotKey } from '../archive/layout.ts';
import {
  type JournalPlan,
  listedHole,
  lossAt,
  planAfterState,
  planFromBeginning,
  type Range,
  type RestorePlan,
} from '../archive/plan-restore.ts';
import { type Knowledge, notCovered, recoverableIn, refused } from '../archive/restore-refusal.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import { isOffset, type Offset, showOffset } from '../kernel/offset.ts';
import type { Context } from './context.ts';
import type { Overview } from './overview.ts';
import { plansFor, type RestoredThing } from './restore-plans.ts';

/** Tries the ways to a recovery point until one leads there, and remembers what was found damaged on them. */
export class Attempts {
  readonly #context: Context;
  readonly #overview: Overview;
  readonly #what: RestoredThing;
  /** Where batches turned out to be damaged or missing. */
  readonly #badOffsets: Offset[] = [];
  readonly #failures: RigError[] = [];
  readonly #told = new Set<RigError>();

  constructor(context: Context, overview: Overview, what: RestoredThing) {
    this.#context = context;
    this.#overview = overview;
    this.#what = what;
  }

  /**
   * What `work` makes of the first plan that is not damaged; each damaged one is told of when another is tried.
   * @param mayTryAgain false once something went out that cannot be taken back.
   * @throws RigError of the damage, when there is no other plan; RIG_OFFSET_NOT_COVERED when there was never one.
   */
  async firstOf<Result>(
    offset: Offset,
    work: (plan: RestorePlan) => Promise<Result>,
    mayTryAgain: () => boolean,
  ): Promise<Result> {
    for await (const plan of plansFor(this.#overview, this.#what, offset)) {
      if (await this.#isRuledOut(plan)) {
        continue;
      }
      this.#tellOfDamage();
      try {
        return await work(plan);
      } catch (error) {
        const damage = needDamage(error);
        if (!mayTryAgain() || !this.#remember(plan, damage)) {
          throw damage;
        }
      }
    }
    throw this.#worstFailure() ?? (await this.#whyNone(offset));
  }

  /** The error as the user gets it: damage with what can be restored instead; anything else as it is. */
  async explain(error: unknown): Promise<unknown> {
    if (!isRigError(error) || error.kind !== 'data' || error.details['recoverable'] !== undefined) {
      return error;
    }
    const meaning = meaningOfObject(error);
    if (meaning?.kind !== 'batch' && meaning?.kind !== 'snapshot') {
      return error;
    }
    if (meaning.kind === 'batch') {
      this.#badOffsets.push(meaning.first);
    }
    const { offset: from, found: to } = error.details;
    const isGap = error.code === 'RIG_CHAIN_GAP' && isOffset(from) && isOffset(to);
    return isGap && to <= ((await this.#overview.shelf.newest())?.cut ?? 0)
      ? this.notCovered(`offsets ${showOffset(from)} to ${showOffset(to)} are not archived any more`)
      : refused(error, await this.#named());
  }

  /** Where the asked thing can be restored, as far as anybody can tell by now. */
  async recoverable(): Promise<readonly Range[]> {
    return recoverableIn(this.#overview, await this.#knowledge(), this.#what);
  }

  /** Nothing there has this offset or time. */
  async notCovered(message: string, hint?: string): Promise<RigError> {
    return notCovered(message, await this.#named(), hint ?? (await this.#hint()));
  }

  /** What a refusal names: where there is no journal any more, a state may still help. */
  async #named(): Promise<readonly Range[]> {
    const what = this.#what === 'state' ? 'state' : undefined;
    return recoverableIn(this.#overview, await this.#knowledge(), what);
  }

  async #hint(): Promise<string> {
    const { descriptor, end } = this.#overview;
    const [first, ...others] = await this.recoverable();
    if (first === undefined) {
      return descriptor.format === 'none'
        ? 'push a snapshot first, or check --archive'
        : 'leave --state out to restore the journal, or push a snapshot of the state first';
    }
    return first.to === 0 && others.length === 0 && end > 0
      ? 'add --state to get the newest state and the journal after it'
      : 'ask for a point within these offsets, or for the latest';
  }

  async #knowledge(): Promise<Knowledge> {
    return { snapshots: await this.#overview.shelf.all(), badOffsets: this.#badOffsets };
  }

  /** Does it need something that is known to be damaged? */
  async #isRuledOut({ state, journal }: RestorePlan): Promise<boolean> {
    const { shelf } = this.#overview;
    for (const snapshot of [state, journal?.base]) {
      const isSuspect = snapshot !== undefined && shelf.damage.size > 0;
      if (isSuspect && (await shelf.dependencies(snapshot)).some(({ present }) => !present)) {
        return true;
      }
    }
    return journal !== undefined && this.#badOffsets.some((offset) => reads(journal, offset));
  }

  /** False: nobody can tell what to do without. */
  #remember({ state, journal }: RestorePlan, damage: RigError): boolean {
    const meaning = meaningOfObject(damage);
    this.#failures.push(damage);
    if (meaning?.kind === 'snapshot') {
      this.#overview.shelf.condemn(meaning.at, damage);
      return true;
    }
    if (meaning?.kind !== 'batch') {
      return false;
    }
    const base = journal?.base ?? state;
    // The first batch links to something else than the base says: one of them is wrong, and another base will tell.
    const isLink = meaning.first === journal?.start.offset && typeof damage.details['expected'] === 'string';
    if (isLink && base !== undefined) {
      this.#overview.shelf.condemn(base.at, damage);
    } else {
      this.#badOffsets.push(meaning.first);
    }
    return true;
  }

  #tellOfDamage(): void {
    for (const [at, damage] of this.#overview.shelf.damage) {
      this.#tell('base-damaged', damage, snapshotKey(at));
    }
    for (const damage of this.#failures) {
      this.#tell('batch-damaged', damage, `${damage.details['object']}`);
    }
  }

  #tell(code: string, damage: RigError, object: string): void {
    if (this.#told.has(damage)) {
      return;
    }
    this.#told.add(damage);
    this.#context.report({
      type: 'warning',
      code,
      message: `${damage.message}; restoring without ${object}`,
      hint: 'run "rigctl verify", and push a new snapshot',
      details: { ...damage.details, object, code: damage.code },
    });
  }

  /** Bad bytes say more than missing ones, which a prune may have removed. */
  #worstFailure(): RigError | undefined {
    const failures = [...this.#failures, ...this.#overview.shelf.damage.values()];
    return failures.find(({ code }) => code !== 'RIG_CHAIN_GAP') ?? failures[0];
  }

  async #whyNone(offset: Offset): Promise<RigError> {
    const overview = this.#overview;
    if (offset > overview.end) {
      const loss = lossAt(overview, offset);
      return loss ?? this.notCovered(`offset ${showOffset(offset)} is beyond the archive's end`);
    }
    const journal = await this.#plainPlan(offset);
    const hole = journal === undefined ? undefined : listedHole(overview, journal);
    return hole === undefined
      ? this.notCovered(`there is no snapshot of the state at or below offset ${showOffset(offset)}`)
      : missing(hole.from, hole.to);
  }

  /** What would be read if it were there. */
  async #plainPlan(offset: Offset): Promise<JournalPlan | undefined> {
    if (this.#what === 'journal') {
      return planFromBeginning(this.#overview, offset);
    }
    for await (const header of this.#overview.shelf.downFrom(offset)) {
      if (header.of === 'state') {
        return planAfterState(this.#overview, header, offset);
      }
    }
    return undefined;
  }
}

function reads({ start, to, startIndex, endIndex }: JournalPlan, offset: Offset): boolean {
  return endIndex > startIndex && offset >= start.offset && offset < to;
}

function meaningOfObject({ details }: RigError): ReturnType<typeof meaningOf> | undefined {
  return typeof details['object'] === 'string' ? meaningOf(details['object']) : undefined;
}
