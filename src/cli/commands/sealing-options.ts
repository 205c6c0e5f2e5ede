import { Option } from 'commander';
import { DEFAULT_COMPRESSION } from '../../archive/compression.ts';
import { DEFAULT_FULL_RATIO } from '../../archive/snapshot-policy.ts';
import { compressionChoices, numberParser, parseCompression } from '../options.ts';

/** How what is stored is compressed. */
export function compressionOption(): Option {
  return new Option('--compression <name[:level]>', compressionChoices())
    .argParser(parseCompression)
    .default(DEFAULT_COMPRESSION, DEFAULT_COMPRESSION.name);
}

/**
 * When a snapshot is stored whole instead of as an increment. Without a default: it can be told whether it is given.
 */
export function fullRatioOption(): Option {
  return new Option(
    '--full-ratio <ratio>',
    'a full snapshot when the increments since the last full are more than so much of it ' +
      `(default: ${DEFAULT_FULL_RATIO}; 0: always a full one)`,
  ).argParser(numberParser('--full-ratio', { minimum: 0, maximum: 100, whole: false }));
}
