import { Option } from 'commander';
import type { RetentionPolicy } from '../archive/retention-policy.ts';
import { durationParser, numberParser } from './options.ts';

/** What the options of a retention policy give. */
export interface RetentionFlags {
  readonly keepLast?: number;
  readonly keepWithin?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
}

/** The options that say what to keep; those of prune, and of a push that expires. */
export function retentionOptions(): readonly Option[] {
  return [
    countOption('--keep-last', 'every offset from the oldest of so many newest snapshots on'),
    new Option(
      '--keep-within <duration>',
      'every offset that was current within so long, such as 30d',
    ).argParser(durationParser('--keep-within', { minimum: '1s', maximum: '2600w' })),
    countOption('--keep-daily', 'the newest snapshot of each of so many last days (UTC) that have one'),
    countOption('--keep-weekly', 'the same for weeks, which begin on Monday'),
    countOption('--keep-monthly', 'the same for months'),
  ];
}

function countOption(flag: string, description: string): Option {
  const limits = { minimum: 1, maximum: 1_000_000, whole: true };
  return new Option(`${flag} <count>`, description).argParser(numberParser(flag, limits));
}

export function policyOf(flags: RetentionFlags): RetentionPolicy {
  const { keepLast, keepWithin, keepDaily, keepWeekly, keepMonthly } = flags;
  return { keepLast, keepWithinMs: keepWithin, keepDaily, keepWeekly, keepMonthly };
}
