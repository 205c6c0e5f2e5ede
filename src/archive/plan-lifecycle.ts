import type { LifecycleRule, NewLifecycleRule } from '../store/contract.ts';
import { LOG_PREFIX, SNAPSHOT_PREFIX } from './layout.ts';
import { isSame } from './lifecycle-compare.ts';
import { isDangerous, isOwnRule, type LifecyclePlace, reaches, showRule } from './lifecycle-rules.ts';

/** How the rules of a place become what is wanted. */
export interface LifecyclePlan {
  readonly added: readonly NewLifecycleRule[];
  readonly changed: readonly RuleChange[];
  readonly removed: readonly LifecycleRule[];
  /** Own rules that are as they should be. */
  readonly unchanged: readonly LifecycleRule[];
  /** Rules that are not this archive's: kept byte for byte, in their order. */
  readonly foreign: readonly LifecycleRule[];
  /** All rules as they are to be written. */
  readonly rules: readonly (LifecycleRule | NewLifecycleRule)[];
  /** False: there is nothing to write. */
  readonly changes: boolean;
}

export interface RuleChange {
  readonly from: LifecycleRule;
  readonly to: NewLifecycleRule;
}

/** Why rules are not set up. */
export interface Refusal {
  readonly message: string;
  /** One imperative sentence. */
  readonly hint: string;
}

/** No configuration holds more rules. */
const RULES_LIMIT = 1_000;

/** The way from the rules that are there to those that are wanted; none wanted: the archive's own go. */
export function planLifecycle(
  archive: string,
  current: readonly LifecycleRule[],
  wanted: readonly NewLifecycleRule[],
): LifecyclePlan {
  const missing = new Map(wanted.map((rule) => [rule.id, rule]));
  const rules: (LifecycleRule | NewLifecycleRule)[] = [];
  const changed: RuleChange[] = [];
  const removed: LifecycleRule[] = [];
  const unchanged: LifecycleRule[] = [];
  const foreign: LifecycleRule[] = [];
  for (const rule of current) {
    if (!isOwnRule(archive, rule)) {
      foreign.push(rule);
      rules.push(rule);
      continue;
    }
    const to = missing.get(rule.id ?? '');
    missing.delete(rule.id ?? '');
    if (to === undefined) {
      removed.push(rule);
    } else if (isSame(rule, to)) {
      unchanged.push(rule);
      rules.push(rule);
    } else {
      changed.push({ from: rule, to });
      rules.push(to);
    }
  }
  const added = [...missing.values()];
  rules.push(...added);
  const changes = added.length + changed.length + removed.length > 0;
  return { added, changed, removed, unchanged, foreign, rules, changes };
}

/**
 * Why this plan must not be carried out: beside the foreign rules the archive's own would promise what does not hold,
 * or the server would refuse the whole. Taking the own rules out is never refused.
 */
export function refusePlan({ keyPrefix }: LifecyclePlace, plan: LifecyclePlan): readonly Refusal[] {
  return [...refuseForeign(keyPrefix, plan.foreign), ...refuseNumber(plan), ...refuseDuplicates(plan)];
}

function refuseForeign(keyPrefix: string, foreign: readonly LifecycleRule[]): Refusal[] {
  return foreign.filter(isDangerous).flatMap((rule) => {
    const prefixes = [LOG_PREFIX, SNAPSHOT_PREFIX].map((prefix) => keyPrefix + prefix);
    const reached = prefixes.filter((prefix) => reaches(rule, prefix));
    if (reached.length === 0) {
      return [];
    }
    const does =
      rule.unknownElements.length > 0
        ? `has elements that rigctl does not know: ${rule.unknownElements.join(', ')}`
        : 'expires or moves objects whether or not they are marked';
    return {
      message: `${showRule(rule)} reaches ${reached.join(' and ')} and ${does}`,
      hint: 'give that rule a prefix outside the archive, or take it out, then run the command again',
    };
  });
}

function refuseNumber({ rules }: LifecyclePlan): Refusal[] {
  return rules.length <= RULES_LIMIT
    ? []
    : [
        {
          message: `the bucket would have ${rules.length} lifecycle rules; ${RULES_LIMIT} is the most it may have`,
          hint: 'take out rules that are not needed any more, or give the archive a bucket of its own',
        },
      ];
}

function refuseDuplicates({ foreign }: LifecyclePlan): Refusal[] {
  const ids = foreign.flatMap(({ id }) => id ?? []);
  return [...new Set(ids.filter((id, index) => ids.indexOf(id) !== index))].map((id) => ({
    message: `more than one lifecycle rule has the name ${JSON.stringify(id)}: nobody can tell them apart afterwards`,
    hint: 'give each rule a name of its own, then run the command again',
  }));
}
