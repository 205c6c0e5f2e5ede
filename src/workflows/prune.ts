import type { Descriptor } from '../archive/descriptor.ts';
import { publishLatest } from '../archive/latest.ts';
import { meaningOf, SNAPSHOT_PREFIX } from '../archive/layout.ts';
import {
  type KeptPoint,
  type KeptRange,
  type RetentionPlan,
  removalsOf,
  type Verdict,
  verdictsOf,
} from '../archive/plan-retention.ts';
import { checkPolicy, type RetentionPolicy } from '../archive/retention-policy.ts';
import { openForReading } from '../archive/survey.ts';
import { isRigError, RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Tagging } from '../store/contract.ts';
import type { Context } from './context.ts';
import { Marker } from './prune-marks.ts';
import { type PruneSurvey, surveyForPrune } from './prune-survey.ts';

export interface PruneOptions {
  /** What to keep beside what is always kept. */
  readonly policy: RetentionPolicy;
  /** Mark: give what can go to the lifecycle rules. They remove batches and snapshots; old writers stay. */
  readonly action: 'delete' | 'mark';
  /** Change nothing. */
  readonly dryRun: boolean;
  /** Gets what is removed (of a dry run: would be) when it is, and at the end everything that is kept. */
  readonly onVerdict?: (verdict: Verdict) => Promise<void>;
}

export interface PruneResult {
  readonly action: PruneOptions['action'];
  readonly dryRun: boolean;
  /** Deleted or marked by this run; of a dry run: that would be. Marked ones count although they were already. */
  readonly removed: PruneCounts;
  readonly kept: PruneCounts;
  /** What can be restored afterwards, where it could before. */
  readonly ranges: readonly KeptRange[];
  readonly points: readonly KeptPoint[];
  /** From now on the archive gives the state back and not the journal, whose beginning is not kept. */
  readonly losesBeginning: boolean;
  /** Where the first batch that stays begins: below it a time cannot be turned into an offset. */
  readonly timesFrom: Offset | null;
}

export interface PruneCounts {
  readonly batches: number;
  readonly snapshots: number;
  readonly writers: number;
  readonly storedBytes: number;
}

/** Under other prunes what was planned may change; more often than this it is something else. */
const PLANS_LIMIT = 10;
/** So many keys go in one request of S3; before each such group the plan is held against the archive again. */
const GROUP_KEYS = 1_000;

/**
 * Removes what no promised restore needs, or marks it for the lifecycle rules. It is no writer and claims nothing, so
 * that it stops nobody. When it is interrupted at any place everything promised can be restored, and the next run
 * goes on. May be repeated.
 * @throws RigError RIG_USAGE for a policy that cannot be meant; RIG_STORE_UNSUPPORTED when objects have no tags here;
 *   RIG_ARCHIVE_NOT_FOUND, RIG_DESCRIPTOR_LOST; RIG_VERSION_UNKNOWN when a later version wrote something
 */
export async function prune(context: Context, options: PruneOptions): Promise<PruneResult> {
  const { store, clock, stop: signal } = context;
  checkPolicy(options.policy, clock.wallMs());
  const tagging = options.action === 'mark' ? needTagging(context) : undefined;
  const descriptor = await openForReading(store, { signal });
  return new Pruning(context, options, descriptor, tagging).run();
}

function needTagging({ store }: Context): Tagging {
  const { tagging } = store.capabilities;
  if (tagging === undefined) {
    throw new RigError(
      'RIG_STORE_UNSUPPORTED',
      `objects in ${store.url} cannot be marked: they have no tags`,
      {
        hint: 'delete instead: run "rigctl prune" without --mark',
      },
    );
  }
  return tagging;
}

class Pruning {
  readonly #context: Context;
  readonly #options: PruneOptions;
  readonly #descriptor: Descriptor;
  readonly #marker: Marker | undefined;
  readonly #removed = noCounts();

  constructor(context: Context, options: PruneOptions, descriptor: Descriptor, tagging: Tagging | undefined) {
    this.#context = context;
    this.#options = options;
    this.#descriptor = descriptor;
    this.#marker = tagging && new Marker(context, tagging);
  }

