import type { LifecycleRule, NewLifecycleRule } from '../store/contract.ts';
import { EXPENDABLE } from './expendable.ts';
import { LOG_PREFIX, SNAPSHOT_PREFIX } from './layout.ts';

/** What rigctl's own rules are made from. */
export interface LifecyclePolicy {
  /** Age from which objects under `LOG/` expire, in days. */
  readonly logDays: number;
  /** The same for `SNAPSHOT/`. */
  readonly snapshotDays: number;
  /** Expire whatever is old enough, and not only what is marked as expendable. */
  readonly byAge: boolean;
}

/** Which archive's rules, and where it lies in its bucket. */
export interface LifecyclePlace {
  /** The archive's id. */
  readonly archive: string;
  /** In front of the archive's keys; empty or ending in `/`. */
  readonly keyPrefix: string;
  /** The bucket keeps older versions, or may have some. */
  readonly keepsVersions: boolean;
}

export const DAY_MS = 86_400_000;

export const DEFAULT_LOG_DAYS = 3;
export const DEFAULT_SNAPSHOT_DAYS = 30;

/** An upload in parts that has gone on for so long was given up. */
const ABORT_UPLOADS_DAYS = 7;

const AREAS = [
  { name: 'log', prefix: LOG_PREFIX },
  { name: 'snapshot', prefix: SNAPSHOT_PREFIX },
] as const;

/** Is it a rule of this archive's, whatever it says? */
export function isOwnRule(archive: string, { id }: { readonly id: string | undefined }): boolean {
  return id?.startsWith(idPrefix(archive)) === true;
}

function idPrefix(archive: string): string {
  return `rigctl:${archive}:`;
}

/**
 * rigctl's rules. They apply to `LOG/` and `SNAPSHOT/` alone.
 *
 * The expiring ones ask for the tag, also for older versions: under create-only keys an older version is either one
 * that was marked before it expired, or one that somebody removed or replaced, and then it may be the last copy.
 *
 * What cannot be combined with a tag stands in rules of its own. These always have two actions, although markers of
 * removed objects exist only where versions are kept: MinIO does not know how to give up uploads, drops that, and
 * refuses rules that do nothing.
 */
export function ownRules(place: LifecyclePlace, policy: LifecyclePolicy): readonly NewLifecycleRule[] {
  const { archive, keyPrefix, keepsVersions } = place;
  const days = { log: policy.logDays, snapshot: policy.snapshotDays };
  const expiring = AREAS.map(({ name, prefix }) => ({
    id: idPrefix(archive) + name,
    prefix: keyPrefix + prefix,
    tags: policy.byAge ? {} : EXPENDABLE,
    expireAfterDays: days[name],
    expireNoncurrentAfterDays: keepsVersions ? days[name] : undefined,
  }));
  const leftovers = AREAS.map(({ name, prefix }) => ({
    id: `${idPrefix(archive)}${name}-leftovers`,
    prefix: keyPrefix + prefix,
    tags: {},
    expireDeleteMarkers: true,
    abortUploadsAfterDays: ABORT_UPLOADS_DAYS,
  }));
  return [...expiring, ...leftovers];
}

/** Names in a store overlap when one begins with the other: the rule may match something under the prefix. */
export function reaches({ prefix }: { readonly prefix: string }, names: string): boolean {
  return names.startsWith(prefix) || prefix.startsWith(names);
}

/**
 * Can it take objects away, or out of reach, that nobody marked? The archive's objects have no tag but the mark, so a
 * rule that asks for any tag leaves the others alone. Elements that rigctl does not know may do anything.
 */
export function isDangerous(rule: LifecycleRule): boolean {
  const acts = rule.expireAfterDays !== undefined || rule.expireAtMs !== undefined || rule.hasTransitions;
  const tagged = Object.keys(rule.tags).length > 0;
  return rule.enabled && (rule.unknownElements.length > 0 || (acts && !tagged));
}

/** For messages: `lifecycle rule "logs"`. */
export function showRule({
  id,
  prefix,
}: {
  readonly id: string | undefined;
  readonly prefix: string;
}): string {
  return id === undefined
    ? `the lifecycle rule without a name for "${prefix}"`
    : `lifecycle rule ${JSON.stringify(id)}`;
}
