import { afterAll, expect, it } from 'vitest';
import { FAULTS, type Fault, KillScene } from '../support/kill-scene.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** Each scene has its own seed: the first one's, then the numbers after it. */
const FIRST_SEED = Number(process.env['RIGCTL_TEST_KILL_SEED'] ?? 1);
const ROUNDS = Number(process.env['RIGCTL_TEST_KILL_ROUNDS'] ?? 20);
const ROUNDS_PER_SCENE = 10;

const COLUMNS = ['rounds', ...FAULTS, 'bytes of journal', 'durable offsets acknowledged', 'lost'];
const counts = new Map(COLUMNS.map((name) => [name, 0]));
const count = (name: string, by = 1) => counts.set(name, (counts.get(name) ?? 0) + by);

afterAll(() => {
  const table = [...counts].map(([name, number]) => `${String(number).padStart(9)}  ${name}`);
  console.log(`killed with SIGKILL, stopped with SIGSTOP, on a directory store\n${table.join('\n')}`);
});

const scenes = Array.from({ length: Math.ceil(ROUNDS / ROUNDS_PER_SCENE) }, (_, at) => FIRST_SEED + at);

it.each(scenes)('nothing acknowledged is lost, whatever is killed (seed %i)', async (seed) => {
  await using scene = await KillScene.create(seed);
  for (const [round, fault] of faultsOf(seed).entries()) {
    try {
      await scene.round(fault);
    } catch (cause) {
      const again = `RIGCTL_TEST_KILL_SEED=${seed} RIGCTL_TEST_KILL_ROUNDS=${ROUNDS_PER_SCENE}`;
      throw new Error(`seed ${seed}, round ${round}, ${fault}; for the same plan: ${again}`, { cause });
    } finally {
      count('rounds');
      count(fault);
    }
  }
  const { acknowledged, lost, journalBytes } = scene.tally;
  expect(acknowledged).toBeGreaterThan(ROUNDS_PER_SCENE);
  count('bytes of journal', journalBytes);
  count('durable offsets acknowledged', acknowledged);
  count('lost', lost);
});

function faultsOf(seed: number): Fault[] {
  const { next } = seededRandom(-seed);
  return Array.from(
    { length: ROUNDS_PER_SCENE },
    () => FAULTS[Math.floor(next() * FAULTS.length)] ?? FAULTS[0],
  );
}
