import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { RigError } from '../../src/kernel/errors.ts';
import { answerTasks } from '../../src/kernel/threads.ts';

/** What the test of the threads asks a thread to do. */
export type TestTask =
  | { readonly kind: 'say'; readonly bytes: Uint8Array }
  | { readonly kind: 'meet'; readonly mine: string; readonly theirs: string }
  | { readonly kind: 'refuse' | 'read' | 'fault' | 'die' };

/** Answers with what it was told, and with the thread that it is. */
answerTasks((task: TestTask) => {
  switch (task.kind) {
    case 'say':
      return { said: Buffer.from(task.bytes).toString(), threadId };
    case 'meet':
      writeFileSync(task.mine, '');
      while (!existsSync(task.theirs)) {
        // The other thread is there at the same time, or this never ends.
      }
      return { said: 'met', threadId };
    case 'refuse':
      throw new RigError('RIG_CHECKSUM_MISMATCH', 'LOG/0 is damaged', {
        hint: 'look at it',
        details: { object: 'LOG/0', offset: 7 },
        cause: new Error('of zlib'),
      });
    case 'read':
      return { said: readFileSync('/no/such/file', 'utf8'), threadId };
    case 'fault':
      throw new TypeError('a bug');
    case 'die':
      return process.exit(3);
  }
});
