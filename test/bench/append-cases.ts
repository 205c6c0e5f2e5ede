import { assert } from '../../src/kernel/assert.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { durableAt } from '../support/rigctl-process.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { BenchCase } from './case.ts';
import { exactly, type Figure, quantile, spreadOf } from './figure.ts';
import { abortable, eventLines, Followed } from './followed.ts';
import { placeOf } from './s3-cases.ts';
import type { S3Proxy } from './s3-proxy.ts';
import type { Bench } from './scene.ts';

const PUT_MS = 50;
const APPENDERS = 1_000;

/** An appender waits up to so long after an append is durable, so that appends do not keep step with anything. */
const LONGEST_PAUSE_MS = 50;

/** Not counted: everything gets warm. */
const WARM_UP_MS = 1_000;

/** From an append until it is durable, where a put takes as long as it does over a network. */
export const APPEND_CASES: readonly BenchCase[] = [
  {
    name: 'append-one',
    needsS3: true,
    title: () => `one appender, S3 with ${PUT_MS} ms per put, --interval 0`,
    async run(bench) {
      await using followed = await follow(bench, 'append-one');
      const latenciesMs = await appendInTurn(bench, followed);
      const value = { median: quantile(latenciesMs, 0.5), ...leastAndGreatest(latenciesMs) };
      return {
        figures: [
          { name: 'append to durable, median', unit: 'ms', value, atMost: 60 },
          {
            name: 'append to durable, p99',
            unit: 'ms',
            value: exactly(quantile(latenciesMs, 0.99)),
            atMost: 120,
          },
        ],
        notes: [`${latenciesMs.length} appends of one record`, await putNote(followed.proxy)],
      };
    },
  },
  {
    name: 'append-many',
    needsS3: true,
    title: () => `${APPENDERS} appenders, each again once its last append is durable, same store`,
    async run(bench) {
      await using followed = await follow(bench, 'append-many');
      const { perSecond, latenciesMs } = await appendTogether(bench, followed);
      const latency: Figure = { name: 'append to durable', unit: 'ms', value: spreadOf(latenciesMs) };
      return {
        figures: [
          { name: 'acknowledged appends', unit: 'a second', value: exactly(perSecond), atLeast: 8_000 },
          latency,
        ],
        notes: [await putNote(followed.proxy)],
      };
    },
  },
];

async function follow(bench: Bench, name: string): Promise<Followed> {
  const followed = await Followed.start(bench, placeOf(bench), name, {
    putMs: PUT_MS,
    options: ['--interval', '0'],
  });
  await followed.proxy.requests();
  return followed;
}

async function appendInTurn({ scale, signal }: Bench, followed: Followed): Promise<number[]> {
  const random = seededRandom(6);
  const latenciesMs: number[] = [];
  const records = eventLines();
  while (latenciesMs.length < scale.appends) {
    await systemClock.sleep(random.next() * LONGEST_PAUSE_MS, signal);
    const appendedMs = systemClock.monotonicMs();
    const endBytes = followed.append(records.next().value);
    await abortable(signal, followed.follower.waitFor(durableAt(endBytes)));
    latenciesMs.push(systemClock.monotonicMs() - appendedMs);
  }
  return latenciesMs;
}

/** An append that is not durable yet. */
interface Pending {
  readonly endBytes: number;
  readonly appendedMs: number;
}

async function appendTogether(
  { scale, signal }: Bench,
  followed: Followed,
): Promise<{ perSecond: number; latenciesMs: number[] }> {
  const records = eventLines();
  const appendOne = (): Pending => {
    const appendedMs = systemClock.monotonicMs();
    return { endBytes: followed.append(records.next().value), appendedMs };
  };
  const startedMs = systemClock.monotonicMs() + WARM_UP_MS;
  const latenciesMs: number[] = [];
  const pending: Pending[] = Array.from({ length: APPENDERS }, appendOne);
  for (;;) {
    const [oldest] = pending;
    assert(oldest !== undefined, 'every appender waits for one');
    const { durable } = await abortable(signal, followed.follower.waitFor(durableAt(oldest.endBytes)));
    const nowMs = systemClock.monotonicMs();
    if (nowMs > startedMs + scale.watchMs) {
      return { perSecond: (latenciesMs.length * 1_000) / scale.watchMs, latenciesMs };
    }
    const covered = pending.filter(({ endBytes }) => endBytes <= Number(durable)).length;
    for (const { appendedMs } of pending.splice(0, covered)) {
      if (nowMs > startedMs) {
        latenciesMs.push(nowMs - appendedMs);
      }
      pending.push(appendOne());
    }
  }
}

function leastAndGreatest(values: readonly number[]): { readonly min: number; readonly max: number } {
  const { min, max } = spreadOf(values);
  return { min, max };
}

/** How slow the store really was. */
async function putNote(proxy: S3Proxy): Promise<string> {
  const { putMs } = await proxy.requests();
  const [median, p99] = [quantile(putMs, 0.5), quantile(putMs, 0.99)];
  return `${putMs.length} puts; as the store answered them: median ${median.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
}
