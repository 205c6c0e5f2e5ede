import { fc } from '@fast-check/vitest';
import { type BatchHeader, nextChain } from '../../src/archive/batch-header.ts';
import { CODECS, LOCATE_BYTES } from '../../src/archive/codec.ts';
import { crc32, isSha256 } from '../../src/kernel/digest.ts';
import { isOffset } from '../../src/kernel/offset.ts';

/** Changes bytes; the same bytes give the same ones. */
export type Mutation = (bytes: Buffer) => Buffer;

/** A mutation that a counterexample shows by its name and what was drawn for it. */
function mutation<Drawn>(
  name: string,
  drawn: fc.Arbitrary<Drawn>,
  apply: (bytes: Buffer, drawn: Drawn) => Buffer,
): fc.Arbitrary<Mutation> {
  return drawn.map((value) =>
    Object.assign((bytes: Buffer) => apply(bytes, value), {
      [fc.toStringMethod]: () => `${name} ${fc.stringify(value)}`,
    }),
  );
}

/** Where in some bytes, whatever their length: a share of it. Not a double: most of those are next to 0. */
const place = fc.nat(9_999).map((share) => share / 10_000);
const at = (bytes: Buffer, share: number) => Math.floor(bytes.length * share);
const span = fc
  .tuple(place, place)
  .map(([left, right]) => [Math.min(left, right), Math.max(left, right)] as const);

const flipBits = mutation(
  'flip bits',
  fc.array(fc.tuple(place, fc.nat(7)), { minLength: 1, maxLength: 4 }),
  (bytes, flips) => {
    const flipped = Buffer.from(bytes);
    for (const [share, bit] of bytes.length === 0 ? [] : flips) {
      flipped.writeUInt8(flipped.readUInt8(at(bytes, share)) ^ (1 << bit), at(bytes, share));
    }
    return flipped;
  },
);

const cut = mutation('cut', span, (bytes, [start, end]) =>
  Buffer.concat([bytes.subarray(0, at(bytes, start)), bytes.subarray(at(bytes, end))]),
);

const truncate = mutation('truncate', place, (bytes, share) => bytes.subarray(0, at(bytes, share)));

const duplicate = mutation('duplicate', span, (bytes, [start, end]) =>
  Buffer.concat([bytes.subarray(0, at(bytes, end)), bytes.subarray(at(bytes, start))]),
);

const insert = mutation(
  'insert',
  fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 40 })),
  (bytes, [share, added]) =>
    Buffer.concat([bytes.subarray(0, at(bytes, share)), added, bytes.subarray(at(bytes, share))]),
);

const append = mutation('append', fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes, added) =>
  Buffer.concat([bytes, added]),
);

/** Four bytes become a number that lengths are not made for. */
const extremeNumber = mutation(
  'write number',
  fc.tuple(fc.nat(24), fc.constantFrom(0, 1, 4, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff)),
  (bytes, [start, number]) => {
    const changed = Buffer.from(bytes);
    if (start + 4 <= changed.length) {
      changed.writeUInt32LE(number, start);
    }
    return changed;
  },
);

/** The beginning of one object and the end of another. */
const splice = (others: readonly Buffer[]) =>
  mutation('splice', fc.tuple(fc.constantFrom(...others), place, place), (bytes, [other, head, tail]) =>
    Buffer.concat([bytes.subarray(0, at(bytes, head)), other.subarray(at(other, tail))]),
  );

const replaceAll = mutation('replace', fc.uint8Array({ maxLength: 100 }), (_, bytes) => Buffer.from(bytes));

/** What bad disks, bad networks and bad copies do. `others` are objects that may be mixed in. */
export const byteMutation = (others: readonly Buffer[]): fc.Arbitrary<Mutation> =>
  fc.oneof(flipBits, cut, truncate, duplicate, insert, append, extremeNumber, splice(others), replaceAll);

/** JSON that is no number a writer writes, or no value at all; as text, because not all of it can be stringified. */
const HOSTILE_JSON = [
  ...[
    '-1',
    '-0',
    '0.5',
    '1e-7',
    '1e308',
    '1e999',
    '2147483648',
    '4294967296',
    '67108865',
    '8640000000000001',
  ],
  ...['9007199254740990', '9007199254740991', '9007199254740992', '99999999999999999999'],
  ...[
    'null',
    'true',
    '""',
    '"0"',
    '"NaN"',
    '"Infinity"',
    '"__proto__"',
    '"\\u0000"',
    '"\\ud800"',
    '[]',
    '{}',
  ],
  ...['{"toString":1}', '{"valueOf":1,"toString":null}', '{"__proto__":null}', '{"__proto__":{"length":3}}'],
  ...['[[1,1,1]]', '[[1e999,1,0]]', '[[-1,-1,-1]]', '{"length":1e9}', '[null]', `"${'9'.repeat(400)}"`],
  ...[`${'['.repeat(5_000)}${']'.repeat(5_000)}`, `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`],
  ...[`[${'[4194304,8388608,0],'.repeat(700)}[1,1,0]]`, `[${'[0,0,0],'.repeat(1_800)}[1,1,0]]`],
];

const hostileJson = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...HOSTILE_JSON) },
  { weight: 1, arbitrary: fc.maxSafeInteger().map(String) },
  { weight: 1, arbitrary: fc.json() },
);

const MARK = '@ hostile @';

