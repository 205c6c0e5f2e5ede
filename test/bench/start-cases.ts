import { MIB } from '../../src/kernel/size.ts';
import { PROGRAM } from '../support/rigctl-process.ts';
import type { BenchCase } from './case.ts';
import { type Contender, compare, memoryFigure, spreadOfSamples } from './compare.ts';

const TIME_LIMIT_MS = 120;
const MEMORY_LIMIT_BYTES = 60 * MIB;

/** What a start costs, beside one of Node.js itself. */
export const START_CASES: readonly BenchCase[] = ['--version', '--help'].map((option) => ({
  name: `start-${option.slice(2)}`,
  needsS3: false,
  title: () => `rigctl ${option}`,
  async run(bench) {
    const comparison = await compare(
      bench,
      starting('rigctl', [PROGRAM, option]),
      [starting('node', ['--eval', '0'])],
      bench.scale.starts,
    );
    const { ours } = comparison;
    return {
      comparison,
      figures: [
        { name: 'time', unit: 'ms', value: spreadOfSamples(ours, 'wallMs'), atMost: TIME_LIMIT_MS },
        memoryFigure(ours, MEMORY_LIMIT_BYTES),
      ],
      notes: ['node is the Node.js that runs rigctl, with nothing to do'],
    };
  },
}));

function starting(name: string, args: readonly string[]): Contender {
  const about = name === 'rigctl' ? `rigctl ${args[1]}` : `node ${args.join(' ')}`;
  return { name, about, needs: [], command: () => ({ argv: [process.execPath, ...args] }) };
}
