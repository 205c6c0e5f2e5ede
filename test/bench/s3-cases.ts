import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { assert } from '../../src/kernel/assert.ts';
import { showSize } from '../../src/kernel/size.ts';
import type { BenchCase } from './case.ts';
import { type Contender, compare, memoryFigure, type Round, timeRatios } from './compare.ts';
import { isInstalled, measure, rigctlCommand, shellCommand } from './measure.ts';
import { archiveUrl, removeObjects, type S3Place } from './s3-place.ts';
import { S3Proxy, showRequests } from './s3-proxy.ts';
import type { Bench } from './scene.ts';

/** Where the archive and the raw file are that are restored. */
const STORED = { archive: 'stored-archive', raw: 'stored-raw' };

const FAIR = [
  'rclone: its own settings for uploads in parts (four parts of 5 MiB at a time), no look whether the bucket is there',
  'restic: its own settings (zstd), an empty repository each time, made before the time begins',
];

/** A journal and an S3 server. */
export const S3_CASES: readonly BenchCase[] = [
  {
    name: 'push-s3',
    needsS3: true,
    title: ({ journalBytes }) => `push ${showSize(journalBytes)} of NDJSON to S3`,
    async run(bench) {
      const place = placeOf(bench);
      const journal = await bench.journals.path('ndjson');
      const pushers = (at: S3Place) =>
        [pushing(at, journal), copying(at, journal), backingUp(at, journal)] as const;
      const [ours, ...rivals] = pushers(place);
      const comparison = await compare(bench, ours, rivals);
      const counts = await countedRequests(bench, place, pushers);
      const figures = [...timeRatios(comparison, 0.5), memoryFigure(comparison.ours)];
      return { comparison, figures, notes: [...counts, ...FAIR] };
    },
  },
  {
    name: 'restore-s3',
    needsS3: true,
    title: ({ journalBytes }) => `restore ${showSize(journalBytes)} of NDJSON from S3`,
    async run(bench) {
      const place = placeOf(bench);
      const journal = await bench.journals.path('ndjson');
      await store(bench, place, journal);
      const restorers = (at: S3Place) => [restoring(at, journal), copyingBack(at)] as const;
      const [ours, ...rivals] = restorers(place);
      const comparison = await compare(bench, ours, rivals);
      const counts = await countedRequests(bench, place, restorers);
      await Promise.all(Object.values(STORED).map((prefix) => removeObjects(place, prefix)));
      const figures = [...timeRatios(comparison, 0.8), memoryFigure(comparison.ours)];
      return { comparison, figures, notes: [...counts, ...FAIR.slice(0, 1)] };
    },
  },
];

export function placeOf({ s3 }: Bench): S3Place {
  assert(s3 !== undefined, 'cases that need an S3 server have one');
  return s3;
}

function pushing(place: S3Place, journal: string): Contender {
  return {
    name: 'rigctl',
    about: 'rigctl push journal --format lines --archive s3://…',
    needs: [],
    reads: [journal],
    command: ({ id }) =>
      rigctlCommand(['push', journal, '--format', 'lines', '--archive', archiveUrl(place, id)]),
    clean: ({ id }) => removeObjects(place, id),
  };
}

function copying(place: S3Place, journal: string): Contender {
  const script = 'rclone copyto --s3-no-check-bucket "$JOURNAL" "rival:$TARGET/raw"';
  return {
    name: 'rclone',
    about: script,
    needs: ['rclone'],
    reads: [journal],
    command: ({ id }) =>
      shellCommand(script, { ...rcloneEnv(place), JOURNAL: journal, TARGET: `${place.bucket}/${id}` }),
    clean: ({ id }) => removeObjects(place, id),
  };
}

function backingUp(place: S3Place, journal: string): Contender {
  const script = 'restic backup --quiet "$JOURNAL"';
  const env = (round: Round) => ({ ...resticEnv(place, round), JOURNAL: journal });
  return {
    name: 'restic',
    about: script,
    needs: ['restic'],
    reads: [journal],
    prepare: async (round) => {
      await mkdir(join(round.directory, 'cache'));
      await promisify(execFile)('restic', ['init', '--quiet'], { env: { ...process.env, ...env(round) } });
    },
    command: (round) => shellCommand(script, env(round)),
    clean: ({ id }) => removeObjects(place, id),
  };
}

function restoring(place: S3Place, journal: string): Contender {
  return {
    name: 'rigctl',
    about: 'rigctl restore --to out --archive s3://…',
    needs: [],
    command: () => rigctlCommand(['restore', '--to', 'out', '--archive', archiveUrl(place, STORED.archive)]),
    check: async ({ directory, isFirst }) => {
      if (isFirst) {
        await promisify(execFile)('cmp', [journal, join(directory, 'out')]);
      }
    },
  };
}

function copyingBack(place: S3Place): Contender {
  const script = 'rclone copyto "rival:$SOURCE/raw" out; sync out .';
  const env = { ...rcloneEnv(place), SOURCE: `${place.bucket}/${STORED.raw}` };
  return { name: 'rclone, sync', about: script, needs: ['rclone'], command: () => shellCommand(script, env) };
}

/** Puts what is restored into the bucket; not measured. */
async function store(bench: Bench, place: S3Place, journal: string): Promise<void> {
  const round = { directory: bench.directory, isFirst: false };
  const commands = [
    pushing(place, journal).command({ ...round, id: STORED.archive }),
    ...(isInstalled('rclone') ? [copying(place, journal).command({ ...round, id: STORED.raw })] : []),
  ];
  for (const command of commands) {
    await measure(command, { cwd: bench.directory, signal: bench.signal });
  }
}

/** One more run of each through a proxy that counts; it takes longer, so its time does not count. */
async function countedRequests(
  bench: Bench,
  place: S3Place,
  contenders: (at: S3Place) => readonly [Contender, ...Contender[]],
): Promise<string[]> {
  await using proxy = await S3Proxy.start(place.endpointUrl);
  const lines: string[] = [];
  for (const contender of contenders({ ...place, endpointUrl: proxy.endpointUrl })) {
    const counted = {
      ...contender,
      prepare: async (round: Round) => {
        await contender.prepare?.(round);
        await proxy.requests();
      },
      check: async () => {
        lines.push(`requests of ${contender.name}: ${showRequests(await proxy.requests())}`);
      },
    };
    await compare(bench, counted, [], 1);
  }
  return lines;
}

function rcloneEnv({ endpointUrl }: S3Place): Record<string, string> {
  return {
    RCLONE_CONFIG: '',
    RCLONE_CONFIG_RIVAL_TYPE: 's3',
    RCLONE_CONFIG_RIVAL_PROVIDER: 'Ceph',
    RCLONE_CONFIG_RIVAL_ENV_AUTH: 'true',
    RCLONE_CONFIG_RIVAL_ENDPOINT: endpointUrl,
    ...WITHOUT_BUNDLE,
  };
}

function resticEnv({ endpointUrl, bucket }: S3Place, { directory, id }: Round): Record<string, string> {
  return {
    RESTIC_REPOSITORY: `s3:${endpointUrl}/${bucket}/${id}`,
    RESTIC_PASSWORD: 'of this bench only',
    RESTIC_CACHE_DIR: join(directory, 'cache'),
    ...WITHOUT_BUNDLE,
  };
}

/** Certificates that the machine may have set: rclone does not start with them, and the server has none. */
const WITHOUT_BUNDLE = { AWS_CA_BUNDLE: '' };
