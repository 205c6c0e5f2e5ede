import { processIo } from './io.ts';
import { runCommand } from './run-command.ts';

/**
 * Runs the command line of this process. It sets the exit status and lets the process end by itself, so that nothing
 * written is lost; only after a sudden end (a second signal, a closed pipe, a bug) does it end the process.
 */
export async function run(argv: readonly string[] = process.argv.slice(2), io = processIo()): Promise<void> {
  const { exitCode, atOnce } = await runCommand(argv, io);
  process.exitCode = exitCode;
  if (atOnce) {
    process.exit();
  }
}
