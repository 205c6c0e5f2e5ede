import type { LifecycleRule } from '../../src/store/contract.ts';
import type { MemoryNamespace } from '../../src/store/drivers/memory.ts';
import { readLifecycle } from '../../src/store/lifecycle-document.ts';

const DAY_MS = 86_400_000;

type Held = MemoryNamespace['objects'] extends Map<string, infer Kept> ? Kept : never;

/**
 * Lets the rules of a memory namespace do at `nowMs` what a server's do once a day: removes what the enabled ones say,
 * and gives the removed keys in order. An object is a day old after exactly 24 hours; servers round up to midnight.
 */
export function expire(namespace: MemoryNamespace, nowMs: number): readonly string[] {
  const { document, attributes } = namespace.rules;
  const rules = document === '' ? [] : readLifecycle(document, attributes).rules;
  const expired = [...namespace.objects]
    .filter(([key, object]) => rules.some((rule) => applies(rule, key, object) && isDue(rule, object, nowMs)))
    .map(([key]) => key)
    .sort();
  for (const key of expired) {
    namespace.objects.delete(key);
  }
  return expired;
}

function applies(rule: LifecycleRule, key: string, { sizeBytes, tags = {} }: Held): boolean {
  const { largerThanBytes = -1, smallerThanBytes = Number.POSITIVE_INFINITY } = rule;
  return (
    rule.enabled &&
    key.startsWith(rule.prefix) &&
    sizeBytes > largerThanBytes &&
    sizeBytes < smallerThanBytes &&
    Object.entries(rule.tags).every(([name, value]) => tags[name] === value)
  );
}

function isDue(
  { expireAfterDays, expireAtMs }: LifecycleRule,
  { modifiedAtMs }: Held,
  nowMs: number,
): boolean {
  const byAge = expireAfterDays !== undefined && nowMs >= modifiedAtMs + expireAfterDays * DAY_MS;
  return byAge || (expireAtMs !== undefined && nowMs >= expireAtMs);
}
