import type { ListedSnapshot } from '../archive/catalog.ts';
import { unlessDamaged } from '../archive/damage.ts';
import { SNAPSHOT_PREFIX } from '../archive/layout.ts';
import { isDangerous, reaches } from '../archive/lifecycle-rules.ts';
import { type LifecycleThreat, lifecycleThreats } from '../archive/lifecycle-threats.ts';
import { readSnapshotHeader } from '../archive/snapshot-object.ts';
import { CHAIN_LIMIT } from '../archive/snapshot-policy.ts';
import { isRigError } from '../kernel/errors.ts';
import type { LifecycleRule } from '../store/contract.ts';
import type { Context } from './context.ts';

/** What must be known of an archive to see what threatens it. */
export interface Threatened {
  /** The archive's id. */
  readonly archive: string;
  /** Ascending. */
  readonly snapshots: readonly ListedSnapshot[];
}

/**
 * What the rules of the place will do to the archive: one request, and a few more when a rule removes snapshots. Stores
 * without rules threaten nothing; where the rules cannot be read, a note says so. May be repeated.
 */
export async function findThreats(
  context: Context,
  archive: Threatened,
): Promise<readonly LifecycleThreat[]> {
  const { lifecycle } = context.store.capabilities;
  if (lifecycle === undefined) {
    return [];
  }
  let rules: readonly LifecycleRule[];
  try {
    ({ rules } = await lifecycle.read({ signal: context.stop }));
  } catch (error) {
    if (!isRigError(error) || error.kind === 'interrupted') {
      throw error;
    }
    if (error.code !== 'RIG_STORE_UNSUPPORTED') {
      const message = `nobody looked whether lifecycle rules threaten the archive: ${error.message}`;
      context.report({ type: 'note', code: 'lifecycle-unread', message });
    }
    return [];
  }
  return judge(context, rules, archive);
}

/** Warns of what {@link findThreats} finds. */
export async function warnOfThreats(context: Context, archive: Threatened): Promise<void> {
  report(context, await findThreats(context, archive));
}

/** The same with rules that were read already. */
export async function reportThreats(
  context: Context,
  rules: readonly LifecycleRule[],
  archive: Threatened,
): Promise<void> {
  report(context, await judge(context, rules, archive));
}

function report(context: Context, threats: readonly LifecycleThreat[]): void {
  for (const { message, rule, object } of threats) {
    context.report({
      type: 'warning',
      code: 'lifecycle-threat',
      message,
      hint: 'look at the rules with "rigctl lifecycle show", and take that one out or make it spare the archive',
      details: { rule, object },
    });
  }
}

async function judge(
  context: Context,
  rules: readonly LifecycleRule[],
  { archive, snapshots }: Threatened,
): Promise<readonly LifecycleThreat[]> {
  const keyPrefix = context.store.capabilities.lifecycle?.keyPrefix ?? '';
  const needsChain = rules.some((rule) => isDangerous(rule) && reaches(rule, keyPrefix + SNAPSHOT_PREFIX));
  const newestChain = needsChain ? await newestOf(context, snapshots) : snapshots.slice(-1);
  return lifecycleThreats(rules, { archive, keyPrefix, newestChain }, context.clock.wallMs());
}

/** The newest snapshot and those it is built on, as far as their headers can be read. */
async function newestOf(
  { store, stop: signal }: Context,
  snapshots: readonly ListedSnapshot[],
): Promise<readonly ListedSnapshot[]> {
  const chain: ListedSnapshot[] = [];
  let next = snapshots.at(-1);
  while (next !== undefined && chain.length < CHAIN_LIMIT) {
    chain.push(next);
    // Damage is for others to find.
    const header = await unlessDamaged(readSnapshotHeader(store, next.key, { signal }));
    next = snapshots.findLast(({ at }) => at === header?.base);
  }
  return chain;
}
