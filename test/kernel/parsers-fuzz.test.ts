import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  durationParser,
  numberParser,
  parseAskedPoint,
  parseCompression,
  sizeParser,
} from '../../src/cli/options.ts';
import { offsetOfName } from '../../src/journal/snapshots/names.ts';
import { formatTime, parseHttpDate, parseTime, systemClock } from '../../src/kernel/clock.ts';
import { parseDuration } from '../../src/kernel/duration.ts';
import { isRigError } from '../../src/kernel/errors.ts';
import { nodeFileSystem } from '../../src/kernel/filesystem.ts';
import { fromHex16, isOffset, parseOffset, toHex16 } from '../../src/kernel/offset.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { parseSize } from '../../src/kernel/size.ts';
import { parseS3Url } from '../../src/store/drivers/s3-location.ts';
import { openStore } from '../../src/store/registry.ts';
import { OFTEN } from '../support/fuzzing.ts';

/** Words that these texts are made of, and others that look alike. */
const word = fc.oneof(
  fc.constantFrom(...'0123456789abcdefxXTZ+-.,:/ \t\n\0%?#@٣'),
  fc.constantFrom(
    'KiB',
    'MiB',
    'TiB',
    'kB',
    'ms',
    's',
    'm',
    'h',
    'd',
    'w',
    ' ago',
    'latest',
    'zstd',
    'gzip',
    ':',
  ),
  fc.constantFrom(
    '9007199254740991',
    '9007199254740992',
    '1e3',
    'NaN',
    'Infinity',
    '__proto__',
    '2026-11-21',
  ),
  fc.constantFrom(
    'T10:32:07',
    '+01:00',
    'Sat, 21 Nov 2026 10:32:07 GMT',
    's3://',
    'file:',
    'endpoint=',
    'bucket',
  ),
  fc.constantFrom('9'.repeat(400), ' '.repeat(50_000)),
  fc.string({ unit: 'binary', maxLength: 5 }),
);
const text = fc.array(word, { maxLength: 6 }).map((words) => words.join(''));

/** What the call gives, or undefined when it refuses with a usage error. */
function orUsage<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    if (isRigError(error) && error.kind === 'usage') {
      return undefined;
    }
    throw error;
  }
}

/** Exactly that many, counted without rounding; undefined: more than there are, or part of one. */
function exactly(whole: string, fraction: string, unit: bigint): number | undefined {
  const scaled = BigInt(whole + fraction) * unit;
  const value = scaled / 10n ** BigInt(fraction.length);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

const SIZES = new Map([
  ['', 1n],
  ['B', 1n],
  ['KiB', 2n ** 10n],
  ['MiB', 2n ** 20n],
  ['GiB', 2n ** 30n],
  ['TiB', 2n ** 40n],
]);
const SPANS = new Map([
  ['ms', 1n],
  ['s', 1_000n],
  ['m', 60_000n],
  ['h', 3_600_000n],
  ['d', 86_400_000n],
  ['w', 604_800_000n],
]);
const digits = fc.oneof(fc.maxSafeNat().map(String), fc.stringMatching(/^[0-9]{1,30}$/));

describe('any text', () => {
  test.prop([text], OFTEN)('is a number that its kind can have, or none', (given) => {
    for (const number of [
      parseSize(given),
      parseDuration(given),
      orUsage(() => parseOffset(given)),
      fromHex16(given),
    ]) {
      expect(number === undefined || isOffset(number)).toBe(true);
    }
    for (const parse of [
      sizeParser('--size', { minimum: '4KiB', maximum: '64MiB' }),
      durationParser('--span', { minimum: '1s', maximum: '1w' }),
      numberParser('--count', { minimum: 1, maximum: 1_000_000, whole: true }),
    ]) {
      const number = orUsage(() => parse(given)) ?? 1;
      expect(number >= 1 && number <= 604_800_000).toBe(true);
    }
    orUsage(() => parseCompression(given));
  });

  test.prop([text], OFTEN)('is a point in time that is told again as it is, or none', (given) => {
    const asked = orUsage(() => parseAskedPoint(given));
    const number = asked?.kind === 'offset' ? asked.offset : asked?.kind === 'ago' ? asked.agoMs : 0;
    expect(isOffset(number)).toBe(true);
    for (const atMs of [parseTime(given), parseHttpDate(given)]) {
      expect(atMs === undefined || parseTime(formatTime(atMs)) === atMs).toBe(true);
    }
  });

  test.prop([text, fc.constantFrom('hex', 'dec', undefined)], OFTEN)(
    'is the offset it says, or none',
    (given, names) => {
      const offset = orUsage(() => offsetOfName(given, names));
      if (offset !== undefined) {
        const isHex = /^0x|[a-f]/i.test(given) || (given.length === 16 && names === 'hex');
        expect(BigInt(offset)).toBe(BigInt(isHex ? `0x${given.replace(/^0x/i, '')}` : given));
      }
      const listed = fromHex16(given);
      expect(listed === undefined || toHex16(listed) === given).toBe(true);
    },
  );

  test.prop([text], OFTEN)('is an archive that can be opened, or a usage error', async (given) => {
    const environment = {
      fileSystem: nodeFileSystem,
      clock: systemClock,
      random: systemRandom,
      environment: {},
    };
    if (URL.canParse(given)) {
      orUsage(() => parseS3Url(new URL(given)));
    }
    if (!/^s3:/i.test(given)) {
      await openStore(given, environment).then(
        (store) => expect(store.url).toMatch(/^file:\//),
        (error: unknown) => expect(isRigError(error, 'RIG_CONFIG_INVALID')).toBe(true),
      );
    }
  });
});

describe('a number with its unit', () => {
  test.prop([digits, fc.constantFrom(...SIZES.keys())], OFTEN)('is exact, or too large', (number, unit) => {
    expect(parseSize(`${number}${unit}`)).toBe(exactly(number, '', SIZES.get(unit) ?? 0n));
  });

  test.prop([digits, fc.constantFrom(...SPANS.keys())], OFTEN)('is a span, or too large', (number, unit) => {
    expect(parseDuration(`${number}${unit}`)).toBe(exactly(number, '', SPANS.get(unit) ?? 0n));
  });

  test.prop([digits], OFTEN)('is an offset, in decimal and hex, or too large', (number) => {
    const offset = exactly(number, '', 1n);
    expect(orUsage(() => parseOffset(number))).toBe(offset);
    expect(orUsage(() => parseOffset(`0x${BigInt(number).toString(16)}`))).toBe(offset);
  });
});
