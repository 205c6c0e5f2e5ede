import type { Clock } from '../../kernel/clock.ts';
import { showDuration } from '../../kernel/duration.ts';
import { showOffset } from '../../kernel/offset.ts';
import type { DurableReport, ProgressReport } from '../../kernel/report.ts';
import { showSize } from '../../kernel/size.ts';

/** Says how far a phase is, how fast it goes, and how long it will take where that can be known. */
export class ProgressText {
  readonly #clock: Clock;
  #phase: string | undefined;
  #startMs = 0;
  #startBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sees every report of a phase, so that the rate counts from its first one. */
  of({ phase, doneBytes, totalBytes }: ProgressReport): string {
    const nowMs = this.#clock.monotonicMs();
    if (phase !== this.#phase || doneBytes < this.#startBytes) {
      this.#phase = phase;
      this.#startMs = nowMs;
      this.#startBytes = doneBytes;
    }
    const parts = [`${phase} ${amount(doneBytes, totalBytes)}`];
    const bytesPerMs = (doneBytes - this.#startBytes) / (nowMs - this.#startMs);
    if (Number.isFinite(bytesPerMs) && bytesPerMs > 0) {
      parts.push(`${showSize(bytesPerMs * 1_000)}/s`);
      if (totalBytes !== undefined) {
        parts.push(`${showDuration(Math.max(0, totalBytes - doneBytes) / bytesPerMs)} left`);
      }
    }
    return parts.join(', ');
  }
}

function amount(doneBytes: number, totalBytes: number | undefined): string {
  if (totalBytes === undefined || totalBytes === 0) {
    return showSize(doneBytes);
  }
  const percent = Math.floor((100 * doneBytes) / totalBytes);
  return `${showSize(doneBytes)} of ${showSize(totalBytes)} (${percent}%)`;
}

export function durableText({ durable, lagBytes, lagMs }: DurableReport): string {
  const lag = lagBytes === 0 && lagMs === 0 ? 'no lag' : `lag ${showSize(lagBytes)}, ${showDuration(lagMs)}`;
  return `durable at ${showOffset(durable)}, ${lag}`;
}
