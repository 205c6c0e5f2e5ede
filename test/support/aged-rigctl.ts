/**
 * The command line, in whose store everything is older than it is: so that a process that removes what is old can be
 * killed, also in between, since it removes one object after the other and says `deleting` before the first.
 * node aged-rigctl.ts AGE_MS ARGUMENT…
 */
import { processIo } from '../../src/cli/io.ts';
import { runCommand } from '../../src/cli/run-command.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { CallOptions, Store } from '../../src/store/contract.ts';
import { openStore } from '../../src/store/registry.ts';
import { agedStore } from './aged-store.ts';

const PAUSE_MS = 2;

const [ageMs = '', ...args] = process.argv.slice(2);
const { exitCode } = await runCommand(args, {
  ...processIo(),
  openStore: async (url, environment) => slowly(agedStore(await openStore(url, environment), Number(ageMs))),
});
process.exitCode = exitCode;

function slowly(store: Store): Store {
  const remove = async (keys: readonly string[], options?: CallOptions) => {
    process.stdout.write('{"type":"deleting"}\n');
    for (const key of keys) {
      await store.delete([key], options);
      await systemClock.sleep(PAUSE_MS);
    }
  };
  return { ...store, delete: remove };
}
