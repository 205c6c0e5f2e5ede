import type { CommanderError } from 'commander';
import { RigError } from '../kernel/errors.ts';

/** Turns what commander says about bad arguments into one of our errors; errors of our own parsers stay. */
export function toUsageError(error: CommanderError | RigError, command: string | null): RigError {
  if (error instanceof RigError) {
    return error;
  }
  const help = command === null ? 'rigctl --help' : `rigctl ${command} --help`;
  if (error.code === 'commander.help') {
    return new RigError('RIG_USAGE', 'no command is given', { hint: `run "${help}" to see the commands` });
  }
  const [, message = error.message, suggestion] =
    /^(?:error: )?([\s\S]*?)(?:\n\(Did you mean (?:one of )?(.*?)\?\))?$/.exec(error.message) ?? [];
  const hint =
    suggestion === undefined
      ? `run "${help}" to see how it is used`
      : `did you mean ${suggestion}? Run "${help}" to see how it is used`;
  return new RigError('RIG_USAGE', message.replace(/\.$/, ''), { hint });
}
