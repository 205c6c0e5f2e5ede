import type { Claim, WriterMode } from '../../src/archive/claim.ts';
import { History } from './archive-oracle.ts';
import { JOURNAL, Machine, SNAPSHOTS, snapshotNames } from './machine.ts';
import { Place } from './place.ts';
import { stateAt } from './snapshot-oracle.ts';
import type { Universe } from './universe.ts';
import { Forecast } from './weather.ts';

/** A claim that the store has. */
export interface LandedClaim {
  readonly epoch: number;
  readonly pid: number;
  readonly mode: WriterMode;
  /** When it landed, by each machine's monotonic clock. */
  readonly seenMs: ReadonlyMap<Machine, number>;
}

/** The machines, their applications, and the store they push to. */
export class Scene {
  readonly universe: Universe;
  readonly place: Place;
  readonly forecast = new Forecast();
  readonly machines: Machine[] = [];
  /** In the order of their landing. */
  readonly claims: LandedClaim[] = [];
  readonly format: 'bytes' | 'lines';
  /** Are there snapshots, and who removes what they supersede? Not always: most seeds shall be quick. */
  readonly hasSnapshots: boolean;
  readonly #histories: History[] = [];

  constructor(universe: Universe) {
    this.universe = universe;
    this.place = new Place(universe, this.#histories, (claim) => this.#noteClaim(claim));
    this.format = universe.dice.chance(0.3) ? 'lines' : 'bytes';
    this.hasSnapshots = universe.dice.chance(0.4);
  }

  /** A machine whose journal starts as this; left out: another journal, empty. */
  async addMachine(host: string, history?: History, journalBytes = 0): Promise<Machine> {
    const machine = new Machine(this.universe, host, history ?? this.#newHistory(Buffer.alloc(0)));
    machine.fileSystem.append(JOURNAL, machine.history.bytes(0, journalBytes));
    machine.journalBytes = journalBytes;
    await machine.fileSystem.makeDirectory(SNAPSHOTS, 0o755);
    await syncJournal(machine);
    await machine.fileSystem.syncDirectory('/');
    this.machines.push(machine);
    return machine;
  }

  /** A machine whose journal is what a restore of the archive gives. */
  addRestoredMachine(): Promise<Machine> {
    const { content, end } = this.place.oracle;
    return this.addMachine('restored', this.#newHistory(content.bytes(0, end)), end);
  }

  /**
   * Its application writes records, in one go, and perhaps leaves the last one unfinished; on a full disk it writes as
   * much of them as there is space for, and the rest before it writes anything else.
   */
  async write(machine: Machine, bytes: number, leaveTorn = false): Promise<void> {
    const { dice } = this.universe;
    const { history, journalBytes } = machine;
    if (machine.isReplica && journalBytes < history.lengthBytes) {
      if (!machine.isDiskFull) {
        await this.#put(machine, history.bytes(journalBytes, journalBytes + bytes));
      }
      return;
    }
    if (journalBytes < history.lengthBytes) {
      machine.history = this.#newHistory(history.bytes(0, journalBytes));
    }
    const isContinued = machine.unwritten.length > 0;
    if (isContinued && machine.isDiskFull) {
      return;
    }
    let text = Buffer.from(machine.unwritten).toString();
    while (text.length < bytes) {
      const filler = 'x'.repeat(dice.whole(0, 60));
      text += `${machine.history.name}:${machine.journalBytes + text.length}:${dice.whole(0, 999)}${filler}\n`;
    }
    const all = Buffer.from(leaveTorn ? text.slice(0, -dice.whole(1, 5)) : text);
    const written = machine.isDiskFull ? all.subarray(0, dice.whole(0, all.length - 1)) : all;
    machine.unwritten = all.subarray(written.length);
    machine.history.append(written);
    await this.#put(machine, written);
    if (isContinued) {
      this.universe.count('a record torn by a full disk is continued');
    }
  }

  /** A replica repeats all that it has not yet; any other application writes a record. */
  async writeOn(machine: Machine): Promise<void> {
    const missing = machine.isReplica ? machine.history.lengthBytes - machine.journalBytes : 0;
    await this.write(machine, Math.max(missing, 20));
  }

  /**
   * Its application puts the state that it had at `at` into the snapshot directory, as it should: what leads there is
   * synced first, and the snapshot gets its name when it is complete and synced too.
   */
  async takeSnapshot(machine: Machine, at: number): Promise<void> {
    const { fileSystem, history, host } = machine;
    if (machine.snapshotsAt.has(at) || machine.isDiskFull) {
      return;
    }
    machine.snapshotsAt.add(at);
    await syncJournal(machine);
    const name = this.universe.dice.pick(snapshotNames(at));
    const temporary = `${SNAPSHOTS}/.new`;
    const handle = await fileSystem.createNew(temporary, 0o600);
    await handle.write(stateAt(history, at), 0);
    await handle.sync();
    await handle.close();
    await fileSystem.rename(temporary, `${SNAPSHOTS}/${name}`);
    await fileSystem.syncDirectory(SNAPSHOTS);
    this.universe.note(`${host}: snapshot ${name} of ${at}, the journal has ${machine.journalBytes} bytes`);
  }

  /** The machine loses its power and comes back with what its disk has; what was not synced may be gone. */
  async losePower(machine: Machine): Promise<void> {
    const { dice } = this.universe;
    machine.thaw();
    machine.unwritten = new Uint8Array();
    const before = machine.journalBytes;
    machine.fileSystem.crash();
    const synced = machine.fileSystem.contentOf(JOURNAL).length;
    machine.journalBytes = dice.chance(0.5) ? synced : dice.whole(synced, before);
    machine.fileSystem.append(JOURNAL, machine.history.bytes(synced, machine.journalBytes));
    await syncJournal(machine);
    this.universe.note(`${machine.host}: power loss leaves ${machine.journalBytes} of ${before}`);
    this.universe.count(machine.journalBytes < before ? 'power loss, unsynced tail lost' : 'power loss');
    if (machine.journalBytes < machine.sentEnd) {
      this.universe.violate(
        `${machine.host} has only ${machine.journalBytes} bytes after a power loss, and had sent ${machine.sentEnd}`,
      );
    }
  }

  /** Those whose journals go on from what is archived. */
  fittingMachines(): Machine[] {
    return this.machines.filter(({ history, journalBytes }) =>
      this.place.oracle.isBeginningOf(history, journalBytes),
    );
  }

  /** Where the last whole record ends. */
  recordEnd(machine: Machine): number {
    const { history, journalBytes } = machine;
    return this.format === 'bytes' ? journalBytes : history.bytes(0, journalBytes).lastIndexOf(0x0a) + 1;
  }

  #noteClaim({ epoch, pid, mode }: Claim): void {
    const seenMs = new Map(this.machines.map((machine) => [machine, machine.clock.monotonicMs()]));
    this.claims.push({ epoch, pid, mode, seenMs });
  }

  #newHistory(beginning: Uint8Array): History {
    const history = new History(String.fromCharCode(97 + this.#histories.length), beginning);
    this.#histories.push(history);
    this.universe.count('histories');
    return history;
  }

  async #put(machine: Machine, bytes: Uint8Array): Promise<void> {
    machine.journalBytes += bytes.length;
    machine.fileSystem.append(JOURNAL, bytes);
    this.universe.note(
      `${machine.host}: journal of ${machine.history.name} has ${machine.journalBytes} bytes`,
    );
    if (machine.syncs) {
      await syncJournal(machine);
    }
  }
}

async function syncJournal(machine: Machine): Promise<void> {
  const handle = await machine.fileSystem.openForReading(JOURNAL);
  await handle.syncData();
  await handle.close();
}
