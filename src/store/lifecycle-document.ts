import { parseXml, XmlDocumentType, type XmlElement, XmlError } from '@rgrove/parse-xml';
import { messageOf, RigError } from '../kernel/errors.ts';
import type { LifecycleConfiguration, WantedLifecycle } from './contract.ts';
import { elementsOf, localName, namespaceOf, textOfRule } from './lifecycle-filter.ts';
import { readRule, renderRule } from './lifecycle-rule.ts';

const ROOT = 'LifecycleConfiguration';
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
const PLAIN_START = `<${ROOT} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`;

/** What a place without rules has. */
export const NO_LIFECYCLE: LifecycleConfiguration = {
  rules: [],
  document: '',
  attributes: {},
  unknownElements: [],
};

/** Rules are written back byte for byte, so no byte may get lost on the way. */
export function decodeLifecycle(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw unreadable('it is not UTF-8', error);
  }
}

/**
 * Reads S3's XML of lifecycle rules, with the bytes of each rule beside its meaning. `attributes`: what came with it.
 * @throws RigError RIG_STORE_UNSUPPORTED when it is not such a document, or declares entities of its own.
 */
export function readLifecycle(
  document: string,
  attributes: LifecycleConfiguration['attributes'],
): LifecycleConfiguration {
  return unlessTooDeep(() => read(parseRoot(document), document, attributes));
}

function read(
  root: XmlElement,
  document: string,
  attributes: LifecycleConfiguration['attributes'],
): LifecycleConfiguration {
  const elements = elementsOf(root);
  const [first] = root.children;
  return {
    rules: elements
      .filter((element) => localName(element) === 'Rule')
      .map((element) => readRule(element, textOfRule(document, element))),
    document,
    // The names in the rules may need the namespaces that the start of the document declares.
    attributes:
      first === undefined ? attributes : { ...attributes, start: document.slice(root.start, first.start) },
    unknownElements: elements.map(localName).filter((name) => name !== 'Rule'),
  };
}

/** The document that says this: rules that were read as they were, new ones rendered. */
export function renderLifecycle({ rules, attributes }: WantedLifecycle): string {
  const start = attributes['start'] ?? PLAIN_START;
  const name = /^<([^\s>]+)/.exec(start)?.[1] ?? ROOT;
  const texts = rules.map((rule) => ('text' in rule ? rule.text : renderRule(rule, namespaceOf(name))));
  return `${DECLARATION}${start}${texts.join('')}</${name}>`;
}

function parseRoot(document: string): XmlElement {
  const { children, root } = parse(document);
  if (children.some((child) => child instanceof XmlDocumentType)) {
    throw unreadable('it has a document type declaration');
  }
  if (root === null || localName(root) !== ROOT) {
    throw unreadable(`its root is "${root?.name}"`);
  }
  return root;
}

function parse(document: string): ReturnType<typeof parseXml> {
  try {
    return parseXml(document, {
      includeOffsets: true,
      preserveComments: true,
      preserveDocumentType: true,
    });
  } catch (error) {
    if (error instanceof XmlError) {
      throw unreadable(messageOf(error).split('\n', 1).join(), error);
    }
    throw error;
  }
}

/** Elements may be nested deeper than any program could mean. */
function unlessTooDeep<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw error instanceof RangeError ? unreadable('its elements are nested too deep', error) : error;
  }
}

function unreadable(why: string, cause?: unknown): RigError {
  return new RigError('RIG_STORE_UNSUPPORTED', `cannot read the store's lifecycle rules: ${why}`, {
    hint: 'use "rigctl prune", which needs no lifecycle rules',
    cause,
  });
}
