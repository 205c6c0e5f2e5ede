import { expect } from 'vitest';
import { RigError } from '../../src/kernel/errors.ts';
import type { RestoreOptions } from '../../src/workflows/restore.ts';
import { type ArchivePlan, type BuiltArchive, buildArchive } from './archive-builder.ts';
import type { TestContext } from './workflow-context.ts';

export const LINES = Buffer.from('one\ntwo\nthree\nfour\nfive\nsix\nseven\n');
/** Batches [0,8) "one two", [8,19) "three four", [19,34) the rest. */
export const LINE_CUTS = [8, 19, LINES.length];

/** A restore of the latest to `/out`, but for these changes. */
export function options(changes: Partial<RestoreOptions> = {}): RestoreOptions {
  return {
    at: { kind: 'latest' },
    nearest: undefined,
    dryRun: false,
    force: false,
    target: { kind: 'file', path: '/out' },
    ...changes,
  };
}

export async function lineArchive(changes: Partial<ArchivePlan> = {}): Promise<BuiltArchive> {
  return buildArchive({ journal: LINES, cuts: LINE_CUTS, format: 'lines', ...changes });
}

/** The error that this work ends with. */
export async function refusal(work: Promise<unknown>): Promise<RigError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RigError);
  return error as RigError;
}

/** The names in the root directory: nothing may be left behind. */
export async function names({ fileSystem }: TestContext): Promise<string[]> {
  return (await fileSystem.list('/')).map(({ name }) => name).sort();
}
