import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { isRigError } from '../../src/kernel/errors.ts';
import { decodeLifecycle, readLifecycle, renderLifecycle } from '../../src/store/lifecycle-document.ts';
import { OFTEN } from '../support/fuzzing.ts';
import { byteMutation } from '../support/mutations.ts';

const document = (content: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<LifecycleConfiguration xmlns="urn:s3">${content}</LifecycleConfiguration>`;

const DOCUMENTS = [
  document(''),
  document(
    '<Rule><ID>a</ID><Prefix>p/</Prefix><Status>Enabled</Status>' +
      '<Expiration><Days>3</Days></Expiration></Rule>',
  ),
  document(
    '<Rule><ID>ä &amp; <![CDATA[<b>]]></ID>' +
      '<Filter><And><Prefix>p/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>' +
      '<Status>Disabled</Status><Transition><Date>2026-01-01T00:00:00Z</Date></Transition>' +
      '</Rule><!-- x --><Rule/>',
  ),
  '<s3:LifecycleConfiguration xmlns:s3="urn">' +
    '<s3:Rule><s3:Filter><s3:Prefix/><s3:And/></s3:Filter></s3:Rule>' +
    '</s3:LifecycleConfiguration>',
];

const WORDS = [
  '<And>',
  '</And>',
  '<Filter/>',
  '<Tag><Key>__proto__</Key></Tag>',
  '&#x110000;',
  '&b;',
  '<![CDATA[',
  ']]>',
  '<Rule>',
];
const HOSTILE_WORDS = [
  ...WORDS,
  '</Rule>',
  '<!DOCTYPE x>',
  '<Days>1e9</Days>',
  '<toString/>',
  '<ID xmlns:a="b" a:c="<"/>',
  '\0',
  '\ufeff',
];

const spliced = fc
  .tuple(
    fc.constantFrom(...DOCUMENTS),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom(...HOSTILE_WORDS), fc.nat(3)), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([text, changes]) => {
    const parts = text.split(/(?<=>)|(?=<)/);
    for (const [at, word, replaced] of changes) {
      parts.splice(at % (parts.length + 1), replaced, word);
    }
    return Buffer.from(parts.join(''));
  });

const others = DOCUMENTS.map((text) => Buffer.from(text));
const hostile = fc.oneof(
  spliced,
  fc.tuple(fc.constantFrom(...others), byteMutation(others)).map(([bytes, mutate]) => mutate(bytes)),
);

/** What it says, or undefined when it is refused as every one is that cannot be read. */
function readOrRefuse(bytes: Buffer) {
  try {
    return readLifecycle(decodeLifecycle(bytes), {});
  } catch (error) {
    if (isRigError(error, 'RIG_STORE_UNSUPPORTED')) {
      return undefined;
    }
    throw error;
  }
}

/** What a rule does, without the bytes it was read from. */
const meaningOf = ({ text: _, ...meaning }: ReturnType<typeof readLifecycle>['rules'][number]) => meaning;

describe('lifecycle rules of any bytes', () => {
  test.prop([hostile], OFTEN)('are refused, or mean the same when they are written back', (bytes) => {
    const read = readOrRefuse(bytes);
    if (read === undefined) {
      return;
    }
    const { rules, attributes } = read;
    for (const { expireAfterDays, expireAtMs, largerThanBytes, smallerThanBytes } of rules) {
      const numbers = [expireAfterDays, expireAtMs, largerThanBytes, smallerThanBytes];
      expect(numbers.every((number) => number === undefined || Number.isSafeInteger(number))).toBe(true);
    }
    const written = readOrRefuse(Buffer.from(renderLifecycle({ rules, attributes })));
    // Where anything is not understood, nobody writes.
    if (rules.every(({ unknownElements }) => unknownElements.length === 0)) {
      expect(written?.rules.map(meaningOf)).toEqual(rules.map(meaningOf));
    }
  });

  it.each(['ID', 'Filter', 'Expiration', 'Tag', 'Other'])(
    'that are nested without end in %s are refused, however far the stack reaches',
    (where) => {
      for (let depth = 500; depth <= 16_000; depth += 500) {
        const nested = `${'<a>'.repeat(depth)}${'</a>'.repeat(depth)}`;
        const read = readOrRefuse(Buffer.from(document(`<Rule><${where}>${nested}</${where}></Rule>`)));
        expect(read?.rules.length ?? 1).toBe(1);
      }
    },
  );
});
