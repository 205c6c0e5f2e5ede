import { parseTime, systemClock } from '../../src/kernel/clock.ts';
import { showSize } from '../../src/kernel/size.ts';
import { durableAt } from '../support/rigctl-process.ts';
import type { BenchCase } from './case.ts';
import { exactly, type Figure, quantile } from './figure.ts';
import { abortable, eventLines, Followed } from './followed.ts';
import { placeOf } from './s3-cases.ts';
import { showRequests, totalOf } from './s3-proxy.ts';
import type { Bench } from './scene.ts';

/** After the first push, what follows it has time to happen. */
const SETTLE_MS = 2_000;

const STREAM = { bytesPerMs: 10_000, everyMs: 20, putMs: 50, intervalMs: 1_000 };

export const FOLLOW_CASES: readonly BenchCase[] = [
  {
    name: 'follow-idle',
    needsS3: true,
    title: ({ idleMs }) => `following an idle journal for ${idleMs / 1_000} s`,
    async run(bench) {
      await using followed = await Followed.start(bench, placeOf(bench), 'follow-idle');
      await systemClock.sleep(SETTLE_MS, bench.signal);
      const before = followed.usage();
      await followed.proxy.requests();
      await systemClock.sleep(bench.scale.idleMs, bench.signal);
      const requests = totalOf(await followed.proxy.requests());
      const after = followed.usage();
      return {
        figures: [
          { name: 'requests', unit: 'requests', value: exactly(requests), atMost: 0 },
          cpuFigure(after.cpuMs - before.cpuMs, bench.scale.idleMs, 0.2),
          { name: 'peak memory', unit: 'bytes', value: exactly(after.peakBytes) },
        ],
        notes: [],
      };
    },
  },
  {
    name: 'follow-stream',
    needsS3: true,
    title: () => `following 10 MB/s of appends, S3 with ${STREAM.putMs} ms per put`,
    async run(bench) {
      const { putMs, intervalMs } = STREAM;
      await using followed = await Followed.start(bench, placeOf(bench), 'follow-stream', { putMs });
      await followed.proxy.requests();
      const { lagsMs, cpuMs, peakBytes, tookMs, bytes } = await stream(bench, followed);
      const requests = await followed.proxy.requests();
      const longestPutMs = Math.max(...requests.putMs);
      return {
        figures: [
          cpuFigure(cpuMs, tookMs, 25),
          {
            name: 'lag, greatest',
            unit: 'ms',
            value: exactly(Math.max(...lagsMs)),
            atMost: intervalMs + longestPutMs,
          },
          { name: 'lag, median', unit: 'ms', value: exactly(quantile(lagsMs, 0.5)) },
          { name: 'peak memory', unit: 'bytes', value: exactly(peakBytes) },
        ],
        notes: [
          `${showSize(bytes)} in ${(tookMs / 1_000).toFixed(1)} s, each append until a durable line covers it`,
          `the lag must be within the interval, ${intervalMs} ms, and the longest put, ${longestPutMs.toFixed(0)} ms`,
          `requests: ${showRequests(requests)}`,
        ],
      };
    },
  },
];

/** Appends at an even rate, and takes of each append how long it was not durable. */
async function stream({ scale, signal }: Bench, followed: Followed) {
  const records = eventLines();
  const appended: { endBytes: number; atMs: number }[] = [];
  const before = followed.usage();
  const startedMs = systemClock.monotonicMs();
  let bytes = 0;
  for (let atMs = 0; atMs < scale.watchMs; atMs = systemClock.monotonicMs() - startedMs) {
    const due: Buffer[] = [];
    for (; bytes < atMs * STREAM.bytesPerMs; bytes += due.at(-1)?.length ?? 0) {
      due.push(records.next().value);
    }
    appended.push({ atMs: systemClock.wallMs(), endBytes: followed.append(Buffer.concat(due)) });
    await systemClock.sleep(STREAM.everyMs, signal);
  }
  const endBytes = appended.at(-1)?.endBytes ?? 0;
  await abortable(signal, followed.follower.waitFor(durableAt(endBytes)));
  const { cpuMs, peakBytes } = followed.usage();
  const tookMs = systemClock.monotonicMs() - startedMs;
  return { lagsMs: lagsOf(appended, followed), cpuMs: cpuMs - before.cpuMs, peakBytes, tookMs, bytes };
}

/** From each append to the line that says it is durable, by the wall clock of both. */
function lagsOf(
  appended: readonly { readonly endBytes: number; readonly atMs: number }[],
  { follower }: Followed,
): number[] {
  const moves = follower.lines.filter(({ type }) => type === 'durable');
  let move = 0;
  return appended.map(({ endBytes, atMs }) => {
    while (Number(moves[move]?.['durable']) < endBytes) {
      move += 1;
    }
    return (parseTime(String(moves[move]?.['ts'])) ?? Number.NaN) - atMs;
  });
}

function cpuFigure(cpuMs: number, ofMs: number, atMost: number): Figure {
  return { name: 'CPU, of one core', unit: 'percent', value: exactly((100 * cpuMs) / ofMs), atMost };
}
