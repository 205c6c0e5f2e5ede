/**
 * A process of its own that creates one object in a directory store and prints what came of it. It says "ready"
 * first and starts when
 * it hears a line, so that several of them start together: node create-once.ts ARCHIVE KEY CONTENT
 */
import { once } from 'node:events';
import { systemClock } from '../../src/kernel/clock.ts';
import { isRigError } from '../../src/kernel/errors.ts';
import { nodeFileSystem } from '../../src/kernel/filesystem.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { bodyOf } from '../../src/store/body.ts';
import { openFileStore } from '../../src/store/drivers/file.ts';

const [archive = '', key = '', content = ''] = process.argv.slice(2);
const store = openFileStore(archive, {
  fileSystem: nodeFileSystem,
  clock: systemClock,
  random: systemRandom,
});
process.stdout.write('ready\n');
await once(process.stdin, 'data');
try {
  await store.put(key, bodyOf(content), { if: 'absent' });
  process.stdout.write('stored\n');
} catch (error) {
  process.stdout.write(isRigError(error) ? `${error.code}\n` : `${String(error)}\n`);
}
process.stdin.destroy();
