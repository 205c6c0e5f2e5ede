import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { showSize } from '../../src/kernel/size.ts';
import type { BenchCase } from './case.ts';
import { type Contender, compare, filesIn, memoryFigure, timeRatios } from './compare.ts';
import { JOURNAL_TITLES, type JournalName } from './journals.ts';
import { type Command, measure, rigctlCommand, shellCommand } from './measure.ts';
import type { Bench, Scale } from './scene.ts';

/** The same work by hand: what a pipe of standard tools takes for it. */
interface ByHand {
  readonly name: string;
  readonly script: string;
  readonly needs: readonly string[];
  readonly atMost: number;
}

type Work = 'push' | 'restore' | 'verify';

const WITH_ZSTD: Readonly<Record<Work, ByHand>> = {
  push: {
    name: 'zstd and sha256sum side by side, sync',
    script:
      'zstd -q -1 -T2 -c "$JOURNAL" >out & sha256sum "$JOURNAL" >out.sha256; wait $!; sync out out.sha256 .',
    needs: ['zstd', 'sha256sum'],
    atMost: 1,
  },
  restore: {
    name: 'cat and zstd -d, sha256sum, sync',
    script: 'cat "$ARCHIVE"/LOG/* | zstd -q -dc >out; sha256sum out >out.sha256; sync out out.sha256 .',
    needs: ['zstd', 'sha256sum'],
    atMost: 1,
  },
  verify: {
    name: 'cat, zstd -d and sha256sum',
    script: 'cat "$ARCHIVE"/LOG/* | zstd -q -dc | sha256sum',
    needs: ['zstd', 'sha256sum'],
    atMost: 0.8,
  },
};

/** What does not compress is only copied. */
const COPY = 'cp --reflink=never "$JOURNAL" out; sha256sum out >out.sha256; sync out out.sha256 .';
const WITH_CP: ByHand = {
  name: 'cp, sha256sum, sync',
  script: COPY,
  needs: ['cp', 'sha256sum'],
  atMost: 1.3,
};

/** All work on journals in directory archives. */
export const DIRECTORY_CASES: readonly BenchCase[] = [
  ...(['ndjson', 'tiny', 'mixed'] as const).flatMap((journal) =>
    (['push', 'restore', 'verify'] as const).map((work) => directoryCase(work, journal, WITH_ZSTD[work])),
  ),
  directoryCase('push', 'noise', WITH_CP),
  directoryCase('restore', 'noise', WITH_CP),
];

function directoryCase(work: Work, journal: JournalName, byHand: ByHand): BenchCase {
  return {
    name: `${work}-${journal}`,
    needsS3: false,
    title: ({ journalBytes }: Scale) => {
      const place = { push: 'into', restore: 'from', verify: '--level data of' }[work];
      return `${work} ${showSize(journalBytes)} of ${JOURNAL_TITLES[journal]} ${place} a directory archive`;
    },
    async run(bench) {
      const path = await bench.journals.path(journal);
      const archive = work === 'push' ? '' : await directoryArchive(bench, journal);
      const reads = work === 'push' ? [path] : await filesIn(join(archive, 'LOG'));
      const rival: Contender = {
        name: byHand.name,
        about: byHand.script,
        needs: byHand.needs,
        reads,
        command: () => shellCommand(byHand.script, { JOURNAL: path, ARCHIVE: archive }),
      };
      const comparison = await compare(bench, { ...ours(work, path, journal, archive), reads }, [rival]);
      const figures = [...timeRatios(comparison, byHand.atMost), memoryFigure(comparison.ours)];
      return { comparison, figures, notes: [] };
    },
  };
}

function ours(work: Work, path: string, journal: JournalName, archive: string): Contender {
  const known = { name: 'rigctl', needs: [] };
  switch (work) {
    case 'push':
      return {
        ...known,
        about: 'rigctl push journal --archive file:archive',
        command: () => pushCommand(path, journal, 'archive'),
      };
    case 'verify':
      return {
        ...known,
        about: 'rigctl verify --level data --archive file:archive',
        command: () => rigctlCommand(['verify', '--level', 'data', '--archive', `file:${archive}`]),
      };
    case 'restore':
      return {
        ...known,
        about: 'rigctl restore --to out --archive file:archive',
        command: () => rigctlCommand(['restore', '--to', 'out', '--archive', `file:${archive}`]),
        check: async ({ directory, isFirst }) => {
          if (isFirst) {
            await promisify(execFile)('cmp', [path, join(directory, 'out')]);
          }
        },
      };
  }
}

/** Records are told apart where there are records. */
export function pushCommand(path: string, journal: JournalName, archive: string): Command {
  const format = journal === 'noise' || journal === 'sparse' ? 'bytes' : 'lines';
  return rigctlCommand(['push', path, '--format', format, '--archive', `file:${archive}`]);
}

/** An archive of a journal for those that read one. Not measured; made when it is first asked for. */
async function directoryArchive(bench: Bench, journal: JournalName): Promise<string> {
  const archive = join(bench.directory, `${journal}.archive`);
  // Where it is there already, there is nothing to push.
  const command = pushCommand(await bench.journals.path(journal), journal, archive);
  await measure(command, { cwd: bench.directory, signal: bench.signal });
  return archive;
}
