/** How batches and snapshots are compressed. What does it is in codec.ts, which takes longer to load. */
export interface Compression {
  readonly name: CompressionName;
  readonly level: number;
}

export type CompressionName = 'zstd' | 'gzip';

/** The levels of one of them go from 1 to the maximum. */
interface CompressionLevels {
  readonly name: CompressionName;
  readonly defaultLevel: number;
  readonly maximumLevel: number;
}

const ZSTD: CompressionLevels = { name: 'zstd', defaultLevel: 1, maximumLevel: 19 };

/** Every one there is, the default first. */
export const COMPRESSIONS: readonly CompressionLevels[] = [
  ZSTD,
  { name: 'gzip', defaultLevel: 6, maximumLevel: 9 },
];

export const DEFAULT_COMPRESSION: Compression = { name: ZSTD.name, level: ZSTD.defaultLevel };
