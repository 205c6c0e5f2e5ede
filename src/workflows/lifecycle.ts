import { type AgeFacts, lossByAge, refuseByAge } from '../archive/lifecycle-by-age.ts';
import {
  isOwnRule,
  type LifecyclePlace,
  type LifecyclePolicy,
  ownRules,
} from '../archive/lifecycle-rules.ts';
import { type LifecyclePlan, planLifecycle, type Refusal, refusePlan } from '../archive/plan-lifecycle.ts';
import { readCatalog } from '../archive/read-catalog.ts';
import { readSnapshotHeader } from '../archive/snapshot-object.ts';
import { openForReading } from '../archive/survey.ts';
import { mapInOrder } from '../kernel/concurrency.ts';
import { RigError } from '../kernel/errors.ts';
import type {
  Lifecycle,
  LifecycleConfiguration,
  LifecycleRule,
  NewLifecycleRule,
} from '../store/contract.ts';
import type { Context } from './context.ts';
import { changeRules } from './lifecycle-change.ts';
import { reportThreats } from './lifecycle-threats.ts';

export interface LifecycleResult {
  /** The archive's id. */
  readonly archive: string;
  /** All rules of the bucket, as they were. */
  readonly before: readonly ShownRule[];
  /** The same afterwards; of a plan, as they would be. */
  readonly after: readonly ShownRule[];
  /** Were the rules written? */
  readonly changed: boolean;
  /** The file that keeps the rules as they were; null: nothing was changed, or there were none. */
  readonly backup: string | null;
}

/** A rule of the bucket: as the server has it, or as it is to be. */
export type ShownRule = (LifecycleRule | NewLifecycleRule) & {
  /** It is this archive's, made by rigctl. */
  readonly own: boolean;
};

/** What is about to happen, for whoever has to agree. */
export interface AskedChange {
  readonly before: readonly ShownRule[];
  readonly after: readonly ShownRule[];
}

export interface ChangeOptions {
  /** The rules as they were are kept in a file here. */
  readonly backupDirectory: string;
  /** Resolves when the change is agreed to; what it throws ends the command, and nothing is changed. */
  confirm(change: AskedChange): Promise<void>;
}

export interface ApplyOptions extends ChangeOptions {
  readonly policy: LifecyclePolicy;
  /** The same for what rules by age may destroy, in sentences. */
  acceptLoss(sentences: readonly string[]): Promise<void>;
}

/** What a lifecycle command begins with. */
interface Look extends LifecyclePlace {
  /** A journal format's name. */
  readonly format: string;
  readonly lifecycle: Lifecycle;
  readonly configuration: LifecycleConfiguration;
}

/** All rules of the bucket, with warnings of those that threaten the archive. May be repeated. Errors as `look`. */
export async function showLifecycle(context: Context): Promise<LifecycleResult> {
  const seen = await look(context);
  const { rules } = seen.configuration;
  const { snapshots } = await readCatalog(context.store, { signal: context.stop });
  await reportThreats(context, rules, { ...seen, snapshots });
  return resultOf(seen, rules);
}

/**
 * What `apply` would do; why it would refuse to is reported as warnings. May be repeated. Errors as `look`.
 */
export async function previewLifecycle(context: Context, policy: LifecyclePolicy): Promise<LifecycleResult> {
  const seen = await look(context);
  const { plan, refusals } = await judge(context, seen, policy);
  for (const { message, hint } of refusals) {
    context.report({
      type: 'warning',
      code: 'lifecycle-refused',
      message: `apply would refuse: ${message}`,
      hint,
    });
  }
  for (const message of policy.byAge ? lossByAge(policy) : []) {
    context.report({ type: 'warning', code: 'lifecycle-loss', message });
  }
  return resultOf(seen, plan.rules);
}

/**
 * Sets the archive's own rules up, beside those of others, which stay as they are.
 * @throws RigError RIG_UNSAFE when the rules would endanger the archive, or those of others changed meanwhile;
 *   errors as `look` and {@link changeRules}, and what `confirm` throws.
 */
export async function applyLifecycle(context: Context, options: ApplyOptions): Promise<LifecycleResult> {
  const { policy } = options;
  const seen = await look(context);
  const { plan, refusals } = await judge(context, seen, policy);
  const [first] = refusals;
  if (first !== undefined) {
    throw new RigError('RIG_UNSAFE', first.message, {
      hint: first.hint,
      details: { refusals: refusals.map(({ message }) => message) },
    });
  }
  if (plan.changes && policy.byAge) {
    await options.acceptLoss(lossByAge(policy));
  }
  const result = await carryOut(context, seen, plan, options);
  if (!policy.byAge) {
    noteMarks(context, seen);
  }
  return result;
}

