/**
 * The command line, in whose store everything is older than it is, and which halts in the first removal of several
 * objects: one after the other goes as far as that fraction of them, in [0, 1), and the next is just being removed
 * when it says `halted`. At least one is left. So a process can be killed when it has removed what is old in part.
 * node aged-rigctl.ts AGE_MS FRACTION ARGUMENT…
 */
import { processIo } from '../../src/cli/io.ts';
import { runCommand } from '../../src/cli/run-command.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { CallOptions, Store } from '../../src/store/contract.ts';
import { openStore } from '../../src/store/registry.ts';
import { agedStore } from './aged-store.ts';

const FOR_EVER_MS = 1_000_000_000;

const [ageMs = '', fraction = '', ...args] = process.argv.slice(2);
const { exitCode } = await runCommand(args, {
  ...processIo(),
  openStore: async (url, environment) => halting(agedStore(await openStore(url, environment), Number(ageMs))),
});
process.exitCode = exitCode;

function halting(store: Store): Store {
  const remove = async (keys: readonly string[], options?: CallOptions) => {
    if (keys.length < 2) {
      return store.delete(keys, options);
    }
    const last = Math.floor(Number(fraction) * (keys.length - 1));
    for (const key of keys.slice(0, last)) {
      await store.delete([key], options);
    }
    const removed = store.delete(keys.slice(last, last + 1), options);
    process.stdout.write('{"type":"halted"}\n');
    await removed;
    return systemClock.sleep(FOR_EVER_MS);
  };
  return { ...store, delete: remove };
}
