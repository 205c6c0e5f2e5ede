import type { Dice } from './dice.ts';
import { drawEvent } from './events.ts';
import type { Machine } from './machine.ts';
import { Pruner } from './pruner.ts';
import { drawSettings, Pusher, type PusherSettings } from './pusher.ts';
import { anyPoint, Reader } from './reader.ts';
import { Scene } from './scene.ts';
import { Sleepers } from './sleepers.ts';
import type { Universe } from './universe.ts';
import type { Weather } from './weather.ts';

const HOUR_MS = 3_600_000;
/** Longer than a one-shot push tries. */
const LONG_PAUSE_MS = 75_000;
/** Frames are compressed at once up to 64 KiB; beyond it a thread would, and no seed would repeat. */
const JOURNAL_LIMIT_BYTES = 45_000;
const MACHINES_LIMIT = 4;
const PUSHERS_LIMIT = 3;
/** Of so many scenes' stores. */
const LISTS_LATE_RATE = 0.18;

/** Makes things happen: everything by the numbers of one seed. */
export class Director {
  readonly scene: Scene;
  readonly pushers: Pusher[] = [];
  readonly #pruners: Pruner[] = [];
  readonly #readers: Reader[] = [];
  readonly #sleepers: Sleepers;
  readonly #universe: Universe;
  readonly #dice: Dice;
  #pids = 0;
  #hosts = 2;
  #quiet = false;

  constructor(universe: Universe) {
    this.#universe = universe;
    this.#dice = universe.fork();
    this.scene = new Scene(universe);
    this.#sleepers = new Sleepers(this, this.#dice);
  }

  get running(): Pusher[] {
    return this.pushers.filter((pusher) => pusher.isRunning);
  }

