import type { LifecycleRule, NewLifecycleRule } from '../store/contract.ts';
import { isOwnRule, showRule } from './lifecycle-rules.ts';

/** How what a server has differs from what it was given. */
export interface ReadBack {
  /** Foreign rules that are missing or changed; own rules that do what they should not, or should be gone. */
  readonly broken: readonly string[];
  /** Parts of own rules that the server does not know and dropped; nothing that is needed is lost by that. */
  readonly dropped: readonly string[];
}

/** Does the rule do what is wanted, and no more? */
export function isSame(rule: LifecycleRule, wanted: NewLifecycleRule): boolean {
  return isAtMost(rule, wanted) && missingParts(rule, wanted).length === 0;
}

/**
 * Compares what was written with what was read back: foreign rules by their text, the archive's own by what they do.
 * Foreign rules that somebody else added since are none of its business.
 */
export function compareRules(
  archive: string,
  written: readonly (LifecycleRule | NewLifecycleRule)[],
  found: readonly LifecycleRule[],
): ReadBack {
  const broken: string[] = [];
  const dropped: string[] = [];
  const rest = new RuleBag(found);
  for (const rule of written) {
    if ('text' in rule) {
      if (!rest.take(rule)) {
        broken.push(`${showRule(rule)} is not as it was`);
      }
      continue;
    }
    const own = found.find(({ id }) => id === rule.id);
    if (own === undefined ? rule.expireAfterDays !== undefined : !isAtMost(own, rule)) {
      broken.push(
        `${showRule(rule)} ${own === undefined ? 'is missing' : 'does something else than it should'}`,
      );
    } else {
      dropped.push(...missingParts(own, rule).map((part) => `${showRule(rule)}: ${part}`));
    }
  }
  for (const rule of found) {
    if (isOwnRule(archive, rule) && !written.some(({ id }) => id === rule.id)) {
      broken.push(`${showRule(rule)} is still there`);
    }
  }
  return { broken, dropped };
}

/** It does what is wanted or less, and the expiry that is wanted: what is missing only leaves something behind. */
function isAtMost(rule: LifecycleRule, wanted: NewLifecycleRule): boolean {
  return (
    rule.enabled &&
    rule.prefix === wanted.prefix &&
    sameTags(rule, wanted) &&
    rule.expireAfterDays === wanted.expireAfterDays &&
    [wanted.expireNoncurrentAfterDays, undefined].includes(rule.expireNoncurrentAfterDays) &&
    [wanted.abortUploadsAfterDays, undefined].includes(rule.abortUploadsAfterDays) &&
    (wanted.expireDeleteMarkers === true || rule.expireDeleteMarkers !== true) &&
    rule.expireAtMs === undefined &&
    rule.largerThanBytes === undefined &&
    rule.smallerThanBytes === undefined &&
    !rule.hasTransitions &&
    rule.unknownElements.length === 0
  );
}

function sameTags({ tags }: LifecycleRule, wanted: NewLifecycleRule): boolean {
  const names = Object.keys(tags);
  return (
    names.length === Object.keys(wanted.tags).length &&
    names.every((name) => tags[name] === wanted.tags[name])
  );
}

function missingParts(rule: LifecycleRule | undefined, wanted: NewLifecycleRule): string[] {
  const parts: string[] = [];
  if (rule?.abortUploadsAfterDays !== wanted.abortUploadsAfterDays) {
    parts.push('unfinished uploads are not given up');
  }
  if ((rule?.expireDeleteMarkers ?? false) !== (wanted.expireDeleteMarkers ?? false)) {
    parts.push('markers of removed objects stay');
  }
  if (rule?.expireNoncurrentAfterDays !== wanted.expireNoncurrentAfterDays) {
    parts.push('older versions of removed objects stay');
  }
  return parts;
}

/** Rules that each can be found once, by their text or else by what it means. */
class RuleBag {
  readonly #rest: LifecycleRule[];

  constructor(rules: readonly LifecycleRule[]) {
    this.#rest = [...rules];
  }

  /** True: the same rule was there. */
  take({ text, id }: LifecycleRule): boolean {
    const meaning = canonical(text, id !== undefined);
    const byText = this.#rest.findIndex((rule) => rule.text === text);
    const index =
      byText === -1 && meaning !== ''
        ? this.#rest.findIndex((rule) => canonical(rule.text, id !== undefined) === meaning)
        : byText;
    if (index === -1) {
      return false;
    }
    this.#rest.splice(index, 1);
    return true;
  }
}

interface Element {
  readonly name: string;
  text: string;
  readonly children: string[];
}

/**
 * What a rule's element says, without the order of elements, the space between them, and attributes; a server makes
 * up a name for a rule without one. Empty when it cannot be understood.
 */
function canonical(text: string, withId: boolean): string {
  const root: Element = { name: '', text: '', children: [] };
  const open: Element[] = [root];
  const close = () => {
    const element = open.pop() ?? root;
    const inside = element.children.length === 0 ? element.text.trim() : element.children.sort().join('');
    if (withId || element.name !== 'ID') {
      open.at(-1)?.children.push(`<${element.name}>${inside}</${element.name}>`);
    }
  };
  for (const [, end, name = '', empty, content = ''] of text.matchAll(
    /<(\/?)([\w:.-]+)[^>]*?(\/?)>([^<]*)/g,
  )) {
    if (end === '') {
      open.push({ name, text: content, children: [] });
    }
    if (end === '/' || empty === '/') {
      close();
    }
  }
  return open.length === 1 ? root.children.join('') : '';
}
