import { LATEST_KEY } from '../../src/archive/layout.ts';
import { assert } from '../../src/kernel/assert.ts';
import { mapInOrder } from '../../src/kernel/concurrency.ts';
import { bodyOf } from '../../src/store/body.ts';
import { openS3Store } from '../../src/store/drivers/s3.ts';
import { type BuiltArchive, buildArchive } from '../support/archive-builder.ts';
import { realS3Options } from '../support/real-s3.ts';
import { putSnapshot } from '../support/snapshot-builder.ts';
import type { BenchCase } from './case.ts';
import { type Contender, compare, memoryFigure } from './compare.ts';
import { exactly, spreadOf } from './figure.ts';
import { eventLines } from './followed.ts';
import { rigctlCommand } from './measure.ts';
import { placeOf } from './s3-cases.ts';
import { archiveUrl, removeObjects, type S3Place } from './s3-place.ts';
import { type Requests, S3Proxy, showRequests } from './s3-proxy.ts';
import type { Bench } from './scene.ts';

const PREFIX = 'many-batches';

/** The snapshot is in the middle, and so many batches go on from it to the point that is restored. */
const BATCHES_AFTER_SNAPSHOT = 100;

/** The descriptor, the newest writer, the snapshot, some of them in two reads; a look for a batch not listed yet. */
const OTHER_READS = 11;

const PUTS_AT_A_TIME = 16;

/** A point in an archive of very many batches, as years of following give when nothing is pruned. */
export const POINT_CASES: readonly BenchCase[] = [
  {
    name: 'restore-point',
    needsS3: true,
    title: ({ batches }) =>
      `restore --at one offset in an archive of ${batches.toLocaleString('en')} batches on S3`,
    async run(bench) {
      const place = placeOf(bench);
      try {
        const offset = await storeManyBatches(bench, place);
        const { ours } = await compare(bench, restoringTo(place, offset), []);
        const requests = await countedRestore(bench, place, offset);
        const { list, get, other } = requests.calls;
        return {
          comparison: { ours, rivals: [] },
          figures: [
            { name: 'listings', unit: 'requests', value: exactly(list), atMost: 110 },
            {
              name: 'other requests',
              unit: 'requests',
              value: exactly(get + other),
              atMost: BATCHES_AFTER_SNAPSHOT + OTHER_READS,
            },
            {
              name: 'start of data',
              unit: 'ms',
              value: spreadOf(ours.samples.map(({ firstByteMs = Number.NaN }) => firstByteMs)),
              atMost: 3_000,
            },
            memoryFigure(ours),
          ],
          notes: [
            `the plan is a snapshot of the journal in the middle and the ${BATCHES_AFTER_SNAPSHOT} batches after it`,
            `requests: ${showRequests(requests)}`,
          ],
        };
      } finally {
        await removeObjects(place, PREFIX);
      }
    },
  },
];

/** Rigctl writing to standard output, whose first byte is waited for. */
function restoringTo(place: S3Place, offset: number): Contender {
  const args = ['restore', '--at', `${offset}`, '--to', '-', '--archive', archiveUrl(place, PREFIX)];
  return {
    name: 'rigctl',
    about: 'rigctl restore --at OFFSET --to - --archive s3://…',
    needs: [],
    command: () => rigctlCommand(args),
  };
}

/** One more restore, through a proxy that counts. */
async function countedRestore(bench: Bench, place: S3Place, offset: number): Promise<Requests> {
  await using proxy = await S3Proxy.start(place.endpointUrl);
  await compare(bench, restoringTo({ ...place, endpointUrl: proxy.endpointUrl }, offset), [], 1);
  const requests = await proxy.requests();
  return requests;
}

/** Puts the objects that a pusher would have put, without one; gives the offset to restore. */
async function storeManyBatches({ scale, signal }: Bench, place: S3Place): Promise<number> {
  const records = eventLines();
  const journal = Array.from({ length: scale.batches }, () => records.next().value);
  let endBytes = 0;
  const cuts = journal.map(({ length }) => {
    endBytes += length;
    return endBytes;
  });
  const archive = await buildArchive({ journal: Buffer.concat(journal), cuts, format: 'lines' });
  const middle = archive.headers[Math.floor(scale.batches / 2)];
  const point = archive.headers[Math.floor(scale.batches / 2) + BATCHES_AFTER_SNAPSHOT];
  assert(middle !== undefined && point !== undefined, 'there are more batches than that');
  await putSnapshot(archive.store, {
    at: middle.end,
    content: Buffer.concat(journal).subarray(0, middle.end),
    header: { of: 'journal', cut: middle.end, chain: middle.chain },
  });
  await archive.store.put(LATEST_KEY, bodyOf(middle.end.toString(16)), { if: 'any' });
  await upload(archive, place, signal);
  return point.end;
}

async function upload({ namespace }: BuiltArchive, place: S3Place, signal: AbortSignal): Promise<void> {
  const store = await openS3Store(new URL(archiveUrl(place, PREFIX)), realS3Options());
  try {
    const puts = mapInOrder(namespace.objects, PUTS_AT_A_TIME, ([key, { bytes }]) =>
      store.put(key, bodyOf(bytes), { if: 'any', signal }),
    );
    for await (const _ of puts) {
      // All of them are awaited.
    }
  } finally {
    await store.close();
  }
}
