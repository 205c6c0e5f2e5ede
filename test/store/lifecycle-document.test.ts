import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { decodeLifecycle, readLifecycle, renderLifecycle } from '../../src/store/lifecycle-document.ts';

const START = '<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
const END = '</LifecycleConfiguration>';

function documentOf(...rules: string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${START}${rules.join('')}${END}`;
}

function ruleOf(text: string) {
  const [rule, ...others] = readLifecycle(documentOf(text), {}).rules;
  expect([rule?.text, others]).toEqual([text, []]);
  return rule;
}

describe('a lifecycle rule', () => {
  it('is read with everything that S3 documents', () => {
    const rule = ruleOf(`<Rule>
      <ID>all of it</ID>
      <Status>Enabled</Status>
      <Filter><And>
        <Prefix>logs/</Prefix>
        <Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag>
        <ObjectSizeGreaterThan>500</ObjectSizeGreaterThan><ObjectSizeLessThan>64000</ObjectSizeLessThan>
      </And></Filter>
      <Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition>
      <Transition><Days>60</Days><StorageClass>GLACIER</StorageClass></Transition>
      <Expiration><Days> 365 </Days></Expiration>
      <NoncurrentVersionTransition>
        <NoncurrentDays>30</NoncurrentDays><StorageClass>GLACIER</StorageClass>
      </NoncurrentVersionTransition>
      <NoncurrentVersionExpiration>
        <NoncurrentDays>90</NoncurrentDays><NewerNoncurrentVersions>3</NewerNoncurrentVersions>
      </NoncurrentVersionExpiration>
      <AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>
    </Rule>`);
    expect(rule).toMatchObject({
      id: 'all of it',
      enabled: true,
      prefix: 'logs/',
      tags: { a: '1', b: '2' },
      largerThanBytes: 500,
      smallerThanBytes: 64_000,
      expireAfterDays: 365,
      expireNoncurrentAfterDays: 90,
      abortUploadsAfterDays: 7,
      hasTransitions: true,
      unknownElements: [],
    });
  });

  it.for([
    ['<Prefix>old/</Prefix>', { prefix: 'old/', tags: {} }],
    ['<Filter><Prefix>a/</Prefix></Filter>', { prefix: 'a/', tags: {} }],
    ['<Filter/>', { prefix: '', tags: {} }],
    ['', { prefix: '', tags: {}, id: undefined, hasTransitions: false, expireAfterDays: undefined }],
    ['<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>', { prefix: '', tags: { k: 'v' } }],
    [
      '<Filter><And><Prefix>a/</Prefix><Tag><Key>k</Key><Value/></Tag></And></Filter>',
      { prefix: 'a/', tags: { k: '' } },
    ],
    [
      '<Filter><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan></Filter>',
      { prefix: '', largerThanBytes: 0, smallerThanBytes: undefined },
    ],
    ['<ID><![CDATA[a <b>]]>&amp;&#x41;<!-- no --></ID>', { id: 'a <b>&A' }],
    ['<Prefix> spaces stay /</Prefix>', { prefix: ' spaces stay /' }],
    ['<Expiration><Date>2026-01-01T00:00:00.000Z</Date></Expiration>', { expireAtMs: 1_767_225_600_000 }],
    ['<Expiration><Date>2026-01-01</Date></Expiration>', { expireAtMs: 1_767_225_600_000 }],
    [
      '<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>',
      { expireDeleteMarkers: true, expireAfterDays: undefined },
    ],
    [
      '<Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration>',
      { expireDeleteMarkers: false },
    ],
    ['<Status>Disabled</Status>', { enabled: false }],
  ] as const)('with %s says what it says', ([inner, meaning]) => {
    expect(ruleOf(`<Rule>${inner}</Rule>`)).toMatchObject({ unknownElements: [], ...meaning });
  });

  it.for([
    ['<Vendor>1</Vendor>', ['Vendor']],
    [
      '<Expiration><Days>1</Days><ExpiredObjectAllVersions>true</ExpiredObjectAllVersions></Expiration>',
      ['Expiration/ExpiredObjectAllVersions'],
    ],
    [
      '<Filter><And><Prefix>a</Prefix><Owner>me</Owner><Age/></And></Filter>',
      ['Filter/And/Owner', 'Filter/And/Age'],
    ],
    ['<Filter><Tag><Key>a</Key><Value>b</Value><Not/></Tag></Filter>', ['Filter/Tag/Not']],
    ['<ID>a<b/></ID>', ['ID/b']],
    ['<Expiration><Days>soon</Days></Expiration>', ['Expiration/Days']],
    ['<Expiration><Date>tomorrow</Date></Expiration>', ['Expiration/Date']],
    ['<Expiration><Date>2026-13-99</Date></Expiration>', ['Expiration/Date']],
    ['<Status>Paused</Status>', ['Status']],
    ['<Prefix>a</Prefix><Prefix>b</Prefix>', ['Prefix']],
    ['<Expiration><Days>1</Days></Expiration><Expiration><Days>2</Days></Expiration>', ['Expiration']],
    ['<toString/>', ['toString']],
  ] as const)('with %s has what this program cannot read', ([inner, unknownElements]) => {
    expect(ruleOf(`<Rule>${inner}</Rule>`)?.unknownElements).toEqual(unknownElements);
  });

  it('whose status nobody understands counts as enabled', () => {
    expect(ruleOf('<Rule><Status>Paused</Status></Rule>')?.enabled).toBe(true);
  });
});

describe('conditions that a server gives side by side', () => {
  const tags = '<Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag>';
  const read = (filter: string) =>
    readLifecycle(documentOf(`<Rule><ID>x</ID>${filter}<Vendor/></Rule>`), {}).rules[0];
  const sent = (filter: string) => `<Rule><ID>x</ID>${filter}<Vendor/></Rule>`;

  it.for([
    [`<Prefix>p/</Prefix><And>${tags}</And>`, `<And><Prefix>p/</Prefix>${tags}</And>`],
    [`<And>${tags}</And>\n<Prefix>p/</Prefix>`, `<And>${tags}<Prefix>p/</Prefix></And>`],
    [`<Prefix>p/</Prefix>${tags}`, `<And><Prefix>p/</Prefix>${tags}</And>`],
    [`<Prefix></Prefix><And><Prefix>p/</Prefix>${tags}</And>`, `<And><Prefix>p/</Prefix>${tags}</And>`],
  ])('stand in an "And" when they are sent back: %s', ([given, expected]) => {
    const rule = read(`<Filter>${given}</Filter>`);
    expect(rule).toMatchObject({ prefix: 'p/', tags: { a: '1', b: '2' }, unknownElements: ['Vendor'] });
    expect(rule?.text).toBe(sent(`<Filter>${expected}</Filter>`));
  });

  it('stand alone when the others say nothing', () => {
    const tag = '<Tag><Key>a</Key><Value>1</Value></Tag>';
    expect(read(`<Filter><Prefix/>${tag}</Filter>`)?.text).toBe(sent(`<Filter>${tag}</Filter>`));
    expect(read('<Filter><Prefix/><Prefix></Prefix></Filter>')?.text).toBe(sent('<Filter></Filter>'));
  });

  it('and that contradict each other are not understood', () => {
    const rule = read(`<Filter><Prefix>p/</Prefix><And><Prefix>q/</Prefix>${tags}</And></Filter>`);
    expect(rule?.unknownElements).toEqual(['Vendor', 'Filter/Prefix']);
  });
});

describe('a lifecycle document', () => {
  const foreign = [
    '<Rule  kind=\'x\' >\r\n\t<ID>ä €😀</ID><!-- ours --><Vendor a="1"><Deep/></Vendor></Rule >',
    '<Rule><ID><![CDATA[</Rule>]]></ID><Prefix>a&amp;b</Prefix></Rule>',
    '<Rule/>',
  ];

  it('gives the bytes of each rule back, whatever stands around them', () => {
    const head = "\uFEFF<?xml version='1.0'?>\r\n<!-- <Rule/> -->";
    const document = `${head}${START}\n <!-- <Rule> -->${foreign.join('\n 😀? ')}\n${END}\n`;
    const { rules, attributes } = readLifecycle(document, {});
    expect(rules.map(({ text }) => text)).toEqual(foreign);
    const written = renderLifecycle({ rules, attributes });
    expect(readLifecycle(written, {}).rules).toEqual(rules);
  });

  it('keeps its namespace prefix, in new rules too', () => {
    const document =
      '<s3:LifecycleConfiguration xmlns:s3="urn:s3"><s3:Rule><s3:ID>a</s3:ID></s3:Rule></s3:LifecycleConfiguration>';
    const { rules, attributes } = readLifecycle(document, {});
    expect(rules).toMatchObject([{ id: 'a', unknownElements: [] }]);
    const added = { id: 'b', prefix: 'p/', tags: { k: 'v' }, expireAfterDays: 1 };
    const written = renderLifecycle({ rules: [...rules, added], attributes });
    expect(written).toContain(
      '<s3:LifecycleConfiguration xmlns:s3="urn:s3"><s3:Rule><s3:ID>a</s3:ID></s3:Rule>',
    );
    expect(written).toMatch(/<s3:ID>b<\/s3:ID>.*<\/s3:Rule><\/s3:LifecycleConfiguration>$/);
    expect(readLifecycle(written, {}).rules).toMatchObject([{ id: 'a' }, added]);
  });

  it('names what stands beside the rules', () => {
    const { rules, unknownElements } = readLifecycle(
      documentOf('<Rule/>', '<ExpiryUpdatedAt>x</ExpiryUpdatedAt>'),
      {},
    );
    expect([rules.length, unknownElements]).toEqual([1, ['ExpiryUpdatedAt']]);
  });

  it('may be without rules', () => {
    expect(readLifecycle('<LifecycleConfiguration/>', { a: 'b' })).toMatchObject({
      rules: [],
      attributes: { a: 'b' },
    });
    expect(renderLifecycle({ rules: [], attributes: { a: 'b' } })).toContain(`${START}${END}`);
  });

  it.for([
    [
      'entities of its own',
      '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><LifecycleConfiguration>&b;</LifecycleConfiguration>',
    ],
    ['a document type', '<!DOCTYPE LifecycleConfiguration><LifecycleConfiguration/>'],
    ['another root', '<html/>'],
    ['an end in the middle', '<LifecycleConfiguration><Rule>'],
    ['no XML', 'null'],
    ['nothing', ''],
    ['no bottom', '<a>'.repeat(200_000)],
  ] as const)('is refused with %s', ([_, document]) => {
    expect(() => readLifecycle(document, {})).toThrow(
      expect.objectContaining({
        code: 'RIG_STORE_UNSUPPORTED',
        hint: expect.stringContaining('rigctl prune'),
      }),
    );
  });

  it('is refused when it is not UTF-8: bytes would get lost', () => {
    expect(() => decodeLifecycle(Buffer.from([0x3c, 0xff]))).toThrow(
      expect.objectContaining({ code: 'RIG_STORE_UNSUPPORTED' }),
    );
    expect(decodeLifecycle(Buffer.from('\uFEFFä'))).toBe('\uFEFFä');
  });

  const text = fc.string({ unit: fc.constantFrom(...'ab <>&"\'\r\n\t]!-/ä😀'), maxLength: 12 });
  const day = fc.integer({ min: 1, max: 9_999 });
  const rule = fc.record({
    id: text,
    prefix: text,
    tags: fc.dictionary(text, text, { maxKeys: 3 }),
    expireAfterDays: day,
    expireNoncurrentAfterDays: fc.option(day, { nil: undefined }),
  });

  test.prop([fc.array(rule, { maxLength: 4 }), fc.array(fc.constantFrom(...foreign), { maxLength: 4 })])(
    'reads what it renders, beside any foreign rules',
    (added, others) => {
      const { rules, attributes } = readLifecycle(documentOf(...others), {});
      const written = readLifecycle(renderLifecycle({ rules: [...added, ...rules], attributes }), {}).rules;
      expect(written.slice(0, added.length)).toMatchObject(added);
      expect(written.slice(added.length).map(({ text: kept }) => kept)).toEqual(others);
    },
  );
});
