import type { Clock } from '../../kernel/clock.ts';
import { showDuration } from '../../kernel/duration.ts';
import { messageOf, type RigError } from '../../kernel/errors.ts';
import type { Report, RetryReport } from '../../kernel/report.ts';
import type { Output } from '../output.ts';
import type { Paint } from './paint.ts';
import { durableText, ProgressText } from './progress-text.ts';
import type { Ending, Renderer } from './renderer.ts';
import type { StatusLine } from './status-line.ts';
import { printable } from './text.ts';

export interface HumanRendererOptions {
  /** Where results go: stdout, or stderr while stdout carries the journal. */
  readonly results: Output;
  readonly messages: Output;
  readonly paint: Paint;
  readonly statusLine: StatusLine;
  readonly clock: Clock;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** Results as plain lines; around them one status line, notes, warnings and errors. */
export class HumanRenderer implements Renderer {
  readonly #options: HumanRendererOptions;
  readonly #progress: ProgressText;
  #ended = false;

  constructor(options: HumanRendererOptions) {
    this.#options = options;
    this.#progress = new ProgressText(options.clock);
  }

  report(report: Report): void {
    if (this.#ended) {
      return;
    }
    const { statusLine, paint, quiet, verbose } = this.#options;
    switch (report.type) {
      case 'progress':
        statusLine.update(this.#progress.of(report));
        break;
      case 'durable':
        statusLine.update(durableText(report));
        break;
      case 'retry':
        if (verbose) {
          this.#say(retryText(report));
        } else {
          statusLine.update(retryText(report));
        }
        break;
      case 'warning':
        this.#say(`${paint.warning('warning:')} ${printable(report.message)}`);
        if (report.hint !== undefined) {
          this.#say(`${paint.hint('hint:')} ${printable(report.hint)}`);
        }
        break;
      case 'note':
        if (!quiet) {
          this.#say(`note: ${printable(report.message)}`);
        }
        break;
    }
  }

  entry(_fields: object, line: string): Promise<void> {
    return this.#ended ? Promise.resolve() : this.#options.results.write(`${printable(line)}\n`);
  }

  async finish({ outcome }: Ending): Promise<void> {
    if (this.#ended) {
      return;
    }
    this.silence();
    if (outcome.lines.length > 0) {
      await this.#options.results.write(`${outcome.lines.join('\n')}\n`);
    }
    if (outcome.error !== undefined) {
      await this.#options.messages.write(this.#errorText(outcome.error));
    }
  }

  silence(): void {
    this.#ended = true;
    this.#options.statusLine.end();
  }

  #say(line: string): void {
    this.#options.messages.post(`${line}\n`);
  }

  #errorText(error: RigError): string {
    const { paint, verbose } = this.#options;
    const lines = [`${paint.error('error:')} ${printable(error.message)}`];
    if (verbose) {
      lines.push(`code: ${error.code}`, ...causesOf(error).map((cause) => `caused by: ${cause}`));
    }
    if (error.hint !== undefined) {
      lines.push(`${paint.hint('hint:')} ${printable(error.hint)}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

function retryText({ operation, attempt, delayMs, message }: RetryReport): string {
  return `${operation} failed (${message}), attempt ${attempt}, trying again in ${showDuration(delayMs)}`;
}

/** A bug's stack says where; other causes say why. */
function causesOf(error: RigError): string[] {
  const causes: string[] = [];
  let { cause } = error as Error;
  while (cause !== undefined && cause !== null) {
    const bug = error.kind === 'internal' && cause instanceof Error ? cause.stack : undefined;
    causes.push(bug ?? messageOf(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}