/** JSON of an object in which one value, at any depth, is another, missing, or there twice. */
export const jsonMutation = mutation(
  'change JSON',
  fc.tuple(place, hostileJson, fc.constantFrom('replace', 'remove', 'repeat', 'near')),
  (bytes, [share, text, how]) => {
    const value: unknown = JSON.parse(bytes.toString());
    const holders = holdersOf(value);
    const [holder, name] = holders[Math.floor(holders.length * share)] ?? [{}, 'none'];
    const old = holder[name];
    if (how === 'remove') {
      delete holder[name];
      return Buffer.from(JSON.stringify(value));
    }
    holder[name] = MARK;
    const json = JSON.stringify(value);
    const twice = how === 'repeat' && json.includes(`:"${MARK}"`);
    const repeated = `${JSON.stringify(old)},${JSON.stringify(name)}:${text}`;
    const near = how === 'near' ? nearTo(old, text) : text;
    return Buffer.from(json.replace(`"${MARK}"`, () => (twice ? repeated : near)));
  },
);

/** A value of the same kind: the next number, another hash. */
function nearTo(old: unknown, otherwise: string): string {
  if (typeof old === 'number') {
    return String(old + (old % 2 === 0 ? 1 : -1));
  }
  return isSha256(old) ? JSON.stringify('ab'.repeat(32)) : otherwise;
}

type Holder = Record<string, unknown>;

/** Headers and claims are not deeper. */
const DEPTH_LIMIT = 4;

/** Every place of a value in a JSON value: what holds it, and under which name. */
function holdersOf(value: unknown, depth = 0): [Holder, string][] {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  if (depth > DEPTH_LIMIT) {
    throw new Error('too deep to be changed again');
  }
  const holder = value as Holder;
  return Object.keys(holder).flatMap((name) => [[holder, name], ...holdersOf(holder[name], depth + 1)]);
}

/** A batch whose header's JSON is changed and whose CRC is right again; with `relink` its chain too. */
export const headerMutation = mutation(
  'change header',
  fc.record({ mutations: fc.array(jsonMutation, { minLength: 1, maxLength: 2 }), relink: fc.boolean() }),
  (batch, { mutations, relink }) => {
    const { codec, location } = locate(batch);
    let json = batch.subarray(location.contentStart + 4, location.contentEnd);
    for (const mutate of mutations) {
      json = isSimpleJson(json) ? mutate(json) : json;
    }
    const content = withCrc(relink && isSimpleJson(json) ? relinked(json) : json);
    return content.length > GZIP_HEADER_LIMIT_BYTES
      ? batch
      : Buffer.concat([codec.wrapHeader(content), batch.subarray(location.framesStart)]);
  },
);

/**
 * A batch with some frames of another one, all its checksums but that of the payload right again. `others` are batches;
 * the one that starts at the same offset is taken.
 */
export const frameMutation = (others: readonly Buffer[]): fc.Arbitrary<Mutation> =>
  mutation(
    'frames of another history',
    fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    (batch, chosen) => {
      const mine = takeApart(batch);
      const theirs = others.map(takeApart).find(({ header }) => header.first === mine.header.first) ?? mine;
      const pick = <Part>(own: readonly Part[], foreign: readonly Part[]) =>
        own.map((part, index) => (chosen[index] === true ? (foreign[index] ?? part) : part));
      const header = { ...mine.header, frames: pick(mine.header.frames, theirs.header.frames) };
      const start = mine.codec.wrapHeader(withCrc(Buffer.from(JSON.stringify(header))));
      return Buffer.concat([start, ...pick(mine.frames, theirs.frames)]);
    },
  );

function takeApart(batch: Buffer) {
  const { codec, location } = locate(batch);
  const json = batch.subarray(location.contentStart + 4, location.contentEnd);
  const header = JSON.parse(json.toString()) as BatchHeader;
  let at = location.framesStart;
  const frames = header.frames.map(([, storedBytes]) => {
    at += storedBytes;
    return batch.subarray(at - storedBytes, at);
  });
  return { codec, header, frames };
}

/** What fits in the extra field of a gzip member; far above the limit of a header. */
const GZIP_HEADER_LIMIT_BYTES = 60_000;

function locate(batch: Buffer) {
  for (const codec of CODECS) {
    const location = codec.locateHeader(batch.subarray(0, LOCATE_BYTES));
    if (location !== undefined) {
      return { codec, location };
    }
  }
  throw new Error('only batches have a header to change');
}

/** JSON of an object that {@link jsonMutation} can change, and not so deep that its own recursion would end. */
function isSimpleJson(bytes: Buffer): boolean {
  try {
    return holdersOf(JSON.parse(bytes.toString())).length > 0;
  } catch {
    return false;
  }
}

/** With the chain and the last observation that follow from the other fields, where those are such that they do. */
function relinked(json: Buffer): Buffer {
  const header = JSON.parse(json.toString());
  const { prev, first, end, sha256, observed } = header;
  const last = Array.isArray(observed) ? observed.at(-1) : undefined;
  if (![prev, sha256].every(isSha256) || ![first, end].every(isOffset) || !Array.isArray(last)) {
    return json;
  }
  last[0] = end;
  return Buffer.from(JSON.stringify({ ...header, chain: nextChain(prev, first, end, sha256) }));
}

function withCrc(json: Buffer): Buffer {
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(json));
  return Buffer.concat([crc, json]);
}
