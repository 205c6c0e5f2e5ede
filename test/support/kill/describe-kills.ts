import { afterAll, expect, it } from 'vitest';
import { seededRandom } from '../seeded-random.ts';
import { checkArchive } from './check.ts';
import { type Fault, faultsOf } from './faults.ts';
import { KillScene, type OpenPlace } from './scene.ts';

/** Each scene has its own seed: the first one's, then the numbers after it. */
const FIRST_SEED = Number(process.env['RIGCTL_TEST_KILL_SEED'] ?? 1);
const ROUNDS = Number(process.env['RIGCTL_TEST_KILL_ROUNDS'] ?? 30);
const ROUNDS_PER_SCENE = 10;

/** Kills everything that can be killed around an archive of one kind, and counts what came of it. */
export function describeKills(where: string, openPlace: OpenPlace): void {
  const counts = new Map<string, number>(['rounds'].map((name) => [name, 0]));
  const count = (name: string, by = 1) => counts.set(name, (counts.get(name) ?? 0) + by);
  const impossible = new Set<string>();
  const sums = { 'bytes of journal': 0, snapshots: 0, 'durable offsets acknowledged': 0, lost: 0 };

  afterAll(() => {
    const rows = [...counts, ...Object.entries(sums)];
    const table = rows.map(([name, number]) => `${String(number).padStart(9)}  ${name}`);
    const notes = [...impossible].map((what) => `   not possible here: ${what}`);
    console.log(`rounds ${where}\n${[...table, ...notes].join('\n')}`);
  });

  const scenes = Array.from({ length: Math.ceil(ROUNDS / ROUNDS_PER_SCENE) }, (_, at) => FIRST_SEED + at);

  it.each(scenes)('nothing acknowledged is lost, whatever is killed (seed %i)', async (seed) => {
    await using scene = await KillScene.create(seed, openPlace);
    for (const what of scene.place.impossible) {
      impossible.add(what);
    }
    for (const [round, fault] of planOf(seed, scene).entries()) {
      count('rounds');
      count(fault.name);
      await playRound(scene, fault).catch((cause: unknown) => {
        const again = `RIGCTL_TEST_KILL_SEED=${seed} RIGCTL_TEST_KILL_ROUNDS=${ROUNDS_PER_SCENE}`;
        throw new Error(`seed ${seed}, round ${round}, ${fault.name}; for the same plan: ${again}`, {
          cause,
        });
      });
    }
    await scene.end();
    await checkArchive(scene, { mayWarnOf: [], closely: ['--level', 'replay', '--against', scene.journal] });
    const { acknowledged, lost, journalBytes, snapshots } = scene.tally;
    expect(acknowledged).toBeGreaterThan(ROUNDS_PER_SCENE);
    sums['bytes of journal'] += journalBytes;
    sums.snapshots += snapshots;
    sums['durable offsets acknowledged'] += acknowledged;
    sums.lost += lost;
  });
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
  return possible
    .slice(0, ROUNDS_PER_SCENE)
    .map((fault) => ({ fault, rank: next() }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ fault }) => fault);
}