/** Takes out exactly the archive's own rules. Errors as {@link applyLifecycle}. */
export async function removeLifecycle(context: Context, options: ChangeOptions): Promise<LifecycleResult> {
  const seen = await look(context);
  const plan = planLifecycle(seen.archive, seen.configuration.rules, []);
  const [refusal] = plan.changes ? refuseLoss(seen) : [];
  if (refusal !== undefined) {
    throw new RigError('RIG_UNSAFE', refusal.message, { hint: refusal.hint });
  }
  return carryOut(context, seen, plan, options);
}

/**
 * @throws RigError RIG_STORE_UNSUPPORTED when the store has no rules; RIG_ARCHIVE_NOT_FOUND, RIG_DESCRIPTOR_LOST;
 *   trouble with the store.
 */
async function look({ store, stop: signal }: Context): Promise<Look> {
  const { lifecycle } = store.capabilities;
  if (lifecycle === undefined) {
    throw new RigError(
      'RIG_STORE_UNSUPPORTED',
      `nothing expires by itself at ${store.url}: it has no lifecycle rules`,
      {
        hint: 'use "rigctl prune", which removes what is not needed any more',
      },
    );
  }
  const { id: archive, format } = await openForReading(store, { signal });
  const configuration = await lifecycle.read({ signal });
  const keepsVersions = await lifecycle.keepsVersions({ signal });
  return { archive, format, keyPrefix: lifecycle.keyPrefix, keepsVersions, lifecycle, configuration };
}

async function judge(
  context: Context,
  seen: Look,
  policy: LifecyclePolicy,
): Promise<{ readonly plan: LifecyclePlan; readonly refusals: readonly Refusal[] }> {
  const { store, clock } = context;
  if (!policy.byAge && store.capabilities.tagging === undefined) {
    throw new RigError(
      'RIG_STORE_UNSUPPORTED',
      `objects have no tags at ${store.url}, so that nothing can be marked`,
      {
        hint: 'use "rigctl prune", which removes what is not needed any more',
      },
    );
  }
  const plan = planLifecycle(seen.archive, seen.configuration.rules, ownRules(seen, policy));
  const byAge = policy.byAge ? refuseByAge(policy, await ageFacts(context, seen), clock.wallMs()) : [];
  return { plan, refusals: [...refuseLoss(seen), ...refusePlan(seen, plan), ...byAge] };
}

/** What stands beside the rules cannot be written back. */
function refuseLoss({ configuration }: Look): Refusal[] {
  if (configuration.unknownElements.length === 0) {
    return [];
  }
  const names = configuration.unknownElements.join(', ');
  return [
    {
      message: `beside the lifecycle rules stands what rigctl does not know and would lose: ${names}`,
      hint: 'set the rules up with the tools of the store',
    },
  ];
}

/**
 * The newest snapshot, and one that is built on another; headers are read from the newest on. Snapshots of format `rig`
 * have none, and are whole.
 */
async function ageFacts({ store, stop: signal }: Context, { format }: Look): Promise<AgeFacts> {
  const { snapshots } = await readCatalog(store, { signal });
  const newest = snapshots.at(-1);
  const { parallelCalls } = store.capabilities;
  const readHeader = ({ key }: { readonly key: string }) => readSnapshotHeader(store, key, { signal });
  for await (const header of mapInOrder(
    format === 'rig' ? [] : snapshots.toReversed(),
    parallelCalls,
    readHeader,
  )) {
    if (header?.base !== undefined) {
      return { newest, increment: header.at };
    }
  }
  return { newest, increment: undefined };
}

async function carryOut(
  context: Context,
  seen: Look,
  plan: LifecyclePlan,
  options: ChangeOptions,
): Promise<LifecycleResult> {
  const asked = resultOf(seen, plan.rules);
  if (!plan.changes) {
    return asked;
  }
  await options.confirm(asked);
  const { backupDirectory } = options;
  const change = { ...seen, seen: seen.configuration, plan, backupDirectory };
  const { backup, after } = await changeRules(context, change);
  return { ...resultOf(seen, after.rules), changed: true, backup: backup ?? null };
}

function resultOf(
  { archive, configuration }: Look,
  after: readonly (LifecycleRule | NewLifecycleRule)[],
): LifecycleResult {
  const show = (rule: LifecycleRule | NewLifecycleRule) => ({ own: isOwnRule(archive, rule), ...rule });
  return {
    archive,
    before: configuration.rules.map(show),
    after: after.map(show),
    changed: false,
    backup: null,
  };
}

function noteMarks({ report }: Context, { keepsVersions }: Look): void {
  report({
    type: 'note',
    code: 'lifecycle-marks',
    message: 'these rules remove only what "rigctl prune --mark" or "rigctl push --expire mark" has marked',
  });
  if (keepsVersions) {
    report({
      type: 'note',
      code: 'lifecycle-versions',
      message:
        'the bucket keeps older versions: what "rigctl prune --yes" removes stays as an older version, ' +
        'what it marks goes for good',
    });
  }
}
