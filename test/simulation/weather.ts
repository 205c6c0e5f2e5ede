import { RigError } from '../../src/kernel/errors.ts';
import type { Dice } from './dice.ts';
import { LAG_LIMIT_MS } from './listings.ts';

/** How bad things are between the processes and the store. */
export type Weather = 'clear' | 'gusty' | 'stormy' | 'outage';

const FAULT_RATES: Readonly<Record<Weather, number>> = { clear: 0, gusty: 0.12, stormy: 0.5, outage: 1 };

/**
 * before: refused, nothing happened. refused: the same, with a time to wait. slow: answered, but late. lost: it
 * happened, and no answer comes. after: it happened, and the answer is an error.
 */
type CommonFault = 'before' | 'refused' | 'slow' | 'lost' | 'after';
/** late: it happens after the caller has given up. exists: it happened, and the answer says that it had before. */
export type PutFault = CommonFault | 'late' | 'exists';
/** cut: the body breaks off. short: it ends early as if that were all. corrupt: a byte of it is another one. */
export type GetFault = CommonFault | 'cut' | 'short' | 'corrupt';
/** cut: it breaks off. */
export type ListFault = CommonFault | 'cut';
/** late: it happens after the caller has given up. cut: it breaks off. */
export type RemovalFault = CommonFault | 'late' | 'cut';

const COMMON: Readonly<Record<CommonFault, number>> = { before: 3, refused: 1, slow: 1, lost: 1, after: 1 };
const PUT: Readonly<Record<PutFault, number>> = { ...COMMON, lost: 3, after: 2, late: 3, exists: 2 };
const GET: Readonly<Record<GetFault, number>> = { ...COMMON, cut: 3, short: 0.1, corrupt: 0.1 };
const LIST: Readonly<Record<ListFault, number>> = { ...COMMON, cut: 3 };
/** cut: only some of the keys are removed. */
const REMOVAL: Readonly<Record<RemovalFault, number>> = { ...COMMON, cut: 3, late: 2 };
/** Of pages, where listings lag. */
const LATE_PAGE_RATE = 0.7;
/** Nothing gets through; what was sent may be on its way all the same. */
const OUTAGE = { before: 5, late: 1 } as const;

export class Forecast {
  weather: Weather = 'clear';
  /** Are bodies damaged on their way? */
  corrupts = false;
  /** Do listings show what was there a while ago, in whatever weather? */
  listsLate = false;

  forPut(dice: Dice): PutFault | undefined {
    if (!this.#strikes(dice)) {
      return undefined;
    }
    return this.weather === 'outage' ? dice.weighted(OUTAGE) : dice.weighted(PUT);
  }

  forGet(dice: Dice): GetFault | undefined {
    if (!this.#strikes(dice)) {
      return undefined;
    }
    const fault = this.weather === 'outage' ? 'before' : dice.weighted(GET);
    return !this.corrupts && (fault === 'short' || fault === 'corrupt') ? 'cut' : fault;
  }

  forList(dice: Dice): ListFault | undefined {
    if (!this.#strikes(dice)) {
      return undefined;
    }
    return this.weather === 'outage' ? 'before' : dice.weighted(LIST);
  }

  /** By how much a page of a listing is behind, each by its own. */
  lagMs(dice: Dice): number {
    return this.listsLate && dice.chance(LATE_PAGE_RATE) ? dice.scaled(20, LAG_LIMIT_MS) : 0;
  }

  forRemoval(dice: Dice): RemovalFault | undefined {
    if (!this.#strikes(dice)) {
      return undefined;
    }
    return this.weather === 'outage' ? dice.weighted(OUTAGE) : dice.weighted(REMOVAL);
  }

  #strikes(dice: Dice): boolean {
    return this.weather !== 'clear' && dice.chance(FAULT_RATES[this.weather]);
  }
}

export function unavailable(what: string, retryAfterMs?: number): RigError {
  return new RigError(
    'RIG_STORE_UNAVAILABLE',
    `${what}: planted`,
    retryAfterMs === undefined ? {} : { retryAfterMs },
  );
}
