import { XmlElement } from '@rgrove/parse-xml';

/** The name of an element without the prefix of its namespace. */
export function localName({ name }: XmlElement): string {
  return name.slice(name.indexOf(':') + 1);
}

/** What stands before the names in it: empty, or ending in a colon. */
export function namespaceOf(name: string): string {
  return name.slice(0, name.indexOf(':') + 1);
}

/** The elements in it, all or those of a name. */
export function elementsOf(parent: XmlElement, name?: string): XmlElement[] {
  return parent.children
    .filter((child) => child instanceof XmlElement)
    .filter((child) => name === undefined || localName(child) === name);
}

/** What an object must have for the rule, in an `And` or not; a prefix that every object has is left out. */
export function criteriaOf(rule: XmlElement): XmlElement[] {
  return elementsOf(rule, 'Filter')
    .flatMap((filter) => elementsOf(filter))
    .flatMap((element) => (localName(element) === 'And' ? elementsOf(element) : [element]))
    .filter((element) => localName(element) !== 'Prefix' || element.text !== '');
}

/**
 * The text of a rule as it may be sent to the server. S3 has one criterion in a filter, or an `And` of several. Ceph's
 * gateway gives several side by side, and forgets those beside an `And` when they are written back as they are: the
 * rule would reach further than before. So they are put into the `And`, each byte for byte.
 */
export function textOfRule(document: string, rule: XmlElement): string {
  const [filter] = elementsOf(rule, 'Filter');
  const [first, ...others] = filter === undefined ? [] : elementsOf(filter);
  const last = others.at(-1);
  if (first === undefined || last === undefined) {
    return document.slice(rule.start, rule.end);
  }
  const and = `${namespaceOf(rule.name)}And`;
  const texts = criteriaOf(rule).map((element) => document.slice(element.start, element.end));
  const criteria = texts.length > 1 ? `<${and}>${texts.join('')}</${and}>` : texts.join('');
  return document.slice(rule.start, first.start) + criteria + document.slice(last.end, rule.end);
}
