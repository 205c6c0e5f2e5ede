import { isRigError } from '../../src/kernel/errors.ts';
import { prune } from '../../src/workflows/prune.ts';
import type { Machine } from './machine.ts';
import { Process } from './process.ts';
import { contextOf } from './reader.ts';
import type { Scene } from './scene.ts';

/** One run of `prune`. What it removes, the place judges in the moment it goes. */
export class Pruner {
  readonly process: Process;
  readonly #scene: Scene;

  constructor(scene: Scene, machine: Machine, pid: number) {
    this.#scene = scene;
    this.process = new Process(scene.universe, machine, 'prune', pid);
    void this.#run();
  }

  async #run(): Promise<void> {
    const { process } = this;
    const { place, universe } = this.#scene;
    process.note(`prunes, ${JSON.stringify(place.policy)}`);
    try {
      const context = contextOf(this.#scene, process, () => {});
      const { removed } = await prune(context, { policy: place.policy, action: 'delete', dryRun: false });
      universe.count('prune: done');
      process.note(`ends ${JSON.stringify(removed)}`);
    } catch (error) {
      this.#judge(error);
    }
    process.end();
  }

  #judge(error: unknown): void {
    const { process } = this;
    const { universe, claims } = this.#scene;
    const code = isRigError(error) ? error.code : undefined;
    universe.count(`prune failed: ${code}`);
    const allowed = [
      // An archive begins with its descriptor; its writer's claim comes later.
      ...(claims.length === 0 || process.faults > 0 ? ['RIG_ARCHIVE_NOT_FOUND'] : []),
      ...(process.faults > 0 ? ['RIG_STORE_UNAVAILABLE'] : []),
      ...(process.corruptions > 0 ? ['RIG_CHECKSUM_MISMATCH'] : []),
    ];
    if (code === undefined || !allowed.includes(code)) {
      const what = error instanceof Error ? error.stack : String(error);
      universe.violate(`${process.name} fails without cause: ${code} ${what}`);
    }
  }
}
