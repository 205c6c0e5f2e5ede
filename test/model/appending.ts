import type { Standing } from './standing.ts';
import { forgetful, type Intent, type Move, type Process } from './state.ts';
import { type Batch, batchAt, newestEpoch, type Put, showPut } from './store.ts';

/** What a process does when its put comes to an unknown end: it finds out what is there. */
export function afterUnknown(process: Process): Process {
  const asked: Process = { ...process, answer: null };
  switch (process.put?.of) {
    case 'descriptor':
      return { ...asked, step: 'starting', put: null };
    case 'claim':
      return { ...asked, step: 'reading the claim' };
    case 'batch':
      return { ...asked, step: 'resolving' };
    default:
      return { ...asked, step: 'ready', put: null, putIsOld: false };
  }
}

/** Appending, and what a writer does between two batches. A step is one request and what follows from it. */
export class Appending {
  readonly #standing: Standing;

  constructor(standing: Standing) {
    this.#standing = standing;
  }

  /** All that it may do next. */
  next(): Move[] {
    return [...this.look(), ...this.append(), ...this.pushSnapshot(), ...this.finish()];
  }

  /** A look for a successor; when it is due is a matter of seconds, so that here it may come at any time. */
  look(): Move[] {
    const { epoch } = this.#standing.process;
    return this.#standing.state.store.claims.some((claim) => claim.epoch === epoch + 1)
      ? [this.#standing.end('looks and finds its successor', 'FENCED')]
      : [];
  }

  /** A batch of any length: how much a put holds is a matter of time and settings. */
  append(): Move[] {
    const { durable, chain, epoch } = this.#standing.process;
    const moves: Move[] = [];
    for (let end = durable + 1; end <= this.#standing.journal.length; end += 1) {
      const batch: Batch = {
        first: durable,
        end,
        prev: chain,
        chain: `${chain}|${this.#standing.journal.slice(durable, end)}`,
        epoch,
      };
      moves.push(this.#beforePut({ of: 'batch', batch }));
    }
    return moves;
  }

  #beforePut(put: Put): Move {
    return this.#standing.process.anchorIsOld && this.#standing.model.protocol.looksFully !== 'never'
      ? this.#lookFully('was away', 'put', { put, wasAway: true })
      : this.#standing.send('appends', put, { ...this.#standing.process, wasAway: false });
  }

  /** "Exists" alone is neither success nor failure. */
  hearRefusal(): Move {
    const { put } = this.#standing.process;
    const { existsMeans } = this.#standing.model.protocol;
    if (put?.of !== 'batch' || existsMeans === 'resolve') {
      return this.#standing.become('hears "exists"', afterUnknown(this.#standing.process));
    }
    return existsMeans === 'conflict'
      ? this.#standing.end('hears "exists"', 'FENCED')
      : this.#advance('hears "exists"', put.batch);
  }

  /** What lies at the durable offset counts, whatever the store answered. */
  resolve(): Move[] {
    const { put, epoch, chain, durable } = this.#standing.process;
    if (put?.of !== 'batch') {
      return [];
    }
    const found = batchAt(this.#standing.state.store, durable);
    if (found === undefined) {
      return [...this.look(), this.#beforePut(put)];
    }
    const finds = `finds ${showPut({ of: 'batch', batch: found })} of epoch ${found.epoch}`;
    if (found.epoch > epoch) {
      return [this.#standing.end(finds, 'FENCED')];
    }
    if (found.prev !== chain) {
      return [this.#standing.end(finds, 'CHAIN_GAP')];
    }
    const difference = this.#standing.model.protocol.comparesBeforeAdopting
      ? this.#standing.differenceFrom(found)
      : undefined;
    return [
      difference === undefined
        ? this.guarded(finds, 'adopt', { found })
        : this.#standing.end(finds, difference),
    ];
  }

  /** After a long absence, or when the put itself took long: a full look before anything is reported. */
  guarded(what: string, intent: 'report' | 'adopt', more: Partial<Process> = {}): Move {
    const { wasAway, anchorIsOld } = this.#standing.process;
    const isDue = (wasAway || anchorIsOld) && this.#standing.model.protocol.looksFully === 'before and after';
    return isDue
      ? this.#lookFully(what, intent, more)
      : this.#obtain(what, intent, { ...this.#standing.process, ...more });
  }

  #lookFully(what: string, intent: Intent, more: Partial<Process>): Move {
    return this.#standing.go(`${what} and takes a full look`, {
      ...more,
      step: 'full look: writers',
      intent,
      lookIsOld: false,
    });
  }

  listWriters(): Move {
    return newestEpoch(this.#standing.state.store) > this.#standing.process.epoch
      ? this.#standing.end('lists WRITER/ and finds a newer one', 'FENCED')
      : this.#standing.go('lists WRITER/', { step: 'full look: snapshots' });
  }

  /** Repeated when it was itself slept through. */
  listSnapshots(): Move {
    const { durable, intent, lookIsOld, run } = this.#standing.process;
    if (this.#standing.state.store.snapshots.some(({ at }) => at > durable)) {
      const again = forgetful(this.#standing.process, 'starting');
      return this.#standing.become('lists SNAPSHOT/: the archive has moved; starts again', {
        ...again,
        run: run + 1,
      });
    }
    if (lookIsOld) {
      return this.#standing.go('lists SNAPSHOT/, too late', { step: 'full look: writers', lookIsOld: false });
    }
    const looked: Process = { ...this.#standing.process, anchorIsOld: false, intent: null };
    return this.#obtain('lists SNAPSHOT/', intent, looked);
  }

  #obtain(what: string, intent: Intent | null, process: Process): Move {
    const { put, found } = process;
    if (intent === 'adopt' && found !== null) {
      return this.#advance(`${what}, adopts it`, found, process);
    }
    if (put?.of !== 'batch') {
      throw new Error('a batch to put or to report');
    }
    return intent === 'put'
      ? this.#standing.send(what, put, process)
      : this.#advance(what, put.batch, process);
  }

  #advance(what: string, { end, chain }: Batch, process = this.#standing.process): Move {
    const { answer, found, reported } = process;
    return this.#standing.become(`${what}, reports ${end} durable`, {
      ...process,
      step: 'ready',
      durable: end,
      chain,
      put: null,
      answer: null,
      found: null,
      wasAway: false,
      // A stored put counts from when it was sent; for what is adopted the last anchor still stands.
      anchorIsOld: found === null ? process.putIsOld : process.anchorIsOld,
      putIsOld: false,
      reported: Math.max(reported, end),
      reportedStray: process.reportedStray || answer === 'stored as a stray',
    });
  }

  /** At the end of a batch, with a look before it. */
  pushSnapshot(): Move[] {
    const { store, left } = this.#standing.state;
    const { durable: at, chain } = this.#standing.process;
    const isDue = at > 0 && left.snapshots > 0 && !store.snapshots.some((snapshot) => snapshot.at >= at);
    if (!isDue || this.look().length > 0) {
      return [];
    }
    const move = this.#standing.send('takes a snapshot', { of: 'snapshot', snapshot: { at, chain, age: 0 } });
    return [{ ...move, state: { ...move.state, left: { ...left, snapshots: left.snapshots - 1 } } }];
  }

  finish(): Move[] {
    return this.#standing.process.durable === this.#standing.journal.length
      ? [this.#standing.end('has pushed all', 'done')]
      : [];
  }
}
