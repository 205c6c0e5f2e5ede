/** Time comes in through this interface, so that a simulation can drive it. Only this file touches Date and timers. */
export interface Clock {
  /** Wall-clock time in Unix milliseconds, an integer. It may jump. */
  wallMs(): number;
  /** Milliseconds that never go backwards, from an arbitrary start. It may stand still while a machine sleeps. */
  monotonicMs(): number;
  /**
   * Resolves after `durationMs`. Rejects with the signal's reason as soon as `signal` is aborted, at once when
   * it already is.
   */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

class SystemClock implements Clock {
  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return Number(process.hrtime.bigint()) / 1e6;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.min(durationMs, 2 ** 31 - 1),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

export const systemClock: Clock = new SystemClock();

/** What RFC 3339 can write: the years 0000 to 9999. */
const [FIRST_TIME_MS, LAST_TIME_MS] = [-62_167_219_200_000, 253_402_300_799_999];

/**
 * RFC 3339 in UTC with milliseconds: `2026-11-21T10:32:07.000Z`. Of a time that it cannot write, which a broken
 * clock or a damaged file may give, the nearest that it can.
 */
export function formatTime(unixMs: number): string {
  return new Date(Math.min(Math.max(unixMs, FIRST_TIME_MS), LAST_TIME_MS)).toISOString();
}

/**
 * Reads an RFC 3339 time with a zone (`2026-11-21T10:32:07Z`, `2026-11-21 11:32:07.5+01:00`) into Unix milliseconds.
 * Returns undefined for anything else, also for a time without a zone or a day that does not exist.
 */
export function parseTime(text: string): number | undefined {
  const match =
    /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})$/.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match;
  const milliseconds = fraction.slice(0, 3).padEnd(3, '0');
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}`;
  const asUtc = Date.parse(`${local}Z`);
  // The 30th of February would be the 2nd of March, and 24:00 the next day.
  if (Number.isNaN(asUtc) || new Date(asUtc).getUTCDate() !== Number(day)) {
    return undefined;
  }
  const unixMs = zone === 'Z' ? asUtc : Date.parse(`${local}${zone.toUpperCase()}`);
  return Number.isNaN(unixMs) ? undefined : unixMs;
}

/**
 * Reads an HTTP date (`Sat, 21 Nov 2026 10:32:07 GMT`) into Unix milliseconds; undefined when it is none, or in one of
 * the two forms that nobody has been allowed to send since 1997.
 */
export function parseHttpDate(text: string): number | undefined {
  const unixMs = Date.parse(text);
  return !Number.isNaN(unixMs) && new Date(unixMs).toUTCString() === text ? unixMs : undefined;
}
