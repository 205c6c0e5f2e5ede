export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

const UNITS: Record<string, number> = {
  '': 1,
  B: 1,
  KiB: KIB,
  MiB: MIB,
  GiB: GIB,
  TiB: 1024 * GIB,
};

/** Reads `4096`, `64KiB`, `8MiB`, `1.5GiB` into bytes. Returns undefined for anything else, `8MB` among it. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s?(B|KiB|MiB|GiB|TiB)?$/.exec(text);
  const unitBytes = UNITS[match?.[2] ?? ''];
  if (match === null || unitBytes === undefined) {
    return undefined;
  }
  const sizeBytes = Number(match[1]) * unitBytes;
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}

/** For people, in IEC units with three figures at most: `0 B`, `1.50 KiB`, `12.3 MiB`, `128 GiB`. */
export function showSize(sizeBytes: number): string {
  if (sizeBytes < KIB) {
    return `${Math.round(sizeBytes)} B`;
  }
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  let value = sizeBytes / KIB;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= KIB;
    unit += 1;
  }
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
