import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';

/** The one end of a terminal, or what stands in its place. */
type Terminal<Stream> = Stream & { readonly isTTY?: boolean | undefined };

/**
 * Asks on a terminal and reads one line. Empty: it was closed. Undefined: one of the two is no terminal, so nobody
 * would see the question or could answer it.
 */
export async function askTerminal(
  question: string,
  input: Terminal<Readable>,
  output: Terminal<Writable>,
  signal: AbortSignal,
): Promise<string | undefined> {
  signal.throwIfAborted();
  if (input.isTTY !== true || output.isTTY !== true) {
    return undefined;
  }
  // Not as a terminal: that would take Ctrl-C away from the program.
  const lines = createInterface({ input, output, terminal: false });
  const ended = Promise.withResolvers<string>();
  lines.once('close', () => ended.resolve(''));
  const onAbort = () => ended.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([lines.question(question), ended.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    lines.close();
  }
}
