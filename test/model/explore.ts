/** Explores every state a model can reach, breadth first, so that the first violation found has a shortest trace. */

import { faultMoves, latePutMoves, pruneMoves, startMoves, storeMoves, timeMoves } from './environment.ts';
import { initialState, type Model, type Move, type State } from './state.ts';
import { writerMoves } from './writer.ts';

/** What is wrong with a state, and the moves from it that show it. */
export interface Finding {
  readonly what: string;
  readonly moves: readonly string[];
}

export interface Violation {
  readonly what: string;
  /** What happened, in order. */
  readonly trace: readonly string[];
}

export interface Exploration {
  readonly states: number;
  readonly moves: number;
  readonly violation: Violation | undefined;
}

/** All that can happen next. */
function allMoves(model: Model, state: State): Move[] {
  return [
    ...startMoves(model, state),
    ...state.processes.flatMap((_, index) => writerMoves(model, state, index)),
    ...storeMoves(model, state),
    ...latePutMoves(model, state),
    ...faultMoves(model, state),
    ...timeMoves(model, state),
    ...pruneMoves(model, state),
  ];
}

/** A state, and the numbers of its parts: store, late puts, budget, and each process. */
export interface Numbered {
  readonly state: State;
  readonly numbers: readonly number[];
}

/**
 * Gives equal states equal keys. Each part of a state, such as a process, gets a number: the parts are few, and a move
 * changes one or two of them, so that only those are written out.
 */
export class StateKeys {
  readonly #numbers = new Map<string, number>();

  number(state: State, before?: Numbered): Numbered {
    const known = before === undefined ? [] : partsOf(before.state);
    const numbers = partsOf(state).map((part, index) =>
      part === known[index] ? (before?.numbers[index] ?? 0) : this.#numberOf(part),
    );
    return { state, numbers };
  }

  #numberOf(part: object): number {
    const text = JSON.stringify(part);
    const known = this.#numbers.get(text);
    if (known !== undefined) {
      return known;
    }
    this.#numbers.set(text, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  keyOf(state: State): string {
    return keyOf(this.number(state));
  }
}

function partsOf({ store, late, processes, left }: State): readonly object[] {
  return [store, late, left, ...processes];
}

function keyOf({ numbers }: Numbered): string {
  return String.fromCharCode(...numbers.flatMap((number) => [number & 0xff_ff, number >>> 16]));
}

/** `judge` is asked for every state once, in the order they are reached, and says what is wrong with it. */
export function explore(model: Model, judge: (reached: Numbered) => Finding | undefined): Exploration {
  const keys = new StateKeys();
  const first = keys.number(initialState(model.scenario));
  const seen = new Set([keyOf(first)]);
  const parents = [0];
  let frontier = [first];
  let moves = 0;
  let index = 0;
  while (frontier.length > 0) {
    const next: Numbered[] = [];
    for (const before of frontier) {
      for (const move of allMoves(model, before.state)) {
        moves += 1;
        const after = keys.number(move.state, before);
        const key = keyOf(after);
        if (seen.has(key)) {
          continue;
        }
        seen.add(key);
        parents.push(index);
        const finding = judge(after);
        if (finding !== undefined) {
          const trace = [...retrace(model, keys, [...seen], parents), ...finding.moves];
          return { states: seen.size, moves, violation: { what: finding.what, trace } };
        }
        next.push(after);
      }
      index += 1;
    }
    frontier = next;
  }
  return { states: seen.size, moves, violation: undefined };
}

/** The moves that led to the last state found. */
function retrace(
  model: Model,
  keys: StateKeys,
  found: readonly string[],
  parents: readonly number[],
): string[] {
  const path: string[] = [];
  for (let index = found.length - 1; index > 0; index = parents[index] ?? 0) {
    path.unshift(found[index] ?? '');
  }
  const trace: string[] = [];
  let state = initialState(model.scenario);
  for (const key of path) {
    const move = allMoves(model, state).find((candidate) => keys.keyOf(candidate.state) === key);
    if (move === undefined) {
      throw new Error('a move that was found once is there again');
    }
    trace.push(move.what);
    state = move.state;
  }
  return trace;
}
