import type { XmlElement } from '@rgrove/parse-xml';
import { assert } from '../kernel/assert.ts';
import { parseTime } from '../kernel/clock.ts';
import type { LifecycleRule, NewLifecycleRule, Tags } from './contract.ts';
import { criteriaOf, elementsOf, localName } from './lifecycle-filter.ts';

/** What an element may hold: elements of these names, or a text that this can read. */
interface Shape {
  readonly [name: string]: Shape | ((text: string) => boolean);
}

const TEXT = () => true;
const NUMBER = (text: string) => readNumber(text) !== undefined;
const DATE = (text: string) => readDate(text) !== undefined;
const FLAG = (text: string) => /^\s*(?:true|false)\s*$/i.test(text);
const STATUS = (text: string) => /^\s*(?:enabled|disabled)\s*$/i.test(text);

const CRITERIA = {
  Prefix: TEXT,
  Tag: { Key: TEXT, Value: TEXT },
  ObjectSizeGreaterThan: NUMBER,
  ObjectSizeLessThan: NUMBER,
} satisfies Shape;

/** All elements of a rule that this program understands. */
const RULE: Shape = {
  ID: TEXT,
  Status: STATUS,
  Prefix: TEXT,
  Filter: { ...CRITERIA, And: CRITERIA },
  Expiration: { Days: NUMBER, Date: DATE, ExpiredObjectDeleteMarker: FLAG },
  Transition: { Days: NUMBER, Date: DATE, StorageClass: TEXT },
  NoncurrentVersionExpiration: { NoncurrentDays: NUMBER, NewerNoncurrentVersions: NUMBER },
  NoncurrentVersionTransition: {
    NoncurrentDays: NUMBER,
    NewerNoncurrentVersions: NUMBER,
    StorageClass: TEXT,
  },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: NUMBER },
};

/** Of these there may be several; of any other element a second one could mean anything. */
const REPEATED = ['Tag', 'Transition', 'NoncurrentVersionTransition'];

/** What the element of a rule says; `text` is how it may be sent. */
export function readRule(rule: XmlElement, text: string): LifecycleRule {
  const criteria = criteriaOf(rule);
  const criterion = (name: string) => criteria.find((element) => localName(element) === name)?.text;
  return {
    id: textAt(rule, 'ID'),
    enabled: textAt(rule, 'Status')?.trim().toLowerCase() !== 'disabled',
    prefix: criterion('Prefix') ?? textAt(rule, 'Prefix') ?? '',
    tags: Object.fromEntries(criteria.filter((element) => localName(element) === 'Tag').map(readTag)),
    largerThanBytes: readNumber(criterion('ObjectSizeGreaterThan')),
    smallerThanBytes: readNumber(criterion('ObjectSizeLessThan')),
    expireAfterDays: readNumber(textAt(rule, 'Expiration', 'Days')),
    expireAtMs: readDate(textAt(rule, 'Expiration', 'Date')),
    expireDeleteMarkers: readFlag(textAt(rule, 'Expiration', 'ExpiredObjectDeleteMarker')),
    expireNoncurrentAfterDays: readNumber(textAt(rule, 'NoncurrentVersionExpiration', 'NoncurrentDays')),
    abortUploadsAfterDays: readNumber(textAt(rule, 'AbortIncompleteMultipartUpload', 'DaysAfterInitiation')),
    hasTransitions: elementsOf(rule, 'Transition').length > 0,
    text,
    unknownElements: [...unknownIn(rule, RULE, ''), ...doubledIn(criteria)],
  };
}

/**
 * The element of a rule. `namespace` goes before each name: empty, or ending in a colon.
 * Servers refuse these, so they are bugs: a rule that does nothing; one that removes markers by age or tags; one that
 * gives up uploads by tags.
 */
export function renderRule(rule: NewLifecycleRule, namespace: string): string {
  const { expireAfterDays, expireNoncurrentAfterDays, abortUploadsAfterDays } = rule;
  const hasTags = Object.keys(rule.tags).length > 0;
  const removesMarkers = rule.expireDeleteMarkers === true;
  assert(!(removesMarkers && (hasTags || expireAfterDays !== undefined)), 'markers have no tags and no age');
  assert(!(hasTags && abortUploadsAfterDays !== undefined), 'an upload has no tags');
  const element = (name: string, ...content: string[]) =>
    `<${namespace}${name}>${content.join('')}</${namespace}${name}>`;
  const days = (name: string, inner: string, value: number | undefined) =>
    value === undefined ? [] : [element(name, element(inner, String(value)))];
  const actions = [
    ...days('Expiration', 'Days', expireAfterDays),
    ...(removesMarkers ? [element('Expiration', element('ExpiredObjectDeleteMarker', 'true'))] : []),
    ...days('NoncurrentVersionExpiration', 'NoncurrentDays', expireNoncurrentAfterDays),
    ...days('AbortIncompleteMultipartUpload', 'DaysAfterInitiation', abortUploadsAfterDays),
  ];
  assert(actions.length > 0, `rule ${rule.id} does nothing`);
  const tags = Object.entries(rule.tags).map(([key, value]) =>
    element('Tag', element('Key', escapeText(key)), element('Value', escapeText(value))),
  );
  const criteria = [element('Prefix', escapeText(rule.prefix)), ...tags];
  const filter = element('Filter', ...(hasTags ? [element('And', ...criteria)] : criteria));
  return element(
    'Rule',
    element('ID', escapeText(rule.id)),
    filter,
    element('Status', 'Enabled'),
    ...actions,
  );
}

/** Elements that are unknown, more often there than once, or hold what cannot be read: `Expiration/Hours`. */
function unknownIn(element: XmlElement, shape: Shape, path: string): string[] {
  const seen = new Set<string>();
  return elementsOf(element).flatMap((child) => {
    const name = localName(child);
    const known = Object.hasOwn(shape, name) ? shape[name] : undefined;
    const isSecond = seen.has(name) && !REPEATED.includes(name);
    seen.add(name);
    if (known === undefined || isSecond || (typeof known === 'function' && !known(child.text))) {
      return [`${path}${name}`];
    }
    return unknownIn(child, typeof known === 'function' ? {} : known, `${path}${name}/`);
  });
}

/** Criteria that stand beside an `And` and in it: nobody knows which of them counts. */
function doubledIn(criteria: readonly XmlElement[]): string[] {
  const names = criteria.map(localName).filter((name) => !REPEATED.includes(name));
  return names.filter((name, index) => names.indexOf(name) !== index).map((name) => `Filter/${name}`);
}

function textAt(element: XmlElement, ...path: readonly string[]): string | undefined {
  const [name, ...rest] = path;
  if (name === undefined) {
    return element.text;
  }
  const [child] = elementsOf(element, name);
  return child && textAt(child, ...rest);
}

function readTag(tag: XmlElement): [keyof Tags, string] {
  return [textAt(tag, 'Key') ?? '', textAt(tag, 'Value') ?? ''];
}

function readNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : undefined;
}

function readFlag(text: string | undefined): boolean | undefined {
  return text === undefined ? undefined : text.trim().toLowerCase() === 'true';
}

/** A day without a time is its beginning in UTC. */
function readDate(text: string | undefined): number | undefined {
  const date = text?.trim();
  return date === undefined ? undefined : parseTime(date.length === 10 ? `${date}T00:00:00Z` : date);
}

const ESCAPED: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' };

function escapeText(text: string): string {
  return text.replace(/[&<>\r]/g, (character) => ESCAPED[character] ?? '');
}
