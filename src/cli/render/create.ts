import type { Style } from '../arguments.ts';
import type { CommandIo } from '../io.ts';
import type { Output } from '../output.ts';
import { HumanRenderer } from './human.ts';
import { JsonRenderer } from './json.ts';
import { loadPaint, wantsColor } from './paint.ts';
import type { Renderer } from './renderer.ts';
import { MinuteLine, NO_STATUS_LINE, SpinnerLine, type StatusLine } from './status-line.ts';

export interface Outputs {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** The renderer that the user asked for. */
export async function createRenderer(style: Style, outputs: Outputs, io: CommandIo): Promise<Renderer> {
  const { stderr } = outputs;
  const results = style.dataOnStdout ? stderr : outputs.stdout;
  const { clock, environment } = io;
  const { quiet, verbose, noColor } = style;
  if (style.json) {
    return new JsonRenderer({ output: results, clock, quiet });
  }
  const color = wantsColor({ isTerminal: stderr.isTerminal, noColor, environment });
  return new HumanRenderer({
    results,
    messages: stderr,
    paint: await loadPaint(color),
    statusLine: createStatusLine(stderr, color, quiet, io),
    clock,
    quiet,
    verbose,
  });
}

/** A spinner where it can be drawn, else a line a minute. */
export function createStatusLine(output: Output, color: boolean, quiet: boolean, io: CommandIo): StatusLine {
  if (quiet) {
    return NO_STATUS_LINE;
  }
  return output.canRedraw && io.environment['TERM'] !== 'dumb'
    ? new SpinnerLine(output, color)
    : new MinuteLine(output, io.clock);
}
