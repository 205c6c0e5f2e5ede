import type { Clock } from '../../kernel/clock.ts';
import type { Output } from '../output.ts';
import { Throttle } from './throttle.ts';

/** The one line that says how far the work is. */
export interface StatusLine {
  update(text: string): void;
  /** Takes it away. Nothing is shown afterwards. */
  end(): void;
}

const REDRAW_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 60_000;

/** For `--quiet`. */
export const NO_STATUS_LINE: StatusLine = { update() {}, end() {} };

/** A spinner, redrawn ten times a second at most; ora, which draws it, is loaded when there is something to say. */
export class SpinnerLine implements StatusLine {
  readonly #output: Output;
  readonly #color: boolean;
  #text = '';
  #ended = false;
  #spinner: { text: string; stop(): unknown } | 'loading' | undefined;

  constructor(output: Output, color: boolean) {
    this.#output = output;
    this.#color = color;
  }

  update(text: string): void {
    this.#text = text;
    if (this.#spinner === undefined) {
      this.#spinner = 'loading';
      void this.#start();
    } else if (this.#spinner !== 'loading') {
      this.#spinner.text = text;
    }
  }

  end(): void {
    this.#ended = true;
    if (this.#spinner !== undefined && this.#spinner !== 'loading') {
      this.#spinner.stop();
    }
  }

  async #start(): Promise<void> {
    const { default: ora } = await import('ora');
    if (this.#ended) {
      return;
    }
    this.#spinner = ora({
      text: this.#text,
      stream: this.#output.stream,
      color: this.#color ? 'cyan' : false,
      interval: REDRAW_INTERVAL_MS,
      isEnabled: true,
      // Raw mode would delay Ctrl-C, and a hidden cursor would stay hidden after a crash.
      discardStdin: false,
      hideCursor: false,
    }).start();
  }
}

/** For logs and pipes: one line a minute, so that short commands say nothing. */
export class MinuteLine implements StatusLine {
  readonly #throttle: Throttle<string>;
  readonly #end = new AbortController();

  constructor(output: Output, clock: Clock) {
    this.#throttle = new Throttle({ clock, intervalMs: LINE_INTERVAL_MS, signal: this.#end.signal }, (text) =>
      output.post(`${text}\n`),
    );
  }

  update(text: string): void {
    if (!this.#end.signal.aborted) {
      this.#throttle.offer(text);
    }
  }

  end(): void {
    this.#end.abort();
  }
}
