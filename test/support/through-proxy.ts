import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import type { Store } from '../../src/store/contract.ts';
import { openS3Store, type S3Options } from '../../src/store/drivers/s3.ts';
import { retry } from '../../src/store/layers/retry.ts';
import type { FaultProxy } from './fault-proxy.ts';
import { realS3Options } from './real-s3.ts';
import { seededRandom } from './seeded-random.ts';

const HURRY = 40;

/** Real time, but who wants to wait is woken much earlier, and believes that all of it has passed. */
export const hurriedClock: Clock = {
  wallMs: () => systemClock.wallMs(),
  monotonicMs: () => systemClock.monotonicMs() * HURRY,
  sleep: (durationMs, signal) => systemClock.sleep(durationMs / HURRY, signal),
};

/** Patience with a server on loopback, and on a busy machine. */
const TIMEOUTS = { connectMs: 1_000, silenceMs: 500, answerMs: 1_500 };

/** The S3 driver on the far side of a proxy. */
export function openThrough(proxy: FaultProxy, url: URL, options: Partial<S3Options> = {}): Promise<Store> {
  return openS3Store(url, {
    ...realS3Options(),
    clock: hurriedClock,
    endpointUrl: proxy.endpointUrl,
    timeouts: TIMEOUTS,
    ...options,
  });
}

export function retryPolicy(seed: number, deadlineMs = 600_000) {
  return { clock: hurriedClock, random: seededRandom(seed), deadlineMs, onRetry: () => undefined };
}

export async function openRetried(proxy: FaultProxy, url: URL, seed = 1): Promise<Store> {
  return retry(await openThrough(proxy, url), retryPolicy(seed));
}