  get reading(): number {
    return [...this.#readers, ...this.#pruners].filter(({ process }) => process.isAlive).length;
  }

  /** Some machines, and a row of events with pauses between them. */
  async trouble(): Promise<void> {
    const dice = this.#dice;
    this.scene.forecast.corrupts = dice.chance(0.15);
    this.scene.forecast.listsLate = dice.chance(LISTS_LATE_RATE);
    await this.#addFirstMachines();
    for (const machine of this.scene.machines) {
      void this.#application(machine);
    }
    this.#changeWeather();
    for (let left = dice.whole(4, 22); left > 0; left -= 1) {
      if (this.running.length === 0) {
        this.start(this.#machineToPush());
      }
      await this.#event();
      await this.#universe.scheduler.pause(dice.chance(0.03) ? LONG_PAUSE_MS : dice.scaled(20, 9_000));
    }
  }

  /** The trouble ends: every machine runs, the store answers, and what was on its way has arrived. */
  async heal(): Promise<void> {
    this.#universe.note('all heals');
    this.#quiet = true;
    this.scene.forecast.weather = 'clear';
    this.scene.forecast.listsLate = false;
    for (const machine of this.scene.machines) {
      machine.thaw();
      machine.freeDisk();
    }
    for (const { process } of this.#commands) {
      process.dieWithin(undefined);
    }
    await Promise.all(this.scene.machines.map((machine) => this.#judgeReaders(machine)));
    // A one-shot that has snapshots to put, and a follower on another host, overtake each other again and again: the
    // one waits longer for its predecessor to notice than that one waits before it starts again.
    for (const pusher of this.running.filter(({ follow }) => !follow && this.scene.hasSnapshots)) {
      pusher.stop();
    }
    this.#universe.leap(25 * HOUR_MS);
    await this.until('all puts have arrived', 60_000, () => this.scene.place.inFlight === 0);
  }

  get #commands(): readonly (Pusher | Pruner | Reader)[] {
    return [...this.pushers, ...this.#pruners, ...this.#readers];
  }

  /** Waits for something that must come within `limitMs`. */
  async until(what: string, limitMs: number, isSo: () => boolean): Promise<void> {
    const { scheduler } = this.#universe;
    const deadlineMs = scheduler.nowMs + limitMs;
    while (!isSo() && this.#universe.violation === undefined) {
      if (scheduler.nowMs > deadlineMs) {
        this.#universe.violate(`within ${limitMs} ms it did not come about that ${what}`);
      }
      await scheduler.pause(500);
    }
  }

  start(machine: Machine, settings: Partial<PusherSettings> = {}): Pusher {
    this.#pids += 1;
    const drawn = { ...drawSettings(this.#dice, this.scene.hasSnapshots), ...settings };
    const pusher = new Pusher(this.scene, machine, drawn, this.#pids);
    this.pushers.push(pusher);
    return pusher;
  }

  read(machine: Machine, work: (reader: Reader) => Promise<void>): Promise<void> {
    this.#pids += 1;
    const reader = new Reader(this.scene, machine, 'reader', this.#pids);
    this.#readers.push(reader);
    return work(reader);
  }

  /** A machine with a journal of its own, and perhaps others with copies of it: whole, or stale. */
  async #addFirstMachines(): Promise<void> {
    const dice = this.#dice;
    const first = await this.scene.addMachine('host1');
    first.syncs = dice.chance(0.6);
    if (dice.chance(0.8)) {
      await this.scene.write(first, dice.scaled(1, 20_000));
    }
    if (dice.chance(0.25)) {
      const other = await this.scene.addMachine('host2');
      await this.#startRivals(first, other);
    }
  }

  /** An application writes now and then, as long as its machine runs. */
  async #application(machine: Machine): Promise<void> {
    const dice = this.#universe.fork();
    const everyMs = dice.scaled(800, 10_000);
    while (!this.#quiet && this.scene.machines.includes(machine)) {
      await this.#universe.scheduler.pause(dice.between(0, 2 * everyMs));
      if (!machine.isFrozen && !this.#quiet) {
        await this.write(machine, dice.scaled(1, 2_000), dice.chance(0.3));
        await this.#maybeSnapshot(machine, dice);
      }
    }
  }

  async #event(): Promise<void> {
    const dice = this.#dice;
    const machine = dice.pick(this.scene.machines);
    switch (drawEvent(dice, this.scene.hasSnapshots)) {
      case 'start':
        return this.#startOneMore(this.#machineToPush());
      case 'write':
        return this.write(machine, dice.scaled(10, 8_000), dice.chance(0.2));
      case 'weather':
        return this.#changeWeather();
      case 'kill':
        return this.#anyPusher()?.process.kill();
      case 'ambush':
        return this.#ambush();
      case 'powerLoss':
        return this.#losePower(machine);
      case 'freeze':
        return this.#freeze(machine);
      case 'jump':
        return this.#jump(machine);
      case 'leap':
        return this.#universe.leap(dice.scaled(1_000, 30 * HOUR_MS));
      case 'stop':
        return this.#anyPusher()?.stop();
      case 'copy':
        await this.copy(
          machine,
          dice.chance(0.5) ? machine.journalBytes : dice.whole(0, machine.journalBytes),
        );
        return;
      case 'rivals':
        return this.#startRivals(machine, await this.copy(machine, machine.journalBytes));
      case 'loss':
        return this.#lose(machine);
      case 'restore':
        return this.#restore(machine);
      case 'fullDisk':
        machine.fillDisk(0);
        this.#universe.scheduler.after(dice.scaled(500, 30_000), () => machine.freeDisk());
        return;
      case 'prune':
        this.prune(machine);
        return;
      case 'days':
        return this.#universe.leap(dice.between(20, 60) * HOUR_MS);
      case 'zombie':
        return this.#sleepers.throughAPrune();
      case 'sleepInAPut':
        return this.#sleepers.inAPut();
      case 'loseLatest':
        return this.scene.place.store.delete(['LATEST']);
      case 'verify':
        return void this.read(machine, (reader) => reader.verify(dice.pick(['headers', 'data', 'replay'])));
    }
  }

  async write(machine: Machine, bytes: number, leaveTorn: boolean): Promise<void> {
    if (machine.journalBytes < JOURNAL_LIMIT_BYTES) {
      await this.scene.write(machine, bytes, leaveTorn);
    }
  }

  /** Mostly where the journal ends, before that is durable; but anywhere below is as good. */
  async #maybeSnapshot(machine: Machine, dice: Dice): Promise<void> {
    if (this.scene.hasSnapshots && dice.chance(0.4)) {
      const end = machine.journalBytes;
      await this.scene.takeSnapshot(machine, dice.chance(0.6) ? end : dice.whole(0, end));
    }
  }

  /** To a stream or to files, on a disk that may become full; perhaps it is killed. */
  #restore(machine: Machine): void {
    const dice = this.#dice;
    const at = anyPoint(this.scene, dice);
    if (dice.chance(0.4)) {
      void this.read(machine, (reader) => reader.restore(at));
      return;
    }
    const what = this.scene.hasSnapshots && dice.chance(0.6) ? 'state' : 'journal';
    const isThere = dice.chance(0.4);
    if (dice.chance(0.5)) {
      machine.fillDisk(dice.whole(0, 14));
    }
    void this.read(machine, (reader) => {
      reader.process.dieWithin(dice.chance(0.2) ? Math.floor(dice.scaled(1, 100)) : undefined);
      return reader.restoreToFiles(what, at, isThere);
    });
  }

  #changeWeather(): void {
    const weather = this.#dice.pick<Weather>(['clear', 'clear', 'gusty', 'gusty', 'stormy', 'outage']);
    this.scene.forecast.weather = weather;
    this.#universe.note(`weather: ${weather}`);
  }

  /**
   * More often than not one whose journal goes on from the archive: the others only find out that theirs does not.
   */
  #machineToPush(): Machine {
    const { machines } = this.scene;
    const fitting = this.scene.fittingMachines();
    return this.#dice.pick(fitting.length > 0 && this.#dice.chance(0.8) ? fitting : machines);
  }

  #startOneMore(machine: Machine): void {
    if (this.running.length < PUSHERS_LIMIT && !machine.isFrozen) {
      this.start(machine);
    }
  }

