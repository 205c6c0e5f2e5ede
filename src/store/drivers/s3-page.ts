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
/** Elements with text in them, and the owner. */
const ENTRY_SHAPE =
  /^(?:\s*<(\w+)>[^<]*<\/\1>|\s*<Owner>(?:\s*<(ID|DisplayName)>[^<]*<\/\2>)*\s*<\/Owner>)*\s*$/;
const ROOT_SHAPE = /^(?:<\?xml[^<>]*\?>)?\s*<ListBucketResult[^<>]*>(.*)<\/ListBucketResult>\s*$/s;
/** Elements with text in them, or with nothing, but no entries. */
const PAGE_SHAPE = /^(?:\s*<(\w+)>[^<]*<\/\1>|\s*<(?!Contents)\w+ ?\/>)*\s*$/;
/** Longer ones are not looked at: such a page is not one of S3's. */
const SHAPE_LIMIT = 64 * KIB;
const TIME_SHAPE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;

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
  let end = 0;
  for (let start = xml.indexOf(OPEN); start !== -1; start = xml.indexOf(OPEN, end)) {
    rest.push(xml.slice(end, start));
    const close = xml.indexOf(CLOSE, start);
    const entry = close === -1 ? undefined : readEntry(xml.slice(start + OPEN.length, close));
    if (entry === undefined) {
      return undefined;
    }
    entries.push(entry);
    end = close + CLOSE.length;
  }
  rest.push(xml.slice(end));
  const [, inner] = matchShape(rest.join(TAKEN), ROOT_SHAPE) ?? [];
  const isKnown = inner !== undefined && matchShape(inner, PAGE_SHAPE) !== undefined;
  return isKnown ? { entries, rest: rest.join('') } : undefined;
}

/** Undefined: something is missing, is there twice, is not as expected, or needs decoding. */
function readEntry(xml: string): PageEntry | undefined {
  if (matchShape(xml, ENTRY_SHAPE) === undefined) {
    return undefined;
  }
  const key = contentOf(xml, 'Key');
  const size = contentOf(xml, 'Size');
  const modified = contentOf(xml, 'LastModified');
  const modifiedAtMs = TIME_SHAPE.test(modified) ? parseTime(modified) : undefined;
  const isPlain = /^[!-%'-;=-~]+$/.test(key) && /^\d{1,16}$/.test(size);
  return isPlain && modifiedAtMs !== undefined ? { key, sizeBytes: Number(size), modifiedAtMs } : undefined;
}

function matchShape(xml: string, shape: RegExp): RegExpExecArray | undefined {
  return xml.length <= SHAPE_LIMIT ? (shape.exec(xml) ?? undefined) : undefined;
}

/** What lies between the tags; empty: they are not there once each. */
function contentOf(xml: string, name: string): string {
  const [open, close] = [`<${name}>`, `</${name}>`];
  const start = xml.indexOf(open) + open.length;
  const end = xml.indexOf(close, start);
  const isOne = start >= open.length && end !== -1 && xml.indexOf(open, end) === -1;
  return isOne ? xml.slice(start, end) : '';
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
