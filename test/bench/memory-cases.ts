import { join } from 'node:path';
import { showSize } from '../../src/kernel/size.ts';
import type { BenchCase } from './case.ts';
import { type Contender, compare, memoryFigure } from './compare.ts';
import { pushCommand } from './directory-cases.ts';
import { type Command, rigctlCommand } from './measure.ts';

/** What a very large journal needs; its time is that of one run, for information. */
export const MEMORY_CASES: readonly BenchCase[] = [
  {
    name: 'memory-sparse',
    needsS3: false,
    title: ({ journalBytes }) => `a sparse journal of ${showSize(16 * journalBytes)} in a directory archive`,
    async run(bench) {
      const path = await bench.journals.path('sparse');
      const archive = join(bench.directory, 'sparse.archive');
      const stored = ['--archive', `file:${archive}`];
      const comparison = await compare(
        bench,
        doing('push', pushCommand(path, 'sparse', archive)),
        [
          doing('verify', rigctlCommand(['verify', '--level', 'data', ...stored])),
          doing('restore', rigctlCommand(['restore', '--to', 'out', ...stored])),
        ],
        1,
      );
      return {
        comparison,
        figures: [comparison.ours, ...comparison.rivals].map((taken) => memoryFigure(taken)),
        notes: ['all of it is read; 1 MiB at the start of each GiB is noise, the rest are zeros'],
      };
    },
  },
];

function doing(work: string, command: Command): Contender {
  return { name: `rigctl ${work}`, about: `rigctl ${work}`, needs: [], command: () => command };
}
