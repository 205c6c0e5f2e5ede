/** What happens around the writers: the store at work, faults, time and a prune. */

import { afterUnknown } from './appending.ts';
import {
  forgetful,
  isRunning,
  type Model,
  type Move,
  nameOf,
  type Process,
  type State,
  withProcess,
} from './state.ts';
import { baseOf, DAY, isTaken, type Put, type Store, showPut, tailOf, withObject } from './store.ts';
import { hearRefusal, hearStored, started } from './writer.ts';

/** Somebody starts a process: for the first time, after a crash, or after it was told to stop. */
export function startMoves(model: Model, state: State): Move[] {
  return state.processes.flatMap((process, index) => {
    const mayStart = !isRunning(process) && process.step !== 'done' && process.run < model.scenario.runs;
    return mayStart ? [started(model, state, index)] : [];
  });
}

/**
 * The store carries out what was asked, in any order, and its answer is heard. Of a batch that is stored it may be
 * heard much later, which matters: it is judged then. A loss of the answer to anything else is a fault of its own.
 */
export function storeMoves(model: Model, state: State): Move[] {
  const { store, left } = state;
  return state.processes.flatMap((process, index) => {
    const { put, answer } = process;
    if (put === null || answer !== null || process.step !== 'waiting for an answer') {
      return [];
    }
    if (isTaken(store, put) && !model.scenario.storeIgnoresConditions) {
      return [hearRefusal(model, state, index)];
    }
    const takes = `the store takes ${showPut(put)} of ${nameOf(index)}`;
    const stored: State = { ...state, store: withObject(store, put) };
    if (put.of === 'batch') {
      const given = isStray(store, put) ? 'stored as a stray' : 'stored';
      return [{ what: takes, state: withProcess(stored, index, { ...process, answer: given }) }];
    }
    const heard = { what: takes, state: hearStored(model, stored, index).state };
    const unheard = withProcess(
      { ...stored, left: { ...left, losses: left.losses - 1 } },
      index,
      afterUnknown(process),
    );
    return left.losses > 0 ? [heard, { what: `${takes}, which hears nothing`, state: unheard }] : [heard];
  });
}

function isStray(store: Store, put: Put): boolean {
  return put.of === 'batch' && put.batch.first < tailOf(store).end && !isTaken(store, put);
}

/** A put whose caller has long given up lands. Where its key is taken it is refused, and nobody hears of it. */
export function latePutMoves({ scenario }: Model, state: State): Move[] {
  const { store, late } = state;
  return late.flatMap((put, position) =>
    isTaken(store, put) && !scenario.storeIgnoresConditions
      ? []
      : [
          {
            what: `late, the store takes ${showPut(put)}`,
            state: { ...state, store: withObject(store, put), late: late.toSpliced(position, 1) },
          },
        ],
  );
}

/** Crashes, and answers that never come: lost, or never given because the put was lost or is late. */
export function faultMoves(_model: Model, state: State): Move[] {
  const { left, processes } = state;
  return processes.flatMap((process, index) => {
    const moves: Move[] = [];
    const isWaiting = process.step === 'waiting for an answer';
    if (isWaiting && left.losses > 0) {
      const lost = { ...state, left: { ...left, losses: left.losses - 1 } };
      moves.push(abandoned(lost, index, 'hears nothing', afterUnknown(process)));
    }
    if (isRunning(process) && left.crashes > 0) {
      const crashed = { ...state, left: { ...left, crashes: left.crashes - 1 } };
      moves.push(abandoned(crashed, index, 'crashes', forgetful(process, 'not running')));
    }
    return moves;
  });
}

/** A put under way whose caller is gone may land late, or never. */
function abandoned(state: State, index: number, what: string, process: Process): Move {
  const { late } = state;
  const before = state.processes[index];
  const next = withProcess(state, index, process);
  const put = before?.step === 'waiting for an answer' && before.answer === null ? before.put : null;
  if (put === null) {
    return { what: `${nameOf(index)} ${what}`, state: next };
  }
  const sorted = [...late, put].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return {
    what: `${nameOf(index)} ${what}; ${showPut(put)} may still land`,
    state: { ...next, late: sorted },
  };
}

/** A day in which nobody does anything. Between two such days everything happens within the hour. */
export function timeMoves({ scenario }: Model, state: State): Move[] {
  if (!scenario.timePasses) {
    return [];
  }
  const { store, processes } = state;
  const older = <Aged extends { readonly age: number }>(object: Aged): Aged =>
    object.age === DAY ? object : { ...object, age: object.age + 1 };
  return [
    {
      what: 'a day passes',
      state: {
        ...state,
        store: {
          ...store,
          snapshots: store.snapshots.map(older),
          claims: scenario.claimsArePruned ? store.claims.map(older) : store.claims,
        },
        processes: processes.map(slept),
      },
    },
  ];
}

function slept(process: Process): Process {
  const { step, epoch, put } = process;
  if (!isRunning(process) || epoch === 0 || step === 'claimed') {
    return process;
  }
  const isSent = step !== 'ready' && put !== null;
  return { ...process, anchorIsOld: true, putIsOld: isSent, lookIsOld: process.intent !== null };
}

/**
 * Prune removes one object after the other, batches first, in ascending order: all that a snapshot has superseded for a
 * day. What may go may always go later, so that a prune that slept between its plan and a removal is here as well.
 */
export function pruneMoves({ protocol }: Model, state: State): Move[] {
  const { store } = state;
  const base = baseOf(store, protocol.prunesAfter);
  const removable = protocol.keepsNewestBatch ? store.batches.slice(0, -1) : store.batches;
  const batch = removable.find(({ first }) => first < base.at);
  if (batch !== undefined) {
    const batches = store.batches.filter((other) => other !== batch);
    return [removed(state, showPut({ of: 'batch', batch }), { ...store, batches })];
  }
  const moves: Move[] = [];
  const snapshot = store.snapshots.find(({ at }) => at < base.at);
  if (snapshot !== undefined) {
    const snapshots = store.snapshots.filter((other) => other !== snapshot);
    moves.push(removed(state, showPut({ of: 'snapshot', snapshot }), { ...store, snapshots }));
  }
  const claim = store.claims.slice(0, -1).find(({ age }) => age >= DAY);
  if (claim !== undefined) {
    const claims = store.claims.filter((other) => other !== claim);
    moves.push(removed(state, showPut({ of: 'claim', claim }), { ...store, claims }));
  }
  return moves;
}

function removed(state: State, what: string, store: Store): Move {
  return { what: `prune removes ${what}`, state: { ...state, store } };
}
