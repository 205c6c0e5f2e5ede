import type { Standing } from './standing.ts';
import type { Move, Process } from './state.ts';
import { countingBatches, isTaken, newestEpoch, type Put, withObject } from './store.ts';

/** Start of a writer, steps 0 to 6. A step is one request and what follows from it. */
export class Starting {
  readonly #standing: Standing;

  constructor(standing: Standing) {
    this.#standing = standing;
  }

  /** Step 0: read the descriptor, or create it under an empty place. After any answer but "stored" it is read again. */
  start(): Move {
    const { descriptor } = this.#standing.state.store;
    return descriptor === null
      ? this.#standing.send('finds the place empty', { of: 'descriptor', id: this.#standing.owner })
      : this.#survey();
  }

  /** Steps 1 and 2: list, and compare with the journal before anything is claimed. */
  #survey(): Move {
    return (
      this.#compared('surveys') ??
      this.#standing.go('surveys the archive', { step: 'surveyed', ...this.#standing.tail })
    );
  }

  /** Step 3. A one-shot that has nothing to push does not claim anything. */
  nothingToPushOrClaim(): Move[] {
    const claim = this.#claim(newestEpoch(this.#standing.state.store) + 1);
    return this.#standing.process.durable === this.#standing.journal.length
      ? [this.#standing.end('has nothing to push', 'done'), claim]
      : [claim];
  }

  #claim(epoch: number): Move {
    return this.#standing.send('claims', {
      of: 'claim',
      claim: { epoch, owner: this.#standing.owner, age: 0 },
    });
  }

  /** Taken or unknown: whose is it? */
  readClaim(): Move {
    const { put } = this.#standing.process;
    const epoch = put?.of === 'claim' ? put.claim.epoch : 0;
    const stored = this.#standing.state.store.claims.find((claim) => claim.epoch === epoch);
    if (stored === undefined) {
      return this.#claim(epoch);
    }
    return stored.owner === this.#standing.owner ? this.claimed(epoch) : this.#claim(epoch + 1);
  }

  claimed(epoch: number): Move {
    return this.#standing.go(`has claimed epoch ${epoch}`, { step: 'claimed', epoch, put: null });
  }

  /**
   * Step 4: the same put again must be refused, unless the claim was pruned, which only a newer one allows. Then step
   * 6.
   */
  probe(): Move {
    const { store } = this.#standing.state;
    const { scenario, protocol } = this.#standing.model;
    const { epoch } = this.#standing.process;
    const claim: Put = { of: 'claim', claim: { epoch, owner: this.#standing.owner, age: 0 } };
    if (!protocol.probes || (isTaken(store, claim) && !scenario.storeIgnoresConditions)) {
      return this.#listAgain();
    }
    const isOvertaken = newestEpoch(store) > epoch && protocol.listsAfterAcceptedProbe;
    const move = isOvertaken
      ? this.#standing.end('probes: the store accepts; finds a newer writer', 'FENCED')
      : this.#standing.end('probes: the store accepts', 'STORE_UNSUPPORTED');
    return { ...move, state: { ...move.state, store: withObject(store, claim) } };
  }

  /** Step 6. What follows relies on this listing: the first long absence is counted from here. */
  #listAgain(): Move {
    if (!this.#standing.model.protocol.listsAgainAfterClaiming) {
      return this.#startAppending('does not list again', {});
    }
    if (newestEpoch(this.#standing.state.store) > this.#standing.process.epoch) {
      return this.#standing.end('lists again and finds a newer writer', 'FENCED');
    }
    return this.#compared('lists again') ?? this.#startAppending('probes, lists again', this.#standing.tail);
  }

  #startAppending(what: string, tail: Partial<Process>): Move {
    const durable = tail.durable ?? this.#standing.process.durable;
    return this.#standing.go(`${what}; ${durable} is durable`, {
      ...tail,
      step: 'ready',
      anchorIsOld: false,
      reported: Math.max(this.#standing.process.reported, durable),
    });
  }

  /** The first and the last stored batch against the journal. Undefined: the journal goes on from the archive. */
  #compared(what: string): Move | undefined {
    const { store } = this.#standing.state;
    const batches = this.#standing.model.protocol.comparesStrays ? store.batches : countingBatches(store);
    for (const batch of [batches.at(0), batches.at(-1)]) {
      const difference = batch === undefined ? undefined : this.#standing.differenceFrom(batch);
      if (difference !== undefined) {
        return this.#standing.end(`${what} and compares`, difference);
      }
    }
    return undefined;
  }
}
