import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { parseTime } from '../../kernel/clock.ts';
import { KIB } from '../../kernel/size.ts';
import { isAnswer } from './s3-answer.ts';

/** What a listing says of an object; undefined: nothing. */
export interface PageEntry {
  /** As it is written there, encoded perhaps. */
  readonly key: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly modifiedAtMs: number | undefined;
}

/** A page of a listing, taken apart. */
export interface Page {
  readonly entries: readonly PageEntry[];
  /** The same page without them. */
  readonly rest: string;
}

const [OPEN, CLOSE] = ['<Contents>', '</Contents>'];
/** What stands for an entry when the rest is looked at. */
const TAKEN = '<Taken/>';
/** Elements with text in them, and the owner, in the order in which S3 writes them; another order is the SDK's. */
const ENTRY_SHAPE = new RegExp(
  String.raw`<Contents>\s*<Key>([!-%'-;=-~]+)</Key>\s*<LastModified>([^<]+)</LastModified>` +
    String.raw`(?:\s*<(?!Key>|LastModified>|Size>|Owner>)(\w+)>[^<]*</\3>)*\s*<Size>(\d{1,16})</Size>` +
    String.raw`(?:\s*<(?!Key>|LastModified>|Size>|Owner>)(\w+)>[^<]*</\5>` +
    String.raw`|\s*<Owner>(?:\s*<(ID|DisplayName)>[^<]*</\6>)*\s*</Owner>)*\s*</Contents>`,
  'y',
);
const ROOT_SHAPE = /^(?:<\?xml[^<>]*\?>)?\s*<ListBucketResult[^<>]*>(.*)<\/ListBucketResult>\s*$/s;
/** Elements with text in them, or with nothing, but no entries. */
const PAGE_SHAPE = /^(?:\s*<(\w+)>[^<]*<\/\1>|\s*<(?!Contents)\w+ ?\/>)*\s*$/;
/** Longer ones are not looked at: such a page is not one of S3's. */
const SHAPE_LIMIT = 64 * KIB;
const TIME_SHAPE = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,3}))?Z$/;

/**
 * Lets the entries of listings go past the SDK, which takes 60 ms for 1,000 of them, most of it for what nobody asks
 * for: it reads pages without them, and `entriesOf` has them by what it made of those. A page that is not written as
 * expected is the SDK's alone.
 */
export function shortenListings(
  client: S3Client,
  entriesOf: WeakMap<object, readonly PageEntry[]>,
): S3Client {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args);
        const { response } = result;
        if (commandName === 'ListObjectsV2Command' && isAnswer(response) && response.statusCode === 200) {
          const xml = await textOf(response.body);
          const page = splitPage(xml);
          response.body = Readable.from([Buffer.from(page?.rest ?? xml)]);
          entriesOf.set(response, page?.entries ?? []);
        }
        return result;
      },
    { step: 'deserialize', priority: 'low', name: 'takeEntries' },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const entries = isAnswer(result.response) ? entriesOf.get(result.response) : undefined;
      if (result.output !== undefined && entries !== undefined) {
        entriesOf.set(result.output, entries);
      }
      return result;
    },
    { step: 'deserialize', priority: 'high', name: 'keepEntries' },
  );
  return client;
}

/** Takes the entries out of a page as S3 and its likes write it; undefined: it is written in another way. */
export function splitPage(xml: string): Page | undefined {
  const entries: PageEntry[] = [];
  const rest: string[] = [];
  const days: Days = new Map();
  let end = 0;
  for (let start = xml.indexOf(OPEN); start !== -1; start = xml.indexOf(OPEN, end)) {
    rest.push(xml.slice(end, start));
    end = xml.indexOf(CLOSE, start) + CLOSE.length;
    const entry = readEntry(xml, start, end, days);
    if (entry === undefined) {
      return undefined;
    }
    entries.push(entry);
  }
  rest.push(xml.slice(end));
  const [, inner] = matchShape(rest.join(TAKEN), ROOT_SHAPE) ?? [];
  const isKnown = inner !== undefined && matchShape(inner, PAGE_SHAPE) !== undefined;
  return isKnown ? { entries, rest: rest.join('') } : undefined;
}

/** Undefined: in [start, end) something is missing, is there twice, is not as expected, or needs decoding. */
function readEntry(xml: string, start: number, end: number, days: Days): PageEntry | undefined {
  ENTRY_SHAPE.lastIndex = start;
  const match = end - start <= SHAPE_LIMIT ? ENTRY_SHAPE.exec(xml) : null;
  const [, key, modified = '', , size] = match ?? [];
  const modifiedAtMs = readTime(modified, days);
  return ENTRY_SHAPE.lastIndex === end && modifiedAtMs !== undefined
    ? { key, sizeBytes: Number(size), modifiedAtMs }
    : undefined;
}

/** When the days begin that the entries of a page are of, which are few. */
type Days = Map<string, number | undefined>;

function readTime(text: string, days: Days): number | undefined {
  const [, day = '', hours, minutes, seconds, fraction = ''] = TIME_SHAPE.exec(text) ?? [];
  if (!days.has(day)) {
    days.set(day, parseTime(`${day}T00:00:00Z`));
  }
  const startMs = days.get(day);
  const second = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return startMs === undefined ? undefined : startMs + second * 1_000 + Number(fraction.padEnd(3, '0'));
}

function matchShape(xml: string, shape: RegExp): RegExpExecArray | undefined {
  return xml.length <= SHAPE_LIMIT ? (shape.exec(xml) ?? undefined) : undefined;
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
