import { fc, test } from '@fast-check/vitest';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { isOffset } from '../../src/kernel/offset.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { ListedObject, Store } from '../../src/store/contract.ts';
import { isKey } from '../../src/store/key.ts';
import { collect } from '../support/collect.ts';
import { FakeS3, respond, stubFakeEnvironment } from '../support/fake-s3.ts';
import { orRefusal, SELDOM } from '../support/fuzzing.ts';
import { byteMutation } from '../support/mutations.ts';
import { bytesOf } from '../support/store-bytes.ts';

const KEY = 'LOG/0000000000000000';
const KINDS = ['usage', 'not-found', 'conflict', 'denied', 'unavailable', 'data'];

interface FakeAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

let fake: FakeS3;
let store: Store;
let answer: FakeAnswer;

beforeAll(async () => {
  stubFakeEnvironment();
  fake = await FakeS3.start((_, response) => {
    fake.requests.length = 0;
    respond(response, answer.status, answer.body, answer.headers);
  });
  store = await fake.open();
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await store.close();
  await fake.stop();
});

const xml = (name: string, content: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${name}>${content}</${name}>`;
const MODIFIED_MS = 1_795_257_127_000;

interface Entry {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

function listingOf(entries: readonly Entry[], more = ''): string {
  const contents = entries.map(({ key, sizeBytes, modifiedAtMs }) => {
    const modified = new Date(modifiedAtMs).toISOString();
    const name = encodeURIComponent(`prefix/${key}`).replaceAll('%2F', '/').replaceAll('%20', '+');
    return `<Contents><Key>${name}</Key><LastModified>${modified}</LastModified><Size>${sizeBytes}</Size></Contents>`;
  });
  const head = '<Name>bucket</Name><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>';
  return xml('ListBucketResult', `${head}${more}${contents.join('\n')}`);
}

const ENTRIES = ['ARCHIVE.json', 'LOG/0000000000000000', 'LOG/0000000000000008', 'stray &+%'].map(
  (key, index) => ({
    key,
    sizeBytes: 100 + index,
    modifiedAtMs: MODIFIED_MS + index,
  }),
);

/** What S3 says to some call. */
const DOCUMENTS = [
  listingOf(ENTRIES),
  xml('Error', '<Code>SlowDown</Code><Message>later</Message><Region>eu-west-1</Region>'),
  xml('Tagging', '<TagSet><Tag><Key>rigctl</Key><Value>expendable</Value></Tag></TagSet>'),
  xml('DeleteResult', '<Error><Key>prefix/LOG/0</Key><Code>AccessDenied</Code><Message>no</Message></Error>'),
  xml('VersioningConfiguration', '<Status>Enabled</Status>'),
  xml(
    'LifecycleConfiguration',
    '<Rule><ID>a</ID><Filter><And><Prefix>p/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>' +
      '<Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule>',
  ),
].map((text) => Buffer.from(text));

const WORDS = [
  '<a>',
  '</a>',
  '<Key/>',
  '&b;',
  '&#0;',
  '<![CDATA[',
  '<!--',
  '<!DOCTYPE x [<!ENTITY b "c">]>',
  '<a b="',
];
const HOSTILE_WORDS = [
  ...WORDS,
  '__proto__',
  'constructor',
  '1e400',
  '-1',
  'true',
  '<Contents><Key>prefix/z</Key></Contents>',
];

/** A document in which a text is there too, at any place between two elements. */
const insertion = fc
  .tuple(fc.constantFrom(...DOCUMENTS), fc.nat(), fc.constantFrom(...HOSTILE_WORDS), fc.nat(3))
  .map(([document, at, word, replaced]) => {
    const parts = document.toString().split(/(?<=>)|(?=<)/);
    parts.splice(at % (parts.length + 1), replaced, word);
    return Buffer.from(parts.join(''));
  });

/** A listing in which a size or a time is another. */
const strangeNumber = fc
  .tuple(fc.nat(), fc.constantFrom('', '-1', '0.5', '1e400', 'NaN', '0x10', '9007199254740992', 'many'))
  .map(([at, number]) => {
    const parts = listingOf(ENTRIES).split(/(?<=<(?:Size|LastModified)>)[^<]*/);
    const kept = parts.map((part, index) => (index === at % (parts.length - 1) ? part + number : `${part}1`));
    return Buffer.from(
      [...kept.slice(0, -1), parts.at(-1)]
        .join('')
        .replaceAll('Modified>1<', 'Modified>2026-01-01T00:00:00Z<'),
    );
  });

const body = fc.oneof(
  strangeNumber,
  fc
    .tuple(fc.constantFrom(...DOCUMENTS), byteMutation(DOCUMENTS))
    .map(([document, mutate]) => mutate(document)),
  insertion,
  fc.constantFrom(...DOCUMENTS),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
);

/** What a header can hold at all. */
const text = fc.oneof(
  fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 20,
  }),
  fc.maxSafeInteger().map(String),
  fc.constantFrom(
    'bytes 0-9/10',
    'bytes 0-9/*',
    'bytes 5-14/100',
    'bytes */10',
    'Sat, 21 Nov 2026 10:32:07 GMT',
    '1e400',
  ),
);

const headers = fc.dictionary(
  fc.constantFrom(
    ...[
      'content-range',
      'last-modified',
      'etag',
      'retry-after',
      'date',
      'content-type',
      'x-amz-bucket-region',
    ],
    ...['x-amz-version-id', 'x-amz-checksum-crc32', 'content-encoding', 'x-amz-expiration', 'location'],
  ),
  text,
  { maxKeys: 4 },
);

const status = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(200, 206) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(301, 304, 307, 400, 403, 404, 405, 409, 412, 416, 429, 500, 501, 503),
  },
  { weight: 1, arbitrary: fc.integer({ min: 200, max: 599 }) },
);

/** Ended early by a body that is not one: those answers have none, whatever stands in them. */
const hostileAnswer = fc.record({ status, headers, body }).map(({ body: bytes, ...others }): FakeAnswer => {
  const hasBody = others.status !== 204 && others.status !== 304;
  return { ...others, body: hasBody ? bytes : Buffer.alloc(0) };
});

const range = fc.option(
  fc.record({ startByte: fc.nat(20), lengthBytes: fc.option(fc.nat(40), { nil: undefined }) }),
  { nil: undefined },
);

describe('any answer of a server', () => {
  test.prop([hostileAnswer, range], SELDOM)(
    'to a get is the bytes that came, or an error',
    async (given, asked) => {
      answer = given;
      const { startByte = 0, lengthBytes } = asked ?? {};
      const endByte = lengthBytes === undefined ? undefined : startByte + lengthBytes;
      const options = asked === undefined ? {} : { range: { startByte, endByte } };
      const object = await orRefusal(store.get(KEY, options), ...KINDS);
      if (object !== undefined) {
        const bytes = await orRefusal(bytesOf(object), ...KINDS);
        expect([object.sizeBytes, object.modifiedAtMs].every(Number.isSafeInteger)).toBe(true);
        const end = Math.min(endByte ?? object.sizeBytes, object.sizeBytes);
        expect(bytes ?? given.body).toEqual(
          given.body.subarray(0, Math.max(0, end - Math.min(startByte, end))),
        );
      }
    },
  );

  test.prop([hostileAnswer], SELDOM)('to a listing is objects in order, or an error', async (given) => {
    answer = given;
    const listed = (await orRefusal(collect(store.list('')), ...KINDS)) ?? [];
    let previous = '';
    for (const { key, sizeBytes, modifiedAtMs } of listed) {
      expect(key).not.toBe('');
      expect(isOffset(sizeBytes) && Number.isSafeInteger(modifiedAtMs)).toBe(true);
      expect(isKey(key) ? key > previous : true).toBe(true);
      previous = isKey(key) ? key : previous;
    }
  });

  const calls = fc.constantFrom<[string, () => Promise<unknown>]>(
    ['head', () => store.head(KEY)],
    ['create', () => store.put(KEY, bodyOf('x'), { if: 'absent' })],
    ['replace', () => store.put(KEY, bodyOf('x'), { if: 'any' })],
    ['delete', () => store.delete([KEY, 'LOG/1'])],
    ['read tags', async () => store.capabilities.tagging?.getTags(KEY)],
    ['tag', async () => store.capabilities.tagging?.setTags(KEY, { rigctl: 'expendable' })],
    ['read rules', async () => store.capabilities.lifecycle?.read()],
    ['ask for versions', async () => store.capabilities.lifecycle?.keepsVersions()],
  );

  test.prop([hostileAnswer, calls], SELDOM)(
    'to any other call is its result, or an error',
    async (given, [, call]) => {
      answer = given;
      await orRefusal(call(), ...KINDS);
    },
  );
});

describe('a listing', () => {
  const entry = fc.record({
    key: fc.oneof(
      fc
        .constantFrom('LOG/', 'SNAPSHOT/', 'x')
        .chain((start) => fc.nat().map((number) => `${start}${number}`)),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((key) => key.isWellFormed()),
    ),
    sizeBytes: fc.maxSafeNat(),
    modifiedAtMs: fc.integer({ min: 0, max: 4_102_444_800_000 }),
  });
  /** In the order of their bytes, as S3 has it. */
  const inOrder = ({ key }: Entry, other: Entry) => Buffer.compare(Buffer.from(key), Buffer.from(other.key));

  test.prop([fc.uniqueArray(entry, { selector: ({ key }) => key, maxLength: 20 })], SELDOM)(
    'of any keys gives them as they are',
    async (entries) => {
      const listed: ListedObject[] = entries.toSorted(inOrder);
      answer = { status: 200, headers: {}, body: Buffer.from(listingOf(listed)) };
      expect(await collect(store.list(''))).toEqual(listed);
    },
  );
});
