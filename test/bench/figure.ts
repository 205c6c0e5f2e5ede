import { showSize } from '../../src/kernel/size.ts';

/** Several measurements of one thing. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export type Unit = 'ratio' | 'ms' | 'bytes' | 'percent' | 'requests' | 'a second' | 'dollars';

/** One number that a case gives. */
export interface Figure {
  readonly name: string;
  readonly unit: Unit;
  /** Undefined: it could not be measured, and `why` says why. */
  readonly value: Spread | undefined;
  readonly why?: string;
  /** What it must be; without either it is for information. */
  readonly atMost?: number;
  readonly atLeast?: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), min: quantile(values, 0), max: quantile(values, 1) };
}

/** The value that so large a share of the others does not exceed, with straight lines between values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  const at = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return below + (above - below) * (at - Math.floor(at));
}

/** A number that is known exactly, or that only one run gave. */
export function exactly(value: number): Spread {
  return { median: value, min: value, max: value };
}

/** Undefined: nothing is asked of it, or it could not be measured. */
export function isMet({ value, atMost, atLeast }: Figure): boolean | undefined {
  if (value === undefined || (atMost === undefined && atLeast === undefined)) {
    return undefined;
  }
  return value.median <= (atMost ?? Number.POSITIVE_INFINITY) && value.median >= (atLeast ?? 0);
}

/** `1.03 (0.98..1.10)`; the spread only where there is one. */
export function showSpread({ median, min, max }: Spread, unit: Unit): string {
  const spread = min === max ? '' : ` (${showNumber(min, unit)}..${showNumber(max, unit)})`;
  return `${showNumber(median, unit)}${spread}`;
}

export function showTarget({ unit, atMost, atLeast }: Figure): string {
  const limits = [
    ...(atMost === undefined ? [] : [`≤ ${showNumber(atMost, unit)}`]),
    ...(atLeast === undefined ? [] : [`≥ ${showNumber(atLeast, unit)}`]),
  ];
  return limits.join(', ');
}

function showNumber(value: number, unit: Unit): string {
  switch (unit) {
    case 'ratio':
      return value.toFixed(2);
    case 'ms':
      return value < 1_000 ? `${value.toFixed(0)} ms` : `${(value / 1_000).toFixed(2)} s`;
    case 'bytes':
      return showSize(value);
    case 'percent':
      return `${value.toFixed(value < 1 ? 2 : 1)} %`;
    case 'requests':
      return `${Math.round(value)}`;
    case 'a second':
      return `${Math.round(value).toLocaleString('en')}/s`;
    case 'dollars':
      return `$${value.toFixed(2)}`;
  }
}
