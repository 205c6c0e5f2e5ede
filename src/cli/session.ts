import type { RigError } from '../kernel/errors.ts';
import type { Context } from '../workflows/context.ts';
import type { CommandIo } from './io.ts';
import { type ArchiveFlags, ONE_SHOT_DEADLINE_MS, openArchive } from './open.ts';
import type { Output } from './output.ts';
import type { Renderer } from './render/renderer.ts';

/** One run of one command: what it may use, and what it has opened. */
export class Session {
  readonly io: CommandIo;
  readonly flags: ArchiveFlags;
  readonly renderer: Renderer;
  readonly stdout: Output;
  readonly stop: AbortSignal;
  readonly #abort: AbortSignal;
  #close: (() => Promise<void>) | undefined;

  constructor(parts: {
    readonly io: CommandIo;
    readonly flags: ArchiveFlags;
    readonly renderer: Renderer;
    readonly stdout: Output;
    readonly stop: AbortSignal;
    readonly abort: AbortSignal;
  }) {
    this.io = parts.io;
    this.flags = parts.flags;
    this.renderer = parts.renderer;
    this.stdout = parts.stdout;
    this.stop = parts.stop;
    this.#abort = parts.abort;
  }

  /** Opens the archive that the flags or the environment name; by default for a command that is to end. */
  async openContext(deadlineMs: number | undefined = ONE_SHOT_DEADLINE_MS): Promise<Context> {
    const { io, renderer, stop } = this;
    const report = renderer.report.bind(renderer);
    const archive = await openArchive(this.flags, io, { deadlineMs, report });
    this.#close = archive.close;
    const { clock, random, fileSystem, fileTree, openUnpacker } = io;
    const { store } = archive;
    const abort = this.#abort;
    return { store, clock, random, fileSystem, fileTree, openUnpacker, report, stop, abort };
  }

  /** Why the command was asked to end, when it was. */
  get interruption(): RigError | undefined {
    return this.stop.aborted ? (this.stop.reason as RigError) : undefined;
  }

  async close(): Promise<void> {
    await this.#close?.();
  }
}
