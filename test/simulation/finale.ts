import { bodyOf } from '../../src/store/body.ts';
import type { Director } from './director.ts';
import { CALLS_PER_BATCH_LIMIT, CALLS_PER_SNAPSHOT_LIMIT, START_CALLS_LIMIT } from './judge.ts';
import type { Machine } from './machine.ts';
import type { Pusher } from './pusher.ts';
import type { Reader } from './reader.ts';
import { snapshotKey } from './snapshot-oracle.ts';
import type { Universe } from './universe.ts';

/**
 * Slow answers, the longest wait between two attempts, a takeover from another host, a look: all of them together.
 */
const NOTICE_LIMIT_MS = 150_000;
/** From the last record to its durability, with a healthy store, for a writer that may have to take over. */
const CATCH_UP_LIMIT_MS = 60_000;
const IDLE_MS = 15_000;
/** Longer than a writer waits for its predecessor on another host. */
const QUIET_MS = 20_000;
/** Longer than until a snapshot that could not be read is tried again. */
const TRIED_AGAIN_MS = 65_000;
/** After the trouble: what must be true, and must come about. */
export class Finale {
  readonly #director: Director;
  readonly #universe: Universe;

  constructor(universe: Universe, director: Director) {
    this.#universe = universe;
    this.#director = director;
  }

  async play(): Promise<void> {
    const { scene } = this.#director;
    await this.#director.heal();
    await this.#losersLearn();
    const heir = await this.#continueWith(await this.#findHeir());
    await this.#idles(heir);
    await this.#stops(heir);
    const { dice } = this.#universe;
    const offset = dice.chance(0.5) ? scene.place.oracle.end : dice.whole(0, scene.place.oracle.end);
    await this.#read(heir, (reader) => reader.restore({ kind: 'offset', offset }));
    if (scene.hasSnapshots) {
      await this.#snapshotsRestore(heir);
      await this.#latestIsRepaired(heir);
    }
    await this.#read(heir, (reader) => reader.verify(dice.chance(0.2) ? 'replay' : 'data'));
    await this.#nothingToDo(heir);
    if (scene.hasSnapshots) {
      await this.#fallsBack(heir);
    }
    if (this.#director.running.length > 0 || scene.place.inFlight > 0) {
      this.#universe.violate('something still runs at the end');
    }
  }

