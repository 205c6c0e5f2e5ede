/** Progress: whatever has happened, once faults end, one healthy writer alone comes to an end, and to a good one. */

import { latePutMoves, storeMoves } from './environment.ts';
import { type Finding, type Numbered, StateKeys } from './explore.ts';
import { PROMISES } from './promises.ts';
import {
  forgetful,
  hasEnded,
  initialState,
  isRunning,
  type Model,
  type Move,
  nameOf,
  type State,
  withProcess,
} from './state.ts';
import { started, writerMoves } from './writer.ts';

/** More moves than any lone run takes: who needs more goes round in circles. */
const MOVES_LIMIT = 100;

/**
 * Stops all processes but one, in any state, and lets that one go on; when it does not run, or is rightly told of a
 * newer writer, it is started again. In every order in which late puts may land it must be done, or rightly be told
 * that the archive holds other or more bytes than its journal. As these are the beginning of somebody's journal, one
 * process at least can be done.
 */
export class Progress {
  readonly #model: Model;
  readonly #keys = new StateKeys();
  /** From where all lone runs end well, as the exploration numbers the parts that matter: most states share them. */
  readonly #checked = new Set<string>();
  /** The states of lone runs from which all end well. */
  readonly #good = new Set<string>();

  constructor(model: Model) {
    this.#model = model;
  }

  check({ state, numbers: [store, late, , ...processes] }: Numbered): Finding | undefined {
    for (const index of state.processes.keys()) {
      const key = `${index} ${store} ${late} ${processes[index]}`;
      const finding = this.#checked.has(key) ? undefined : this.#run(this.#alone(state, index), index, 0);
      if (finding !== undefined) {
        return { ...finding, moves: [`faults end, and only ${nameOf(index)} goes on`, ...finding.moves] };
      }
      this.#checked.add(key);
    }
    return undefined;
  }

  #alone(state: State, index: number): State {
    const { processes } = initialState(this.#model.scenario);
    const left = { crashes: 0, losses: 0, snapshots: 0 };
    const process = state.processes[index];
    const alone: State = { ...state, left, processes };
    return process === undefined
      ? alone
      : withProcess(alone, index, isRunning(process) ? process : forgetful(process, 'not running'));
  }

  #run(state: State, index: number, depth: number): Finding | undefined {
    const key = this.#keys.keyOf(state);
    if (this.#good.has(key)) {
      return undefined;
    }
    const wrong = PROMISES['no failure without cause'](this.#model, state);
    if (wrong !== undefined || depth > MOVES_LIMIT) {
      return { what: wrong ?? `${nameOf(index)} goes round in circles`, moves: [] };
    }
    const moves = this.#moves(state, index);
    for (const move of moves) {
      const stuck = this.#run(move.state, index, depth + 1);
      if (stuck !== undefined) {
        return { ...stuck, moves: [move.what, ...stuck.moves] };
      }
    }
    const process = state.processes[index];
    if (moves.length === 0 && process !== undefined && !hasEnded(process)) {
      return { what: `${nameOf(index)} stays ${process.step}`, moves: [] };
    }
    this.#good.add(key);
    return undefined;
  }

  #moves(state: State, index: number): Move[] {
    const process = state.processes[index];
    if (process === undefined || (hasEnded(process) && process.step !== 'FENCED')) {
      return [];
    }
    if (!isRunning(process)) {
      return [started(this.#model, state, index)];
    }
    return [
      ...writerMoves(this.#model, state, index),
      ...storeMoves(this.#model, state),
      ...latePutMoves(this.#model, state),
    ];
  }
}