  async run(): Promise<PruneResult> {
    for (let plans = 1; plans <= PLANS_LIMIT; plans += 1) {
      try {
        const survey = await surveyForPrune(this.#context, this.#descriptor, this.#options.policy);
        await this.#carryOut(survey);
        return await this.#resultOf(survey.plan);
      } catch (error) {
        if (!(error instanceof PlanOutdated) && !isRigError(error, 'RIG_OBJECT_NOT_FOUND')) {
          throw error;
        }
      }
    }
    throw new RigError(
      'RIG_STORE_UNAVAILABLE',
      'the archive keeps changing under the plan of what to remove',
      {
        hint: 'find out what else removes objects (another prune, a lifecycle rule), then run it again',
      },
    );
  }

  async #carryOut(survey: PruneSurvey): Promise<void> {
    const { plan, catalog } = survey;
    const { dryRun } = this.#options;
    if (plan.losesBeginning) {
      this.#warnOfBeginning();
    }
    if (!dryRun && catalog.snapshots.length > 0) {
      await this.#publishLatest();
      await this.#marker?.unmarkKept(plan);
    }
    const totalBytes = tallyOf(this.#removals(plan)).storedBytes;
    let doneBytes = 0;
    for (const group of inGroups(this.#removals(plan))) {
      this.#context.stop.throwIfAborted();
      if (!dryRun) {
        await this.#needSame(survey);
        await this.#remove(group);
      }
      for (const verdict of group) {
        addTo(this.#removed, verdict);
        doneBytes += verdict.storedBytes;
        await this.#options.onVerdict?.(verdict);
      }
      if (!dryRun) {
        this.#context.report({ type: 'progress', phase: 'pruning', doneBytes, totalBytes });
      }
    }
  }

  /** What goes, in order. Rules expire batches and snapshots; a writer's few bytes stay then. */
  *#removals(plan: RetentionPlan): Generator<Verdict, void, undefined> {
    for (const verdict of removalsOf(plan)) {
      if (this.#marker === undefined || verdict.kind !== 'writer') {
        yield verdict;
      }
    }
  }

  async #remove(group: readonly Verdict[]): Promise<void> {
    const keys = group.map(({ key }) => key);
    if (this.#marker === undefined) {
      await this.#context.store.delete(keys, { signal: this.#context.stop });
      return;
    }
    for (const kind of ['batch', 'snapshot'] as const) {
      await this.#marker.mark(group.flatMap((verdict) => (verdict.kind === kind ? verdict.key : [])));
    }
  }

  /** Nobody finds a snapshot by its name that is gone: first `LATEST` names the newest one, then others go. */
  async #publishLatest(): Promise<void> {
    const { store, stop: signal } = this.#context;
    let moved = true;
    while (moved) {
      // A snapshot may have come while it was written: then the writer's own word must not be the older one.
      moved = await publishLatest(store, { signal });
    }
  }

  /**
   * Is everything that promises rest on there, as it was? The rest of a plan holds whatever else has been added, but
   * for a snapshot in between: it may be an increment on one that is about to go.
   */
  async #needSame({ catalog, plan, neededBatches }: PruneSurvey): Promise<void> {
    const { store, stop: signal } = this.#context;
    const known = new Map(catalog.snapshots.map((snapshot) => [snapshot.key, snapshot]));
    const needed = new Set(plan.snapshots.flatMap(({ keep, key }) => (keep ? key : [])));
    const newest = catalog.snapshots.at(-1)?.key ?? '';
    for await (const { key, sizeBytes, modifiedAtMs } of store.list(SNAPSHOT_PREFIX, { signal })) {
      const before = known.get(key);
      const same = before?.storedBytes === sizeBytes && before.modifiedAtMs === modifiedAtMs;
      if (!same && key <= newest && meaningOf(key).kind === 'snapshot') {
        throw new PlanOutdated(`${key} is new`);
      }
      needed.delete(key);
    }
    const gone = [...needed][0] ?? (await this.#missingOf(neededBatches));
    if (gone !== undefined) {
      throw new PlanOutdated(`${gone} is gone`);
    }
  }

  async #missingOf(keys: readonly string[]): Promise<string | undefined> {
    const { store, stop: signal } = this.#context;
    for (const key of keys) {
      if ((await store.head(key, { signal })) === undefined) {
        return key;
      }
    }
    return undefined;
  }

  async #resultOf(plan: RetentionPlan): Promise<PruneResult> {
    const { action, dryRun, onVerdict } = this.#options;
    const kept = noCounts();
    for (const verdict of verdictsOf(plan)) {
      const spared = !verdict.keep && this.#marker !== undefined && verdict.kind === 'writer';
      if (verdict.keep || spared) {
        const reason = spared ? 'lifecycle rules do not reach writers' : verdict.reason;
        addTo(kept, verdict);
        await onVerdict?.({ ...verdict, keep: true, reason });
      }
    }
    const { ranges, points, losesBeginning, batches } = plan;
    const timesFrom = batches.find(({ keep }) => keep)?.objects[0]?.first ?? null;
    return { action, dryRun, removed: this.#removed, kept, ranges, points, losesBeginning, timesFrom };
  }

  #warnOfBeginning(): void {
    const when = this.#options.dryRun ? 'would then give' : 'then gives';
    this.#context.report({
      type: 'warning',
      code: 'loses-beginning',
      message:
        "no snapshot has the journal's beginning, which is not kept: " +
        `the archive ${when} the state back and not the journal`,
      hint: 'to keep the journal too, make a snapshot of it with "rigctl snapshot --now" before pruning',
    });
  }
}

/** The archive is not any more what the plan was made from. */
class PlanOutdated extends Error {
  override readonly name = 'PlanOutdated';
}

type Tally = { -readonly [Name in keyof PruneCounts]: number };

const COUNTED = { batch: 'batches', snapshot: 'snapshots', writer: 'writers' } as const;

function noCounts(): Tally {
  return { batches: 0, snapshots: 0, writers: 0, storedBytes: 0 };
}

function addTo(tally: Tally, { kind, storedBytes }: Verdict): void {
  tally[COUNTED[kind]] += 1;
  tally.storedBytes += storedBytes;
}

function tallyOf(verdicts: Iterable<Verdict>): Tally {
  const tally = noCounts();
  for (const verdict of verdicts) {
    addTo(tally, verdict);
  }
  return tally;
}

function* inGroups(verdicts: Iterable<Verdict>): Generator<readonly Verdict[], void, undefined> {
  let group: Verdict[] = [];
  for (const verdict of verdicts) {
    group.push(verdict);
    if (group.length === GROUP_KEYS) {
      yield group;
      group = [];
    }
  }
  if (group.length > 0) {
    yield group;
  }
}
