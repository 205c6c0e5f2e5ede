import { formatTime } from '../../kernel/clock.ts';
import type { ShownRule } from '../../workflows/lifecycle.ts';
import { counted, printable } from './text.ts';

/** The rules of a bucket, one a line. */
export function ruleLines(rules: readonly ShownRule[]): string[] {
  return rules.length === 0 ? ['no lifecycle rules'] : rules.map((rule) => `  ${ruleText(rule)}`);
}

/** How rules change, one a line: `+` is new, `-` goes, a blank stays. */
export function changeLines(before: readonly ShownRule[], after: readonly ShownRule[]): string[] {
  const [old, next] = [before, after].map((rules) => new Set(rules.map(ruleText)));
  const going = before.map(ruleText).filter((text) => !next?.has(text));
  const staying = after.map(ruleText).map((text) => (old?.has(text) ? `  ${text}` : `+ ${text}`));
  return [...going.map((text) => `- ${text}`), ...staying];
}

/** `"logs" (not rigctl's): LOG/ tagged a=b: expires after 3 days`. */
function ruleText(rule: ShownRule): string {
  const { id, own, prefix, tags } = rule;
  const tagTexts = Object.entries(tags).map(([name, value]) => `${name}=${value}`);
  const sizes = 'text' in rule ? sizeTexts(rule) : [];
  const which = [
    prefix === '' ? 'everything' : prefix,
    ...(tagTexts.length === 0 ? [] : [`tagged ${tagTexts.join(' and ')}`]),
    ...sizes,
  ].join(' ');
  const name = `${id === undefined ? 'without a name' : JSON.stringify(id)}${own ? '' : " (not this archive's)"}`;
  return printable(`${name}: ${which}: ${actionTexts(rule).join(', ')}`);
}

type StoredRule = Extract<ShownRule, { readonly text: string }>;

function sizeTexts({ largerThanBytes, smallerThanBytes }: StoredRule): string[] {
  return [
    ...(largerThanBytes === undefined ? [] : [`larger than ${largerThanBytes} B`]),
    ...(smallerThanBytes === undefined ? [] : [`smaller than ${smallerThanBytes} B`]),
  ];
}

function actionTexts(rule: ShownRule): string[] {
  const { expireAfterDays, expireNoncurrentAfterDays, abortUploadsAfterDays } = rule;
  const after = (what: string, days: number | undefined) =>
    days === undefined ? [] : [`${what} after ${counted(days, 'day')}`];
  return [
    ...('text' in rule && !rule.enabled ? ['disabled'] : []),
    ...after('expires', expireAfterDays),
    ...('text' in rule && rule.expireAtMs !== undefined
      ? [`expires from ${formatTime(rule.expireAtMs)} on`]
      : []),
    ...('text' in rule && rule.hasTransitions ? ['moves to another storage class'] : []),
    ...after('older versions go', expireNoncurrentAfterDays),
    ...(rule.expireDeleteMarkers === true ? ['markers of removed objects go'] : []),
    ...after('unfinished uploads are given up', abortUploadsAfterDays),
    ...('text' in rule ? rule.unknownElements.map((name) => `${name}, which rigctl does not know`) : []),
  ];
}
