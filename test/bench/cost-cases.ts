import { systemClock } from '../../src/kernel/clock.ts';
import { showSize } from '../../src/kernel/size.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { BenchCase } from './case.ts';
import { exactly } from './figure.ts';
import { eventLines, Followed } from './followed.ts';
import { placeOf } from './s3-cases.ts';
import { type Requests, showRequests } from './s3-proxy.ts';
import type { Bench } from './scene.ts';

/** What Amazon S3 Standard costs in us-east-1 by its list, in dollars. */
const PRICES = { per1000Puts: 0.005, per1000Gets: 0.0004, perGbMonth: 0.023 };
const PRICE_NOTE =
  `Amazon S3 Standard, us-east-1, by list: $${PRICES.per1000Puts} per 1,000 PUT, POST and LIST, ` +
  `$${PRICES.per1000Gets} per 1,000 GET and HEAD, $${PRICES.perGbMonth} per GB and month; sending costs nothing`;

/** Between appends, which come at random moments, as from many users. */
const MEAN_PAUSE_MS = 1_000;
const MONTH_MS = 30 * 86_400_000;

export const COST_CASES: readonly BenchCase[] = [
  {
    name: 'cost',
    needsS3: true,
    title: () => 'a month of one append a second to S3, default settings',
    async run(bench) {
      await using followed = await Followed.start(bench, placeOf(bench), 'cost');
      const { requests, tookMs } = await appendSlowly(bench, followed);
      const { put, post, list, get, other } = requests.calls;
      const months = tookMs / MONTH_MS;
      const [puts, gets] = [(put + post + list) / months, (get + other) / months];
      const storedBytes = requests.putBytes / months;
      const requestDollars = (puts * PRICES.per1000Puts + gets * PRICES.per1000Gets) / 1_000;
      const storedDollars = (storedBytes / 1e9) * PRICES.perGbMonth;
      return {
        figures: [
          { name: 'requests, a month', unit: 'dollars', value: exactly(requestDollars) },
          { name: 'keeping what a month stores, a month', unit: 'dollars', value: exactly(storedDollars) },
        ],
        notes: [
          `in ${(tookMs / 1_000).toFixed(0)} s: ${showRequests(requests)}, ${showSize(requests.putBytes)} sent`,
          `in 30 days: ${count(puts)} PUT, POST and LIST, ${count(gets)} others, ${showSize(storedBytes)} stored`,
          PRICE_NOTE,
        ],
      };
    },
  },
];

async function appendSlowly(
  { scale, signal }: Bench,
  followed: Followed,
): Promise<{ requests: Requests; tookMs: number }> {
  const records = eventLines();
  await followed.proxy.requests();
  const random = seededRandom(7);
  const startedMs = systemClock.monotonicMs();
  let tookMs = 0;
  for (let dueMs = 0; dueMs < scale.idleMs; tookMs = systemClock.monotonicMs() - startedMs) {
    dueMs += -Math.log(1 - random.next()) * MEAN_PAUSE_MS;
    await systemClock.sleep(Math.max(0, dueMs - tookMs), signal);
    followed.append(records.next().value);
  }
  return { requests: await followed.proxy.requests(), tookMs };
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}
