import { parseArgs } from 'node:util';
import { messageOf } from '../../src/kernel/errors.ts';
import { parseSize } from '../../src/kernel/size.ts';
import { APPEND_CASES } from './append-cases.ts';
import type { BenchCase } from './case.ts';
import { COST_CASES } from './cost-cases.ts';
import { DIRECTORY_CASES } from './directory-cases.ts';
import { FOLLOW_CASES } from './follow-cases.ts';
import { MEMORY_CASES } from './memory-cases.ts';
import { POINT_CASES } from './point-cases.ts';
import { S3_CASES } from './s3-cases.ts';
import { FULL_SCALE, QUICK_SCALE, type Scale } from './scene.ts';
import { START_CASES } from './start-cases.ts';

const CASES: readonly BenchCase[] = [
  ...START_CASES,
  ...DIRECTORY_CASES,
  ...MEMORY_CASES,
  ...S3_CASES,
  ...APPEND_CASES,
  ...FOLLOW_CASES,
  ...COST_CASES,
  ...POINT_CASES,
];

const USAGE = `usage: npm run bench -- [--quick] [--only NAME[,NAME]] [--runs N] [--size 1GiB] [--json FILE]
names (of a whole group its first word): ${CASES.map(({ name }) => name).join(' ')}`;

export interface Options {
  readonly cases: readonly BenchCase[];
  readonly scale: Scale;
  /** Gets all figures. */
  readonly jsonFile: string | undefined;
}

/** Throws with a message that shows what may be given. */
export function readOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        runs: { type: 'string' },
        size: { type: 'string' },
        json: { type: 'string' },
      },
    });
    const { runs, journalBytes, ...scale } = values.quick ? QUICK_SCALE : FULL_SCALE;
    return {
      cases: values.only === undefined ? CASES : casesNamed(values.only.flatMap((names) => names.split(','))),
      scale: {
        ...scale,
        runs: values.runs === undefined ? runs : positive('--runs', Number(values.runs)),
        journalBytes: values.size === undefined ? journalBytes : positive('--size', parseSize(values.size)),
      },
      jsonFile: values.json,
    };
  } catch (error) {
    throw new Error(`${messageOf(error)}\n${USAGE}`);
  }
}

/** `push` names all whose names begin so. */
function casesNamed(words: readonly string[]): readonly BenchCase[] {
  const isNamed = (name: string, word: string) => name === word || name.startsWith(`${word}-`);
  const unknown = words.find((word) => !CASES.some(({ name }) => isNamed(name, word)));
  if (unknown !== undefined) {
    throw new Error(`no case is named ${unknown}`);
  }
  return CASES.filter(({ name }) => words.some((word) => isNamed(name, word)));
}

function positive(option: string, value: number | undefined): number {
  if (value === undefined || !Number.isSafeInteger(value) || value <= 0) {
    throw new Error(`${option} must be a whole number above 0`);
  }
  return value;
}
