import { type Clock, parseHttpDate } from '../../kernel/clock.ts';

/** A store that asks for more is asked again all the same: by then it, or what stands before it, may be mended. */
const LONGEST_WAIT_MS = 3_600_000;

/** `Retry-After` is in seconds, or a date. */
export function readRetryAfter(text: string | undefined, clock: Clock): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  if (/^\d+$/.test(text)) {
    return Math.min(Number(text) * 1_000, LONGEST_WAIT_MS);
  }
  const atMs = parseHttpDate(text);
  return atMs && Math.min(Math.max(0, atMs - clock.wallMs()), LONGEST_WAIT_MS);
}
