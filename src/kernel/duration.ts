const UNITS_MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Reads `250ms`, `1s`, `1.5m`, `2h`, `3d`, `1w` or a bare `0` into milliseconds. Returns undefined for anything
 * else: a bare number has no unit and is not guessed at.
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') {
    return 0;
  }
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text);
  const unitMs = UNITS_MS[match?.[2] ?? ''];
  if (match === null || unitMs === undefined) {
    return undefined;
  }
  const durationMs = Math.round(Number(match[1]) * unitMs);
  return Number.isSafeInteger(durationMs) ? durationMs : undefined;
}

/** For people, two figures at most: `850ms`, `12.3s`, `4m 05s`, `3h 10m`, `2d 4h`, `30d`. */
export function showDuration(durationMs: number): string {
  const totalMs = Math.max(0, durationMs);
  if (totalMs < 1_000) {
    return `${Math.round(totalMs)}ms`;
  }
  if (totalMs < 60_000) {
    return `${(Math.floor(totalMs / 100) / 10).toFixed(1)}s`;
  }
  const totalSeconds = Math.floor(totalMs / 1_000);
  const [days, hours, minutes, seconds] = [
    Math.floor(totalSeconds / 86_400),
    Math.floor(totalSeconds / 3_600) % 24,
    Math.floor(totalSeconds / 60) % 60,
    totalSeconds % 60,
  ];
  if (days > 0) {
    return hours === 0 ? `${days}d` : `${days}d ${hours}h`;
  }
  if (hours > 0) {
    return `${hours}h ${String(minutes).padStart(2, '0')}m`;
  }
  return `${minutes}m ${String(seconds).padStart(2, '0')}s`;
}
