import { readHead } from '../archive/batch-object.ts';
import type { Catalog } from '../archive/catalog.ts';
import { damaged, needDamage, vanished } from '../archive/damage.ts';
import type { Descriptor } from '../archive/descriptor.ts';
import { DESCRIPTOR_KEY, snapshotKey } from '../archive/layout.ts';
import { countBelow } from '../archive/plan-restore.ts';
import { planRetention, type Reliance, type RetentionPlan } from '../archive/plan-retention.ts';
import { readCatalog } from '../archive/read-catalog.ts';
import type { RetentionPolicy } from '../archive/retention-policy.ts';
import type { SnapshotHeader } from '../archive/snapshot-header.ts';
import {
  checkArchive,
  checkBase,
  readSnapshotHead,
  readSnapshotHeader,
  type SnapshotHead,
} from '../archive/snapshot-object.ts';
import { mapInOrder } from '../kernel/concurrency.ts';
import { isRigError, type RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import type { Context } from './context.ts';

/** A plan, and what it was made from. */
export interface PruneSurvey {
  readonly catalog: Catalog;
  readonly plan: RetentionPlan;
  /** Batches that promises rest on: they follow the snapshots that the plan relies on. */
  readonly neededBatches: readonly string[];
}

/**
 * Looks at the archive and plans. What promises would rest on is looked at closely first, and the plan is made again
 * when it is not what it seemed.
 * @throws RigError RIG_USAGE for a policy that cannot be meant; RIG_VERSION_UNKNOWN when there is something that this
 *   version cannot judge; RIG_OBJECT_NOT_FOUND when a listed object is gone: to be repeated.
 */
export async function surveyForPrune(
  context: Context,
  descriptor: Descriptor,
  policy: RetentionPolicy,
): Promise<PruneSurvey> {
  const nowMs = await readClocks(context);
  const catalog = await readCatalog(context.store, { signal: context.stop });
  const look = new CloseLook(context, descriptor, catalog);
  const headers = await look.readHeaders();
  const [unusable, unlinked] = [new Set<Offset>(), new Set<Offset>()];
  for (;;) {
    const plan = planRetention({ catalog, headers, unusable, unlinked, policy, nowMs });
    const faults = await look.at(plan.reliesOn);
    if (faults.unusable.length + faults.unlinked.length === 0) {
      return { catalog, plan, neededBatches: look.neededBatches(plan.reliesOn) };
    }
    addAll(unusable, faults.unusable);
    addAll(unlinked, faults.unlinked);
  }
}

function addAll(known: Set<Offset>, more: readonly Offset[]): void {
  for (const at of more) {
    known.add(at);
  }
}

/** A clock of this machine that is ahead must not make things look old: the store's own counts where it tells. */
async function readClocks({ store, clock, stop: signal }: Context): Promise<number> {
  const info = await store.head(DESCRIPTOR_KEY, { signal });
  return Math.min(clock.wallMs(), info?.storeTimeMs ?? Number.POSITIVE_INFINITY);
}

interface Faults {
  readonly unusable: readonly Offset[];
  readonly unlinked: readonly Offset[];
}

/** Reads what names do not tell, each object once. */
class CloseLook {
  readonly #context: Context;
  readonly #descriptor: Descriptor;
  readonly #catalog: Catalog;
  readonly #headers = new Map<Offset, SnapshotHeader>();
  readonly #heads = new Map<Offset, Promise<SnapshotHead | undefined>>();
  readonly #restorable = new Map<Offset, boolean>();
  readonly #linked = new Map<Offset, boolean>();
  readonly #warned = new Set<string>();

  constructor(context: Context, descriptor: Descriptor, catalog: Catalog) {
    this.#context = context;
    this.#descriptor = descriptor;
    this.#catalog = catalog;
  }

  /** Of every listed snapshot, where they can be read: one get each. Says which cannot. */
  async readHeaders(): Promise<ReadonlyMap<Offset, SnapshotHeader>> {
    const { store, stop: signal } = this.#context;
    const read = mapInOrder(this.#catalog.snapshots, store.capabilities.parallelCalls, ({ key }) =>
      this.#judged(async () => {
        const header = (await readSnapshotHeader(store, key, { signal })) ?? gone(key);
        return header.archive === this.#descriptor.id ? header : foreign(key, header.archive);
      }),
    );
    for await (const header of read) {
      if (header !== undefined) {
        this.#headers.set(header.at, header);
      }
    }
    return this.#headers;
  }

  /** What of this is not as it seems and was not known to be. */
  async at(reliances: readonly Reliance[]): Promise<Faults> {
    const { parallelCalls } = this.#context.store.capabilities;
    const unknown = reliances.filter(
      ({ at, carries }) => !this.#restorable.has(at) || (carries && !this.#linked.has(at)),
    );
    const [unusable, unlinked]: [Offset[], Offset[]] = [[], []];
    const looks = mapInOrder(unknown, parallelCalls, async ({ at, carries }) => ({
      at,
      restorable: this.#restorable.get(at) ?? (await this.#isRestorable(at)),
      linked: !carries || (await this.#isLinked(at)),
    }));
    for await (const { at, restorable, linked } of looks) {
      this.#restorable.set(at, restorable);
      if (!restorable) {
        unusable.push(at);
      } else if (!linked) {
        unlinked.push(at);
      }
    }
    return { unusable, unlinked };
  }

  /** The batches at the cuts of the snapshots that carry on. */
  neededBatches(reliances: readonly Reliance[]): readonly string[] {
    const carrying = reliances.filter(({ carries }) => carries);
    return [...new Set(carrying.flatMap(({ at }) => this.#batchAfter(at)?.key ?? []))];
  }

  /** Its header and footer and those of everything it needs can be read and fit. */
  async #isRestorable(at: Offset): Promise<boolean> {
    const found = await this.#judged(async () => {
      let head = await this.#needHead(at);
      checkArchive(head, this.#descriptor.id);
      while (head.header.base !== undefined) {
        head = checkBase(head, await this.#head(head.header.base));
      }
      return head;
    });
    return found !== undefined;
  }

  /** The batch at its cut, or the archive's end when it is there, has the very history that the snapshot has. */
  async #isLinked(at: Offset): Promise<boolean> {
    const linked = this.#linked.get(at) ?? (await this.#readLink(at));
    this.#linked.set(at, linked);
    return linked;
  }

  async #readLink(at: Offset): Promise<boolean> {
    const { store, stop: signal } = this.#context;
    const header = this.#headers.get(at);
    const batch = this.#batchAfter(at) ?? this.#catalog.batches.at(-1);
    if (header === undefined || batch === undefined) {
      return header !== undefined; // snapshots alone: nothing goes on from them
    }
    const head = await this.#judged(
      async () => (await readHead(store, batch.key, { signal })) ?? gone(batch.key),
    );
    const { first, end, prev, chain } = head?.header ?? {};
    return (first === header.cut && prev === header.chain) || (end === header.cut && chain === header.chain);
  }

  #batchAfter(at: Offset) {
    const cut = this.#headers.get(at)?.cut ?? 0;
    return this.#catalog.batches[countBelow(this.#catalog.batches, cut)];
  }

  async #needHead(at: Offset): Promise<SnapshotHead> {
    return (await this.#head(at)) ?? gone(snapshotKey(at));
  }

  #head(at: Offset): Promise<SnapshotHead | undefined> {
    const { store, stop: signal } = this.#context;
    const head = this.#heads.get(at) ?? readSnapshotHead(store, snapshotKey(at), { signal });
    this.#heads.set(at, head);
    return head;
  }

  /** Undefined, with a warning, when it is damaged. */
  async #judged<Read>(read: () => Promise<Read>): Promise<Read | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#warn(needKnownDamage(error));
      return undefined;
    }
  }

  /** Once, though several snapshots may need the object. */
  #warn({ code, message, details }: RigError): void {
    if (!this.#warned.has(message)) {
      this.#warned.add(message);
      const hint = 'run "rigctl verify"; nothing is removed on account of what is damaged';
      this.#context.report({
        type: 'warning',
        code: 'object-damaged',
        message,
        hint,
        details: { ...details, code },
      });
    }
  }
}

/** What a later version wrote may be good: nobody but that version may judge what can go. */
function needKnownDamage(error: unknown): RigError {
  if (isRigError(error, 'RIG_VERSION_UNKNOWN')) {
    throw error;
  }
  return needDamage(error);
}

function foreign(key: string, archive: string): never {
  throw damaged(key, `it belongs to another archive, ${archive}`);
}

function gone(key: string): never {
  throw vanished(key);
}
