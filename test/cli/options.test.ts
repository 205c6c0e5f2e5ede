import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  durationParser,
  parseAskedPoint,
  parseCompression,
  sizeParser,
  textParser,
} from '../../src/cli/options.ts';
import { formatTime } from '../../src/kernel/clock.ts';
import { isRigError } from '../../src/kernel/errors.ts';

/** The usage error that a call throws. */
function refusal(call: () => unknown): { message: string; hint: string | undefined } {
  try {
    call();
  } catch (error) {
    if (isRigError(error, 'RIG_USAGE')) {
      return { message: error.message, hint: error.hint };
    }
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a size', () => {
  const parse = sizeParser('--batch-bytes', { minimum: '4KiB', maximum: '64MiB' });

  it('may be either limit', () => {
    expect(parse('4KiB')).toBe(4_096);
    expect(parse('64MiB')).toBe(67_108_864);
  });

  it.each([
    ['8MB', '--batch-bytes: "8MB" is not a size'],
    ['', '--batch-bytes: "" is not a size'],
    ['-1', '--batch-bytes: "-1" is not a size'],
    ['4095', '--batch-bytes: 4095 is below 4KiB, the least it may be'],
    ['65MiB', '--batch-bytes: 65MiB is above 64MiB, the most it may be'],
  ])('%j is refused', (text, message) => {
    expect(refusal(() => parse(text))).toEqual({
      message,
      hint: 'give a size from 4KiB to 64MiB, such as 64KiB or 8MiB',
    });
  });
});

describe('a duration', () => {
  const parse = durationParser('--interval', { minimum: '0', maximum: '1h' });

  it('may be either limit', () => {
    expect(parse('0')).toBe(0);
    expect(parse('1h')).toBe(3_600_000);
  });

  it.each([
    ['5', '--interval: "5" is not a duration'],
    ['-1s', '--interval: "-1s" is not a duration'],
    ['61m', '--interval: 61m is above 1h, the most it may be'],
  ])('%j is refused', (text, message) => {
    expect(refusal(() => parse(text))).toEqual({
      message,
      hint: 'give a duration from 0 to 1h, such as 500ms, 1s or 5m',
    });
  });
});

describe('a point in time', () => {
  it('may be the latest', () => {
    expect(parseAskedPoint('latest')).toEqual({ kind: 'latest' });
  });

  test.prop([fc.maxSafeNat()])('may be an offset, in decimal and in hex', (offset) => {
    const asked = { kind: 'offset', offset };
    expect(parseAskedPoint(String(offset))).toEqual(asked);
    expect(parseAskedPoint(`0x${offset.toString(16)}`)).toEqual(asked);
  });

  test.prop([fc.integer({ min: 0, max: 4_102_444_800_000 })])('may be a time as we print it', (atMs) => {
    expect(parseAskedPoint(formatTime(atMs))).toEqual({ kind: 'time', atMs });
  });

  it('may be a time in another zone', () => {
    const utc = parseAskedPoint('2026-11-21T10:32:07Z');
    expect(parseAskedPoint('2026-11-21T11:32:07+01:00')).toEqual(utc);
  });

  it('may be a while ago', () => {
    expect(parseAskedPoint('10m ago')).toEqual({ kind: 'ago', agoMs: 600_000 });
    expect(parseAskedPoint('1.5h  ago')).toEqual({ kind: 'ago', agoMs: 5_400_000 });
  });

  it.each([
    '',
    'yesterday',
    '10m',
    'm ago',
    ' ago',
    '2026-11-21',
    '0x',
    '12.5',
    '2026-02-30T10:32:07Z',
    '-1',
  ])('%j is refused', (text) => {
    const { message, hint } = refusal(() => parseAskedPoint(text));
    expect(message).toBe(`--at: ${JSON.stringify(text)} is not a point in time`);
    expect(hint).toContain('12345 or 0x48e');
  });

  it('without a zone is refused with the very reason', () => {
    expect(refusal(() => parseAskedPoint('2026-11-21T10:32:07'))).toEqual({
      message: '--at: the time "2026-11-21T10:32:07" has no zone',
      hint: 'add the zone: Z for UTC, or +01:00',
    });
  });

  it('beyond what can be counted is refused', () => {
    expect(refusal(() => parseAskedPoint('9007199254740992')).message).toContain('2^53-1');
  });
});

describe('a compression', () => {
  it.each([
    ['zstd', { name: 'zstd', level: 1 }],
    ['zstd:19', { name: 'zstd', level: 19 }],
    ['gzip', { name: 'gzip', level: 6 }],
    ['gzip:9', { name: 'gzip', level: 9 }],
  ])('%s is known', (text, compression) => {
    expect(parseCompression(text)).toEqual(compression);
  });

  it.each(['', 'lz4', 'ZSTD', 'zstd:', 'zstd:0', 'zstd:20', 'zstd:1.5', 'gzip:10', 'gzip:6:1'])(
    '%j is refused',
    (text) => {
      const { message, hint } = refusal(() => parseCompression(text));
      expect(message).toMatch(/^--compression: ".*" is not a /);
      expect(hint).toBe('give zstd or zstd:1 to zstd:19; gzip or gzip:1 to gzip:9');
    },
  );
});

it('a text must not be empty', () => {
  const parse = textParser('--to', 'give a path');
  expect(parse('out')).toBe('out');
  expect(refusal(() => parse(''))).toEqual({ message: '--to is empty', hint: 'give a path' });
});
