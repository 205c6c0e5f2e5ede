import { type Clock, formatTime } from '../../kernel/clock.ts';
import type { RigError } from '../../kernel/errors.ts';
import type { DurableReport, ProgressReport, Report } from '../../kernel/report.ts';
import type { Output } from '../output.ts';
import type { Ending, Renderer } from './renderer.ts';
import { Throttle } from './throttle.ts';

export interface JsonRendererOptions {
  readonly output: Output;
  readonly clock: Clock;
  readonly quiet: boolean;
}

const PROGRESS_INTERVAL_MS = 100;

/** Lines of JSON, each `{"v":1,"ts":…,"type":…}`, and exactly one result at the end. */
export class JsonRenderer implements Renderer {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #quiet: boolean;
  readonly #progress: Throttle<ProgressReport>;
  readonly #end = new AbortController();
  #heldDurable: DurableReport | undefined;
  #warnings = 0;

  constructor({ output, clock, quiet }: JsonRendererOptions) {
    this.#output = output;
    this.#clock = clock;
    this.#quiet = quiet;
    this.#progress = new Throttle(
      { clock, intervalMs: PROGRESS_INTERVAL_MS, signal: this.#end.signal },
      (report) => this.#output.backedUp || this.#post(report),
    );
  }

  report(report: Report): void {
    if (this.#end.signal.aborted) {
      return;
    }
    switch (report.type) {
      case 'durable':
        this.#durable(report);
        break;
      case 'warning':
        this.#warnings += 1;
        this.#post(report);
        break;
      case 'progress':
        if (!this.#quiet) {
          this.#progress.offer(report);
        }
        break;
      case 'retry':
      case 'note':
        if (!this.#quiet) {
          this.#post(report);
        }
        break;
    }
  }

  entry(fields: object, _line: string): Promise<void> {
    return this.#end.signal.aborted
      ? Promise.resolve()
      : this.#output.write(this.#line({ type: 'entry', ...fields }));
  }

  async finish({ command, outcome, exitCode }: Ending): Promise<void> {
    if (this.#end.signal.aborted) {
      return;
    }
    this.#flushDurable();
    this.#end.abort();
    const { fields, error } = outcome;
    await this.#output.write(
      this.#line({
        type: 'result',
        command,
        ok: error === undefined,
        exitCode,
        ...fields,
        warningCount: this.#warnings,
        ...(error === undefined ? {} : { error: toJson(error) }),
      }),
    );
  }

  silence(): void {
    this.#end.abort();
  }

  /** The durable offset only rises: a reader who has no time for every move gets the last one. */
  #durable(report: DurableReport): void {
    if (!this.#output.backedUp) {
      this.#post(report);
      return;
    }
    if (this.#heldDurable === undefined) {
      this.#output.room().then(
        () => this.#flushDurable(),
        () => undefined, // nobody reads any more
      );
    }
    this.#heldDurable = report;
  }

  #flushDurable(): void {
    if (this.#heldDurable !== undefined && !this.#end.signal.aborted) {
      this.#post(this.#heldDurable);
    }
    this.#heldDurable = undefined;
  }

  #post(value: object): void {
    this.#output.post(this.#line(value));
  }

  #line(value: object): string {
    return `${JSON.stringify({ v: 1, ts: formatTime(this.#clock.wallMs()), ...value })}\n`;
  }
}

function toJson({ code, kind, message, hint, retryable, details }: RigError): object {
  return { code, kind, message, hint: hint ?? null, retryable, details };
}