  /** Something will be killed at one of its next awaits, and perhaps started again on its machine at once. */
  #ambush(): void {
    const pusher = this.#anyPusher() ?? this.start(this.#machineToPush());
    pusher.process.dieWithin(Math.floor(this.#dice.scaled(1, 300)));
  }

  async #losePower(machine: Machine): Promise<void> {
    this.#killAllOn(machine);
    await this.scene.losePower(machine);
    await this.#judgeReaders(machine);
  }

  async #judgeReaders(machine: Machine): Promise<void> {
    for (const reader of this.#readers.filter(({ process }) => process.machine === machine)) {
      if (!reader.process.isAlive) {
        await reader.judgeWhatIsLeft();
      }
    }
  }

  #killAllOn(machine: Machine): void {
    for (const { process } of this.#commands) {
      if (process.machine === machine) {
        process.kill();
      }
    }
  }

  /** The machine is gone for good, unless it is the only one. */
  #lose(machine: Machine): void {
    const { machines } = this.scene;
    if (machines.length > 1) {
      this.#killAllOn(machine);
      machines.splice(machines.indexOf(machine), 1);
      this.#universe.note(`${machine.host}: is gone`);
      this.#universe.count('a machine is gone');
    }
  }

  /** For a while it stands still; perhaps the others do much meanwhile, perhaps a day goes by. */
  #freeze(machine: Machine): void {
    const dice = this.#dice;
    if (machine.isFrozen) {
      machine.thaw();
      return;
    }
    machine.freeze(dice.pick(['sleep', 'stop']));
    const wake = () => {
      if (dice.chance(0.4)) {
        this.#universe.leap(dice.scaled(60_000, 30 * HOUR_MS));
      }
      machine.thaw();
    };
    this.#universe.scheduler.after(dice.scaled(500, 40_000), () => {
      if (machine.isFrozen) {
        wake();
      }
    });
  }

  /**
   * Where something is removed, a writer that was away for long must be able to know it: set back, no clock would tell.
   * And where the store does not say what time it is, one that is ahead would make a prune remove too much.
   */
  #jump(machine: Machine): void {
    const dice = this.#dice;
    const { hasSnapshots, place } = this.scene;
    const direction = hasSnapshots ? 1 : dice.pick([-1, 1]);
    if (!hasSnapshots || place.tellsTime) {
      machine.jumpWall(direction * dice.scaled(10, 48 * HOUR_MS));
    }
  }

  /** Perhaps it is killed, or its machine stands still for days in the middle of it. */
  prune(machine: Machine): Pruner | undefined {
    const dice = this.#dice;
    if (machine.isFrozen || this.#pruners.some(({ process }) => process.isAlive && dice.chance(0.7))) {
      return undefined;
    }
    this.#pids += 1;
    const pruner = new Pruner(this.scene, machine, this.#pids);
    this.#pruners.push(pruner);
    if (dice.chance(0.2)) {
      pruner.process.dieWithin(Math.floor(dice.scaled(1, 100)));
    }
    if (dice.chance(0.2)) {
      this.#universe.scheduler.after(dice.scaled(10, 1_500), () => this.#sleepDays(machine));
    }
    return pruner;
  }

  #sleepDays(machine: Machine): void {
    if (!machine.isFrozen && !this.#quiet) {
      machine.freeze('sleep');
      this.#universe.leap(this.#dice.between(24, 50) * HOUR_MS);
      this.#universe.scheduler.after(this.#dice.scaled(1_000, 20_000), () => machine.thaw());
    }
  }

  /** Another machine with this one's journal: as it is, or as it was; a replica of it, or going its own way. */
  async copy({ host, history }: Machine, journalBytes: number): Promise<Machine | undefined> {
    const dice = this.#dice;
    if (this.scene.machines.length >= MACHINES_LIMIT) {
      return undefined;
    }
    this.#hosts += 1;
    const copy = await this.scene.addMachine(`host${this.#hosts}`, history, journalBytes);
    copy.isReplica = dice.chance(0.6);
    copy.syncs = dice.chance(0.6);
    this.#universe.note(`${copy.host}: has ${journalBytes} bytes of the journal of ${host}`);
    void this.#application(copy);
    return copy;
  }

  /** Two whose journals go different ways from here push at the same time, and neither has seen the other's bytes. */
  async #startRivals(machine: Machine, rival: Machine | undefined): Promise<void> {
    const dice = this.#dice;
    if (rival === undefined) {
      return;
    }
    rival.isReplica = false;
    await this.write(machine, dice.scaled(1, 500), false);
    await this.write(rival, dice.scaled(1, 500), false);
    this.start(machine, { follow: dice.chance(0.3) });
    await this.#universe.scheduler.pause(dice.between(50, 350));
    this.start(rival);
  }

  #anyPusher(): Pusher | undefined {
    const { running } = this;
    return running.length === 0 ? undefined : this.#dice.pick(running);
  }
}