  /** Of all that run now at most one follower goes on when its journal grows; one-shots end. */
  async #losersLearn(): Promise<void> {
    const { scene } = this.#director;
    let writing = true;
    const write = async () => {
      while (writing) {
        for (const machine of scene.machines) {
          await scene.writeOn(machine);
        }
        await this.#universe.scheduler.pause(2_000);
      }
    };
    const written = write();
    const ends = new Map(scene.machines.map((machine) => [machine, machine.journalBytes]));
    await this.#director.until('all but one have ended, and that one goes on', NOTICE_LIMIT_MS, () => {
      const { running, reading } = this.#director;
      const goesOn = ({ follow, durable = -1, process: { machine } }: Pusher) =>
        follow && durable > (ends.get(machine) ?? 0);
      return reading === 0 && running.length <= 1 && running.every(goesOn);
    });
    writing = false;
    await written;
  }

  /** Who goes on: the one that still runs, or somebody new whose journal goes on from the archive. */
  async #findHeir(): Promise<Pusher> {
    const { scene, running } = this.#director;
    const { dice } = this.#universe;
    const survivor = running[0];
    if (survivor !== undefined && this.#isHealthy(survivor) && dice.chance(0.5)) {
      this.#universe.count('finale: the survivor goes on');
      return survivor;
    }
    survivor?.process.kill();
    const fitting = scene.fittingMachines();
    let machine: Machine;
    if (fitting.length > 0) {
      this.#universe.count('finale: a new writer goes on');
      machine = dice.pick(fitting);
    } else {
      this.#universe.count('finale: a restored journal goes on');
      machine = await scene.addRestoredMachine();
    }
    machine.isReplica = false;
    return this.#director.start(machine, { follow: true, fileFailureRate: 0 });
  }

  #isHealthy({ process: { machine, pid }, settings, stopAsked }: Pusher): boolean {
    const { claims } = this.#director.scene;
    return (
      !stopAsked &&
      settings.fileFailureRate === 0 &&
      claims.at(-1)?.pid === pid &&
      this.#director.scene.fittingMachines().includes(machine)
    );
  }

  /** With one healthy writer all becomes durable, soon and with few requests. */
  async #continueWith(heir: Pusher): Promise<Pusher> {
    const { scene } = this.#director;
    const { machine } = heir.process;
    const { place } = scene;
    const [callsBefore, batchesBefore] = [countCalls(heir), place.oracle.batches];
    for (let records = 0; records < 3; records += 1) {
      await scene.write(machine, this.#universe.dice.scaled(1, 3_000));
      await this.#universe.scheduler.pause(1_000);
    }
    await this.#director.until(
      `${heir.process.name} has all durable`,
      CATCH_UP_LIMIT_MS,
      () => heir.durable === scene.recordEnd(machine) && scene.place.oracle.end === heir.durable,
    );
    await this.#settles(heir);
    const calls = countCalls(heir) - callsBefore;
    const batches = place.oracle.batches - batchesBefore;
    const snapshots = machine.snapshotsAt.size;
    // After a snapshot a prune may look at all that there are.
    const perSnapshot = CALLS_PER_SNAPSHOT_LIMIT + place.snapshots.landed.size;
    const limit = START_CALLS_LIMIT + batches * CALLS_PER_BATCH_LIMIT + snapshots * perSnapshot;
    if (calls > limit) {
      this.#universe.violate(`${heir.process.name} made ${calls} requests for ${batches} batches`);
    }
    return heir;
  }

  /** Snapshots follow the journal. */
  async #settles(heir: Pusher): Promise<void> {
    const { scheduler } = this.#universe;
    const settledMs = heir.warned.has('snapshot-unreadable') ? TRIED_AGAIN_MS : QUIET_MS;
    let [calls, sinceMs] = [heir.calls.length, scheduler.nowMs];
    await this.#director.until(
      `${heir.process.name} has nothing more to put`,
      CATCH_UP_LIMIT_MS + 2 * TRIED_AGAIN_MS,
      () => {
        if (heir.calls.length > calls || heir.calls.some(({ answer }) => answer === undefined)) {
          [calls, sinceMs] = [heir.calls.length, scheduler.nowMs];
        }
        return scheduler.nowMs - sinceMs > settledMs;
      },
    );
  }

  async #idles(heir: Pusher): Promise<void> {
    await this.#universe.scheduler.pause(1_000);
    const before = heir.calls.length;
    await this.#universe.scheduler.pause(IDLE_MS);
    if (heir.calls.length > before) {
      this.#universe.violate(`${heir.process.name} makes requests while its journal is idle`);
    }
  }

  async #stops(heir: Pusher): Promise<void> {
    heir.stop();
    await this.#director.until(`${heir.process.name} has stopped`, 5_000, () => !heir.isRunning);
    if (heir.result?.durable !== this.#director.scene.recordEnd(heir.process.machine)) {
      this.#universe.violate(`${heir.process.name} leaves something behind: ${JSON.stringify(heir.result)}`);
    }
  }

  /** Whatever `LATEST` says, the newest snapshot restores, and so does any point that anybody could restore. */
  async #snapshotsRestore(heir: Pusher): Promise<void> {
    const { dice } = this.#universe;
    const { place } = this.#director.scene;
    const [state, image] = [place.retention.usable('state').at(-1), place.retention.usable('journal').at(-1)];
    const newest = place.keys.filter((key) => key.startsWith('SNAPSHOT/')).at(-1);
    if (newest !== undefined && ![state, image].some((one) => one && snapshotKey(one.at) === newest)) {
      this.#universe.violate(`${newest} is the newest, and cannot be restored`);
    }
    await this.#setLatest(dice.pick(['as it is', 'gone', 'other']));
    const anywhere = dice.whole(0, place.oracle.end);
    for (const offset of [state?.at, place.oracle.end, anywhere]) {
      if (offset !== undefined) {
        await this.#read(heir, (reader) => reader.restoreToFiles('state', { kind: 'offset', offset }, false));
      }
    }
    if (image !== undefined) {
      await this.#read(heir, (reader) => reader.restore({ kind: 'offset', offset: image.at }));
    }
  }

  /** A damaged snapshot is done without, where an older one leads to the same point. */
  async #fallsBack(heir: Pusher): Promise<void> {
    const { place } = this.#director.scene;
    const key = snapshotKey(place.retention.usable('state').at(-1)?.at ?? 0);
    const bytes = place.bytesOf(key);
    await place.store.delete([key]);
    const offset = place.oracle.end;
    const isRestorable = place.retention.canRestore('state', offset);
    if (bytes !== undefined && isRestorable) {
      const damaged = bytes.fill(0x5a, this.#universe.dice.whole(0, bytes.length - 1));
      await place.store.put(key, bodyOf(damaged), { if: 'absent' });
      await this.#read(heir, (reader) => reader.restoreToFiles('state', { kind: 'offset', offset }, false));
    }
  }

  async #setLatest(how: 'as it is' | 'gone' | 'other'): Promise<void> {
    const { store, oracle } = this.#director.scene.place;
    if (how === 'gone') {
      await store.delete(['LATEST']);
    } else if (how === 'other') {
      await store.put('LATEST', bodyOf((oracle.end + 1).toString(16)), { if: 'any' });
    }
  }

  /** Whoever writes next, if only a batch, makes `LATEST` name the newest snapshot. */
  async #latestIsRepaired({ process: { machine } }: Pusher): Promise<void> {
    const { scene } = this.#director;
    await scene.write(machine, 20);
    const once = this.#director.start(machine, {
      follow: false,
      fileFailureRate: 0,
      pushesSnapshots: false,
      journalSnapshot: false,
    });
    await this.#director.until(`${once.process.name} has ended`, CATCH_UP_LIMIT_MS, () => !once.isRunning);
    const newest = scene.place.keys.filter((key) => key.startsWith('SNAPSHOT/')).at(-1);
    const latest = scene.place.latest;
    if (once.result === undefined || (newest !== undefined && latest !== newest)) {
      this.#universe.violate(`${once.process.name} leaves LATEST naming ${latest} beside ${newest}`);
    }
    this.#universe.count('finale: LATEST is repaired');
  }

  /** A one-shot push with nothing to push writes nothing. */
  async #nothingToDo({ process: { machine }, settings: { pushesSnapshots } }: Pusher): Promise<void> {
    const once = this.#director.start(machine, {
      follow: false,
      fileFailureRate: 0,
      pushesSnapshots,
      journalSnapshot: false,
    });
    await this.#director.until(`${once.process.name} has ended`, CATCH_UP_LIMIT_MS, () => !once.isRunning);
    const { batches, snapshots } = once.result ?? {};
    // A snapshot that was left out, or that seems newer here than there, is tried each time.
    const puts = once.calls.some(({ name }) => name === 'put') && !pushesSnapshots;
    if (puts || batches !== 0 || snapshots !== 0) {
      this.#universe.violate(`${once.process.name} writes although there is nothing to push`);
    }
  }

  #read(heir: Pusher, work: (reader: Reader) => Promise<void>): Promise<void> {
    return this.#director.read(heir.process.machine, work);
  }
}

/** Pages of listings are larger in earnest. */
function countCalls({ calls }: Pusher): number {
  return calls.filter(({ name }) => name !== 'page').length;
}
