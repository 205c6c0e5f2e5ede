import {
  type End,
  forgetful,
  type Model,
  type Move,
  nameOf,
  type Process,
  type State,
  withProcess,
} from './state.ts';
import { type Batch, type Put, payloadOf, showPut, tailOf } from './store.ts';

/** One process in one state, and the ways in which a step of it ends. */
export class Standing {
  readonly model: Model;
  readonly state: State;
  readonly index: number;
  readonly process: Process;
  readonly journal: string;

  constructor(model: Model, state: State, index: number) {
    const process = state.processes[index];
    const journal = model.scenario.journals[index];
    if (process === undefined || journal === undefined) {
      throw new Error(`there is no process ${index}`);
    }
    this.model = model;
    this.state = state;
    this.index = index;
    this.process = process;
    this.journal = journal;
  }

  /** Undefined: the batch is the journal's. */
  differenceFrom(batch: Batch): End | undefined {
    const local = this.journal.slice(batch.first, batch.end);
    const archived = payloadOf(batch);
    if (local === archived) {
      return undefined;
    }
    return archived.startsWith(local) ? 'LOCAL_BEHIND' : 'DIVERGED';
  }

  send(what: string, put: Put, process = this.process): Move {
    const sent: Process = { ...process, step: 'waiting for an answer', put, answer: null, putIsOld: false };
    const isHasty = put.of === 'batch' && this.model.protocol.reports === 'when sent';
    const reported = isHasty ? Math.max(sent.reported, put.batch.end) : sent.reported;
    return this.become(`${what}: puts ${showPut(put)}`, { ...sent, reported });
  }

  go(what: string, change: Partial<Process>): Move {
    return this.become(what, { ...this.process, ...change });
  }

  end(what: string, step: End): Move {
    const { epoch, durable, reported } = this.process;
    const done = step === 'done' ? Math.max(reported, durable) : reported;
    const ended: Process = { ...forgetful(this.process, step), reported: done };
    return this.become(`${what}: ${step}`, step === 'FENCED' ? { ...ended, epoch } : ended);
  }

  become(what: string, process: Process): Move {
    const name = nameOf(this.index);
    return { what: `${name} ${what}`, state: withProcess(this.state, this.index, process) };
  }

  get owner(): string {
    return `${nameOf(this.index)}${this.process.run}`;
  }

  get tail(): Partial<Process> {
    const { end: durable, chain } = tailOf(this.state.store);
    return { durable, chain };
  }
}
