/** The protocol of a writer: which step comes next. */

import { Appending } from './appending.ts';
import { Standing } from './standing.ts';
import { Starting } from './starting.ts';
import { forgetful, type Model, type Move, type Process, type State, withProcess } from './state.ts';

/** All that one process can do next; nothing while it waits for the store or does not run. */
export function writerMoves(model: Model, state: State, index: number): Move[] {
  const standing = new Standing(model, state, index);
  const starting = new Starting(standing);
  const appending = new Appending(standing);
  switch (standing.process.step) {
    case 'starting':
      return [starting.start()];
    case 'surveyed':
      return starting.nothingToPushOrClaim();
    case 'reading the claim':
      return [starting.readClaim()];
    case 'claimed':
      return [starting.probe()];
    case 'ready':
      return appending.next();
    case 'waiting for an answer':
      return standing.process.answer === null ? [] : [hearStored(model, state, index)];
    case 'resolving':
      return appending.resolve();
    case 'full look: writers':
      return [appending.listWriters()];
    case 'full look: snapshots':
      return [appending.listSnapshots()];
    default:
      return [];
  }
}

/** A process begins: as long as it has not seen anything, it is as if it had not. */
export function started(model: Model, state: State, index: number): Move {
  const { process } = new Standing(model, state, index);
  const begun: Process = { ...forgetful(process, 'starting'), run: process.run + 1 };
  const standing = new Standing(model, withProcess(state, index, begun), index);
  const { what, state: next } = new Starting(standing).start();
  return { what: what.replace(' ', ' starts, '), state: next };
}

export function hearStored(model: Model, state: State, index: number): Move {
  const standing = new Standing(model, state, index);
  const { put } = standing.process;
  switch (put?.of) {
    case 'descriptor':
      return standing.go('has made the archive', { step: 'starting', put: null });
    case 'claim':
      return new Starting(standing).claimed(put.claim.epoch);
    case 'batch':
      return new Appending(standing).guarded('hears "stored"', 'report');
    default:
      return standing.go('has put a snapshot', { step: 'ready', put: null, putIsOld: false });
  }
}

export function hearRefusal(model: Model, state: State, index: number): Move {
  return new Appending(new Standing(model, state, index)).hearRefusal();
}
