import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stateAt, stateFileAt } from './application-state.ts';
import type { KillScene } from './scene.ts';

interface Strictness {
  /** Codes of warnings. A pusher at work may be between a snapshot and its name in `LATEST`. */
  readonly mayWarnOf?: readonly string[];
  /** How verify looks at the archive, if not as it does without a word. */
  readonly closely?: readonly string[];
}

/**
 * Verifies the archive, and compares what it gives with what the application wrote and with every offset that was
 * reported durable.
 */
export async function checkArchive(
  scene: KillScene,
  { mayWarnOf = ['latest-stale'], closely = [] }: Strictness = {},
): Promise<void> {
  const acknowledged = scene.acknowledged();
  const one = scene.pick(acknowledged);
  const { batches, snapshots } = await listArchive(scene);
  const chosen = new Set(snapshots.length === 0 ? [] : [snapshots.at(-1) ?? 0, scene.pick(snapshots)]);
  const [end, earlier] = await Promise.all([
    expectRestored(scene, 'latest'),
    expectRestored(scene, one),
    expectVerified(scene, mayWarnOf, closely),
    ...[...chosen].map((at) => expectState(scene, at, at)),
  ]);
  expect(earlier).toBe(one);
  const [cuts, last] = [new Set(batches), Math.max(...batches)];
  // Bytes up to `end` were compared, so an offset comes back that is a cut there; the last cut is in no name.
  const lost = acknowledged.filter((offset) => offset > end || !(cuts.has(offset) || offset > last));
  scene.lost += lost.length;
  expect(lost, 'acknowledged offsets that are lost').toEqual([]);
  const written = Math.max(scene.application.written, end);
  const journal = await readFile(scene.journal);
  expect(journal.length).toBeGreaterThanOrEqual(written);
  expectPrefix(scene, journal);
}

/** Where batches begin and where snapshots are, ascending. */
export async function listArchive(
  scene: KillScene,
): Promise<{ readonly batches: readonly number[]; readonly snapshots: readonly number[] }> {
  const { lines } = await scene.judge(['ls']);
  return {
    batches: lines.flatMap(({ kind, first }) => (kind === 'batch' ? [Number(first)] : [])),
    snapshots: lines.flatMap(({ kind, at }) => (kind === 'snapshot' ? [Number(at)] : [])),
  };
}

export async function expectVerified(
  scene: KillScene,
  mayWarnOf: readonly string[],
  closely: readonly string[] = [],
): Promise<void> {
  const { result } = await scene.judge(['verify', ...closely]);
  expect(result).toMatchObject({ findings: [] });
  const { warnings = [] } = result as { warnings?: { code: string }[] };
  expect(warnings.filter(({ code }) => !mayWarnOf.includes(code))).toEqual([]);
}

/** Restores the journal, or what a prune has left of it after a state; returns where it ends. */
async function expectRestored(scene: KillScene, at: number | 'latest'): Promise<number> {
  if (scene.promisedFrom > 0) {
    return expectState(scene, at);
  }
  const target = scene.path(`journal-${at}`);
  await scene.judge(['restore', '--journal', '--to', target, '--at', `${at}`]);
  const bytes = await readFile(target);
  await rm(target);
  expectPrefix(scene, bytes);
  return bytes.length;
}

/** Restores the state, with the journal after it, and returns where that ends. `base`: the snapshot that it must be. */
export async function expectState(scene: KillScene, at: number | 'latest', base?: number): Promise<number> {
  const target = scene.path(`state-${base === undefined ? 'before' : 'at'}-${at}`);
  const { result } = await scene.judge(['restore', '--state', '--to', target, '--at', `${at}`]);
  const end = await expectStateAt(scene, target);
  expect(result).toMatchObject({ offset: end, ...(base === undefined ? {} : { base, offset: base }) });
  await rm(target, { recursive: true });
  await rm(`${target}.journal`, { force: true });
  return end;
}

/** Compares a restored state, whichever it is, and the journal beside it; returns where they end. */
export async function expectStateAt(scene: KillScene, target: string): Promise<number> {
  const isTree = (await stat(target)).isDirectory();
  expect(isTree).toBe(scene.snapshots === 'tree');
  const head = await readFile(isTree ? join(target, 'at') : target);
  const base = Number.parseInt(head.toString('latin1', 0, 16), 10);
  const isLarge = scene.large.has(base);
  if (isTree) {
    const expected = stateAt(scene.text, base, isLarge);
    expect((await readdir(target)).sort()).toEqual([...expected.keys()].sort());
    for (const [name, bytes] of expected) {
      expectSame(await readFile(join(target, name)), bytes, `${name} of the state at ${base}`);
    }
  } else {
    expectSame(head, stateFileAt(scene.text, base, isLarge), `the state at ${base}`);
  }
  const after = await readFile(`${target}.journal`).catch(() => Buffer.alloc(0));
  const end = base + after.length;
  expectSame(after, scene.text.slice(base, end), `the journal after the state at ${base}`);
  return end;
}

export function expectPrefix(scene: KillScene, bytes: Uint8Array): void {
  expectSame(bytes, scene.text.slice(0, bytes.length), 'the journal');
}

/** Compares without `toEqual`, which would print megabytes. */
function expectSame(bytes: Uint8Array, expected: Uint8Array, what: string): void {
  expect(Buffer.compare(bytes, expected), `0 when ${what} is as it was written`).toBe(0);
}
