import { afterAll, expect, it } from 'vitest';
import { seededRandom } from '../seeded-random.ts';
import { checkArchive } from './check.ts';
import type { Fault } from './fault.ts';
import { faultsOf } from './faults.ts';
import { KillScene, type OpenPlace } from './scene.ts';

/** Each scene has its own seed: the first one's, then the numbers after it. */
const FIRST_SEED = Number(process.env['RIGCTL_TEST_KILL_SEED'] ?? 1);
const ROUNDS = Number(process.env['RIGCTL_TEST_KILL_ROUNDS'] ?? 30);
const ROUNDS_PER_SCENE = 10;
/** A scene takes half a minute; on a machine that has much else to do it is still no failure. */
const LONGEST_SCENE_MS = 900_000;

/** Kills everything that can be killed around an archive of one kind, and counts what came of it. */
export function describeKills(where: string, openPlace: OpenPlace): void {
  const table = new Table();
  afterAll(() => console.log(`rounds ${where}\n${table.lines().join('\n')}`));

  const seeds = Array.from({ length: Math.ceil(ROUNDS / ROUNDS_PER_SCENE) }, (_, at) => FIRST_SEED + at);
  const title = 'nothing acknowledged is lost, whatever is killed (seed %i)';
  it.each(seeds)(title, { timeout: LONGEST_SCENE_MS }, async (seed) => {
    await using scene = await KillScene.create(seed, openPlace);
    try {
      await play(seed, scene, table);
      expect(scene.tally.acknowledged).toBeGreaterThan(ROUNDS_PER_SCENE);
    } finally {
      table.add(scene);
    }
  });
}

async function play(seed: number, scene: KillScene, table: Table): Promise<void> {
  for (const [round, fault] of planOf(seed, scene).entries()) {
    table.count(fault);
    await playRound(scene, fault).catch((cause: unknown) => {
      const again = `RIGCTL_TEST_KILL_SEED=${seed} RIGCTL_TEST_KILL_ROUNDS=${ROUNDS_PER_SCENE}`;
      const what = `seed ${seed}, round ${round}, ${fault.name}`;
      throw new Error(`${what}; for the same plan: ${again}`, { cause });
    });
  }
  await scene.end();
  await checkArchive(scene, { mayWarnOf: [], closely: ['--level', 'replay', '--against', scene.journal] });
}

async function playRound(scene: KillScene, fault: Fault): Promise<void> {
  await scene.moment();
  await fault.strike(scene);
  await scene.catchUp();
  await scene.paused(() => checkArchive(scene));
}

/** The next ones of the faults that can happen, going round, in any order. */
function planOf(seed: number, scene: KillScene): Fault[] {
  const faults = faultsOf(scene);
  const start = ((seed - 1) * ROUNDS_PER_SCENE) % faults.length;
  const possible = [...faults.slice(start), ...faults.slice(0, start)].filter(
    ({ needsSnapshots = false }) => !needsSnapshots || scene.snapshots !== undefined,
  );
  const { next } = seededRandom(-seed);
  return Array.from({ length: ROUNDS_PER_SCENE }, (_, at) => possible[at % possible.length])
    .filter((fault) => fault !== undefined)
    .map((fault) => ({ fault, rank: next() }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ fault }) => fault);
}

/** What happened in all scenes, and what came of it. */
class Table {
  readonly #faults = new Map<string, number>();
  readonly #impossible = new Set<string>();
  readonly #sums = { bytes: 0, snapshots: 0, acknowledged: 0, lost: 0 };

  count({ name }: Fault): void {
    this.#faults.set(name, (this.#faults.get(name) ?? 0) + 1);
  }

  add({ tally, place }: KillScene): void {
    this.#sums.bytes += tally.journalBytes;
    this.#sums.snapshots += tally.snapshots;
    this.#sums.acknowledged += tally.acknowledged;
    this.#sums.lost += tally.lost;
    for (const what of place.impossible) {
      this.#impossible.add(what);
    }
  }

  lines(): readonly string[] {
    const { bytes, snapshots, acknowledged, lost } = this.#sums;
    const faults = [...this.#faults].sort();
    const rows: readonly (readonly [string, number])[] = [
      ['rounds', faults.reduce((sum, [, times]) => sum + times, 0)],
      ...faults,
      ['bytes of journal', bytes],
      ['snapshots', snapshots],
      ['durable offsets acknowledged', acknowledged],
      ['lost', lost],
    ];
    return [
      ...rows.map(([name, number]) => `${String(number).padStart(9)}  ${name}`),
      ...[...this.#impossible].map((what) => `   not possible here: ${what}`),
    ];
  }
}
