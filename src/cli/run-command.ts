import { isRigError, messageOf, RigError } from '../kernel/errors.ts';
import { scanStyle } from './arguments.ts';
import { CLOSED_PIPE_STATUS, exitStatusOf, SIGNAL_STATUS } from './exit-status.ts';
import { Interruption, type SuddenEnd } from './interruption.ts';
import type { CommandIo } from './io.ts';
import { Output, ReaderGoneError } from './output.ts';
import { type Invocation, parseArguments } from './program.ts';
import { createRenderer, type Outputs } from './render/create.ts';
import type { Outcome, Renderer } from './render/renderer.ts';
import { Session } from './session.ts';

export interface Exit {
  readonly exitCode: number;
  /** Something may still be under way that nobody waits for any more: end the process. */
  readonly atOnce: boolean;
}

/** After a sudden end, what is under way gets so long to clean up after itself. */
const CLEAN_UP_MS = 1_000;

/** Runs one command line (without node and the script) from its arguments to its last line of output. Never throws. */
export async function runCommand(argv: readonly string[], io: CommandIo): Promise<Exit> {
  const style = scanStyle(argv);
  const interruption = new Interruption(io);
  const onReaderGone = (error: ReaderGoneError) => interruption.readerGone(error);
  const outputs = {
    stdout: new Output(io.stdout, 'stdout', onReaderGone),
    stderr: new Output(io.stderr, 'stderr', onReaderGone),
  };
  const renderer = await createRenderer(style, outputs, io);
  try {
    const run = new Run(io, outputs, renderer, interruption);
    const invocation = parseArguments(argv);
    const work = run.toItsEnd(invocation);
    return await Promise.race([work, interruption.sudden.then((end) => run.suddenly(end, invocation, work))]);
  } finally {
    interruption.unlisten();
  }
}

class Run {
  readonly #io: CommandIo;
  readonly #outputs: Outputs;
  readonly #renderer: Renderer;
  readonly #interruption: Interruption;

  constructor(io: CommandIo, outputs: Outputs, renderer: Renderer, interruption: Interruption) {
    this.#io = io;
    this.#outputs = outputs;
    this.#renderer = renderer;
    this.#interruption = interruption;
  }

  async toItsEnd(invocation: Invocation): Promise<Exit> {
    const outcome = await this.#outcomeOf(invocation);
    return { exitCode: await this.#finish(nameOf(invocation), outcome), atOnce: false };
  }

  async suddenly(end: SuddenEnd, invocation: Invocation, work: Promise<unknown>): Promise<Exit> {
    if (end.kind === 'fault') {
      const exitCode = await this.#finish(nameOf(invocation), failed(end.error));
      return { exitCode, atOnce: true };
    }
    this.#renderer.silence();
    await Promise.race([work, this.#io.clock.sleep(CLEAN_UP_MS)]);
    return { exitCode: end.kind === 'signal' ? SIGNAL_STATUS[end.signal] : CLOSED_PIPE_STATUS, atOnce: true };
  }

  async #outcomeOf(invocation: Invocation): Promise<Outcome> {
    if (invocation.kind !== 'run') {
      return invocation.kind === 'text' ? invocation.outcome : failed(invocation.error);
    }
    const { command, flags, run } = invocation;
    const session = new Session({
      io: this.#io,
      flags,
      renderer: this.#renderer,
      stdout: this.#outputs.stdout,
      stop: this.#interruption.stop,
      abort: this.#interruption.abort,
    });
    this.#interruption.announce = {
      report: (report) => this.#renderer.report(report),
      whatGoesOn: command.whenInterrupted,
    };
    try {
      return await run(session);
    } catch (error) {
      return failed(error);
    } finally {
      await session.close().catch(() => undefined); // what the command did is done
    }
  }

  /** Shows the end and gives the exit status; when it cannot be shown, that is the failure. */
  async #finish(command: string | null, outcome: Outcome): Promise<number> {
    const exitCode = this.#exitCodeOf(outcome);
    try {
      await this.#renderer.finish({ command, outcome, exitCode });
      await this.#outputs.stdout.flush();
      await this.#outputs.stderr.flush();
      return exitCode;
    } catch (error) {
      if (error instanceof ReaderGoneError) {
        return CLOSED_PIPE_STATUS;
      }
      const failure = toRigError(error);
      if (failure !== outcome.error) {
        const hint = failure.hint === undefined ? '' : `hint: ${failure.hint}\n`;
        this.#outputs.stderr.post(`error: ${failure.message}\n${hint}`);
      }
      return outcome.error === undefined ? exitStatusOf(failure, undefined) : exitCode;
    }
  }

  #exitCodeOf({ error }: Outcome): number {
    return error === undefined ? 0 : exitStatusOf(error, this.#interruption.signal);
  }
}

function nameOf({ command }: Invocation): string | null {
  return typeof command === 'string' || command === null ? command : command.name;
}

function failed(error: unknown): Outcome {
  return { fields: {}, lines: [], error: toRigError(error) };
}

/** What nobody foresaw is a bug, and says so. */
function toRigError(error: unknown): RigError {
  if (isRigError(error)) {
    return error;
  }
  return new RigError('RIG_ASSERTION', `unexpected: ${messageOf(error)}`, {
    hint: 'report this as a bug in rigctl, with what --verbose prints',
    cause: error,
  });
}
