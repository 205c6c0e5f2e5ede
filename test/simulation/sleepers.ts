import type { Dice } from './dice.ts';
import type { Machine } from './machine.ts';
import type { Pusher, PusherSettings } from './pusher.ts';
import type { Scene } from './scene.ts';

const HOUR_MS = 3_600_000;
/** A follower that has something to put does so within this time, or is busy with something else. */
const PUT_LIMIT_MS = 4_000;
/** So long a new one needs, also after a predecessor on another host. */
const TAKEOVER_MS = 17_000;

/** What a director can have done. */
interface Direction {
  readonly scene: Scene;
  readonly running: readonly Pusher[];
  start(machine: Machine, settings: Partial<PusherSettings>): Pusher;
  write(machine: Machine, bytes: number, leaveTorn: boolean): Promise<void>;
  copy(machine: Machine, journalBytes: number): Promise<Machine | undefined>;
  prune(machine: Machine): void;
}

/** Makes writers fall asleep where it hurts, and the world go on without them. */
export class Sleepers {
  readonly #director: Direction;
  readonly #dice: Dice;

  constructor(director: Direction, dice: Dice) {
    this.#director = director;
    this.#dice = dice;
  }

  /**
   * A writer falls asleep over its work. Another one takes its place and goes its own way, puts snapshots, and a day
   * after them what they supersede is removed: also what the sleeper wanted to put next. Then it wakes.
   */
  async throughAPrune(): Promise<void> {
    const dice = this.#dice;
    const { scene } = this.#director;
    const { scheduler } = scene.universe;
    const sleeper = this.#pick();
    if (sleeper === undefined) {
      return;
    }
    const { machine } = sleeper.process;
    const archived = scene.place.oracle.commonEnd(machine.history, machine.journalBytes);
    const heir = await this.#director.copy(machine, archived);
    if (heir === undefined) {
      return;
    }
    heir.isReplica = false;
    await this.#director.write(machine, dice.scaled(1, 500), false);
    await scene.takeSnapshot(machine, machine.journalBytes);
    await scheduler.pause(dice.scaled(1, 2_000));
    machine.freeze(dice.pick(['sleep', 'sleep', 'stop']));
    await this.#goOn(heir, 3);
    this.#director.prune(heir);
    await scheduler.pause(dice.between(1_000, 10_000));
    machine.thaw();
    await scheduler.pause(1_000);
  }

  /**
   * A writer's machine falls asleep after it has begun to send a batch, and before it sees the answer. Until it wakes
   * there may be a successor, with the same journal or with another one; it may have put snapshots days ago, and what
   * they supersede may be gone, the very batch among it.
   */
  async inAPut(): Promise<void> {
    const dice = this.#dice;
    const { scene } = this.#director;
    const { scheduler } = scene.universe;
    const sleeper = this.#pick() ?? (await this.#startOne());
    if (sleeper === undefined) {
      return;
    }
    const { machine } = sleeper.process;
    const archived = scene.place.oracle.commonEnd(machine.history, machine.journalBytes);
    sleeper.process.lingers = dice.chance(0.5);
    const put = sleeper.nextPut();
    await this.#director.write(machine, dice.scaled(1, 500), false);
    const call = await Promise.race([put, scheduler.pause(PUT_LIMIT_MS)]);
    await scheduler.pause(dice.between(0, 40));
    if (call === undefined || call.answer !== undefined || machine.isFrozen || !sleeper.isRunning) {
      return;
    }
    machine.freeze(dice.pick(['sleep', 'stop']));
    const heir = await this.#director.copy(machine, dice.pick([archived, machine.journalBytes]));
    if (heir !== undefined && dice.chance(0.85)) {
      heir.isReplica = false;
      const days = scene.hasSnapshots && dice.chance(0.7) ? 3 : dice.whole(0, 2);
      await this.#goOn(heir, days);
      if (scene.hasSnapshots && dice.chance(0.8)) {
        this.#director.prune(heir);
      }
    }
    await scheduler.pause(dice.between(1_000, 10_000));
    const { removed } = scene.place;
    const isOvertaken = scene.claims.at(-1)?.pid !== sleeper.process.pid;
    const how = isOvertaken ? `overtaken${removed.has(call.key) ? ' and pruned' : ''}` : 'alone';
    scene.universe.count(`woke in a put: ${how}`);
    machine.thaw();
    await scheduler.pause(1_000);
  }

  /** Its successor writes, and takes a snapshot each day. */
  async #goOn(heir: Machine, days: number): Promise<void> {
    const dice = this.#dice;
    const { scene } = this.#director;
    const { universe } = scene;
    scene.forecast.weather = 'clear';
    this.#director.start(heir, { follow: true, pushesSnapshots: scene.hasSnapshots, fileFailureRate: 0 });
    for (let day = 0; day < days; day += 1) {
      await this.#director.write(heir, dice.scaled(100, 2_000), false);
      await universe.scheduler.pause(dice.between(8_000, 20_000));
      if (scene.hasSnapshots) {
        await scene.takeSnapshot(heir, heir.journalBytes);
      }
      await universe.scheduler.pause(3_000);
      universe.leap(dice.between(25, 50) * HOUR_MS);
    }
  }

  /** A follower that is to fall asleep when it has begun its work. */
  async #startOne(): Promise<Pusher | undefined> {
    const { scene } = this.#director;
    const machine = scene.fittingMachines().find(({ isFrozen }) => !isFrozen);
    if (machine !== undefined) {
      scene.forecast.weather = 'clear';
      this.#director.start(machine, { follow: true, fileFailureRate: 0 });
      await scene.universe.scheduler.pause(TAKEOVER_MS);
    }
    return this.#pick();
  }

  #pick(): Pusher | undefined {
    return this.#director.running.find(
      ({ follow, durable, process: { machine } }) => follow && durable !== undefined && !machine.isFrozen,
    );
  }
}
