import { RigError } from '../kernel/errors.ts';
import type { Reporter } from '../kernel/report.ts';
import type { SignalName } from './exit-status.ts';
import type { CommandIo } from './io.ts';
import type { ReaderGoneError } from './output.ts';

/**
 * Why a command must end at once, without another word: the second signal, or a reader that went away. A fault of the
 * program itself ends it too, but is told.
 */
export type SuddenEnd =
  | { readonly kind: 'signal'; readonly signal: SignalName }
  | { readonly kind: 'reader-gone' }
  | { readonly kind: 'fault'; readonly error: unknown };

/**
 * One Ctrl-C can arrive twice: a terminal signals the whole group of processes, and a wrapper such as npm passes its
 * own copy on. What follows so soon is not a second wish.
 */
const ECHO_MS = 100;

/** Listens to what comes from outside while a command runs, and turns it into the signals that workflows know. */
export class Interruption {
  readonly #io: CommandIo;
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  readonly #sudden = Promise.withResolvers<SuddenEnd>();
  readonly #unlisten: (() => void)[];
  #first: { readonly signal: SignalName; readonly atMs: number } | undefined;

  /** What to say at the first signal, and to whom. */
  announce: { readonly report: Reporter; readonly whatGoesOn: string } | undefined;

  constructor(io: CommandIo) {
    this.#io = io;
    this.#unlisten = [
      io.onSignal((signal) => this.#onSignal(signal)),
      io.onFault((error) => this.#endSuddenly({ kind: 'fault', error })),
    ];
  }

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get abort(): AbortSignal {
    return this.#abort.signal;
  }

  /** The first signal that came. */
  get signal(): SignalName | undefined {
    return this.#first?.signal;
  }

  /** Resolves when the command must not go on; everything under way has been told then. */
  get sudden(): Promise<SuddenEnd> {
    return this.#sudden.promise;
  }

  readerGone(error: ReaderGoneError): void {
    this.#endSuddenly({ kind: 'reader-gone' }, error);
  }

  unlisten(): void {
    for (const unlisten of this.#unlisten) {
      unlisten();
    }
  }

  #onSignal(signal: SignalName): void {
    const nowMs = this.#io.clock.monotonicMs();
    if (this.#first === undefined) {
      this.#first = { signal, atMs: nowMs };
      this.#tellUser(signal);
      this.#stop.abort(interrupted(signal));
    } else if (nowMs - this.#first.atMs >= ECHO_MS) {
      this.#endSuddenly({ kind: 'signal', signal }, interrupted(signal));
    }
  }

  #tellUser(signal: SignalName): void {
    const { report, whatGoesOn } = this.announce ?? {};
    report?.({
      type: 'note',
      code: 'interrupted',
      message: `${signal}: ${whatGoesOn}; a second signal ends it at once`,
      details: { signal },
    });
  }

  #endSuddenly(
    end: SuddenEnd,
    reason: unknown = new RigError('RIG_INTERRUPTED', 'rigctl itself failed'),
  ): void {
    this.#stop.abort(reason);
    this.#abort.abort(reason);
    this.#sudden.resolve(end);
  }
}

function interrupted(signal: SignalName): RigError {
  return new RigError('RIG_INTERRUPTED', `interrupted by ${signal}`, {
    hint: 'run it again; a push goes on from what is stored',
    details: { signal },
  });
}
