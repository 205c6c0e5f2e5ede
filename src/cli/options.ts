import { COMPRESSIONS, type Compression } from '../archive/compression.ts';
import { parseTime } from '../kernel/clock.ts';
import { parseDuration } from '../kernel/duration.ts';
import { RigError } from '../kernel/errors.ts';
import { type Offset, parseOffset } from '../kernel/offset.ts';
import { parseSize } from '../kernel/size.ts';

/** What `--at` may say; a relative time becomes one when the command runs. */
export type AskedPoint =
  | { readonly kind: 'latest' }
  | { readonly kind: 'offset'; readonly offset: Offset }
  | { readonly kind: 'time'; readonly atMs: number }
  | { readonly kind: 'ago'; readonly agoMs: number };

/** A limit as the user would write it, so that messages name it in his words. */
export interface Limits {
  readonly minimum: string;
  readonly maximum: string;
}

/** A parser for sizes within limits; the limits are included. */
export function sizeParser(flag: string, limits: Limits): (text: string) => number {
  const hint = `give a size from ${limits.minimum} to ${limits.maximum}, such as 64KiB or 8MiB`;
  return (text) => within(flag, text, parseSize, limits, 'a size', hint);
}

/** A parser for durations in milliseconds within limits; the limits are included. */
export function durationParser(flag: string, limits: Limits): (text: string) => number {
  const hint = `give a duration from ${limits.minimum} to ${limits.maximum}, such as 500ms, 1s or 5m`;
  return (text) => within(flag, text, parseDuration, limits, 'a duration', hint);
}

function within(
  flag: string,
  text: string,
  parse: (text: string) => number | undefined,
  { minimum, maximum }: Limits,
  what: string,
  hint: string,
): number {
  const value = parse(text);
  if (value === undefined) {
    throw usage(`${flag}: ${quote(text)} is not ${what}`, hint);
  }
  if (value < (parse(minimum) ?? 0)) {
    throw usage(`${flag}: ${text} is below ${minimum}, the least it may be`, hint);
  }
  if (value > (parse(maximum) ?? Number.POSITIVE_INFINITY)) {
    throw usage(`${flag}: ${text} is above ${maximum}, the most it may be`, hint);
  }
  return value;
}

/** What a number given by the user may be. */
export interface NumberLimits {
  readonly minimum: number;
  readonly maximum: number;
  /** Without a fraction. */
  readonly whole: boolean;
}

/** A parser for plain decimal numbers within limits; the limits are included. */
export function numberParser(flag: string, limits: NumberLimits): (text: string) => number {
  const { minimum, maximum, whole } = limits;
  const kind = whole ? 'a whole number' : 'a number';
  return (text) => {
    const value = (whole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) {
      return value;
    }
    const hint = `give ${kind} from ${minimum} to ${maximum}`;
    throw usage(`${flag}: ${quote(text)} is not ${kind} from ${minimum} to ${maximum}`, hint);
  };
}

const POINT_HINT =
  'give "latest", an offset (12345 or 0x48e), a time with its zone (2026-11-21T10:32:07Z), or "10m ago"';

/** Reads the point in time of `--at`. */
export function parseAskedPoint(text: string): AskedPoint {
  if (text === 'latest') {
    return { kind: 'latest' };
  }
  const offset = parseOffset(text);
  if (offset !== undefined) {
    return { kind: 'offset', offset };
  }
  const agoMs = parseDuration(/^(\S+)\s+ago$/.exec(text)?.[1] ?? '');
  if (agoMs !== undefined) {
    return { kind: 'ago', agoMs };
  }
  const atMs = parseTime(text);
  if (atMs !== undefined) {
    return { kind: 'time', atMs };
  }
  if (parseTime(`${text}Z`) !== undefined) {
    throw usage(`--at: the time ${quote(text)} has no zone`, 'add the zone: Z for UTC, or +01:00');
  }
  throw usage(`--at: ${quote(text)} is not a point in time`, POINT_HINT);
}

/** Reads `zstd`, `zstd:3`, `gzip:9`. */
export function parseCompression(text: string): Compression {
  const [name = '', levelText, ...rest] = text.split(':');
  const known = COMPRESSIONS.find((candidate) => candidate.name === name);
  const hint = `give ${compressionChoices()}`;
  if (known === undefined || rest.length > 0) {
    throw usage(`--compression: ${quote(text)} is not a compression`, hint);
  }
  if (levelText === undefined) {
    return { name: known.name, level: known.defaultLevel };
  }
  const level = /^\d+$/.test(levelText) ? Number(levelText) : 0;
  if (level < 1 || level > known.maximumLevel) {
    throw usage(
      `--compression: ${quote(levelText)} is not a level of ${name}, which has 1 to ${known.maximumLevel}`,
      hint,
    );
  }
  return { name: known.name, level };
}

/** `zstd or zstd:1 to zstd:19; gzip or gzip:1 to gzip:9`. */
export function compressionChoices(): string {
  return COMPRESSIONS.map(({ name, maximumLevel }) => `${name} or ${name}:1 to ${name}:${maximumLevel}`).join(
    '; ',
  );
}

/** A parser for texts that must not be empty. */
export function textParser(flag: string, hint: string): (text: string) => string {
  return (text) => {
    if (text === '') {
      throw usage(`${flag} is empty`, hint);
    }
    return text;
  };
}

/** The command line itself is wrong. */
export function usage(message: string, hint: string): RigError {
  return new RigError('RIG_USAGE', message, { hint });
}

function quote(text: string): string {
  return JSON.stringify(text);
}
