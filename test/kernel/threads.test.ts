import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errnoOf, isRigError } from '../../src/kernel/errors.ts';
import { Threads } from '../../src/kernel/threads.ts';
import type { TestTask } from '../support/task-thread.ts';

interface Said {
  readonly said: string;
  readonly threadId: number;
}

let threads: Threads<TestTask, Said>;

const MODULE = new URL('../support/task-thread.ts', import.meta.url);

beforeEach(async () => {
  threads = await Threads.start(MODULE, 2);
});
afterEach(() => threads.close());

function say(word: string): Promise<Said> {
  const bytes = new TextEncoder().encode(word);
  return threads.run({ kind: 'say', bytes }, [bytes.buffer]);
}

test('give each task its own answer, with no more threads than allowed', async () => {
  const words = Array.from({ length: 20 }, (_, index) => `word ${index}`);
  const answers = await Promise.all(words.map(say));
  expect(answers.map(({ said }) => said)).toEqual(words);
  expect(new Set(answers.map(({ threadId }) => threadId)).size).toBeLessThanOrEqual(2);
});

test('work at the same time', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rigctl-threads-'));
  try {
    const [one, other] = [join(directory, 'one'), join(directory, 'other')];
    const met = await Promise.all([
      threads.run({ kind: 'meet', mine: one, theirs: other }, []),
      threads.run({ kind: 'meet', mine: other, theirs: one }, []),
    ]);
    expect(met.map(({ said }) => said)).toEqual(['met', 'met']);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('take over the memory that is transferred', async () => {
  const bytes = new TextEncoder().encode('mine');
  const running = threads.run({ kind: 'say', bytes }, [bytes.buffer]);
  await running;
  expect(bytes.buffer.detached).toBe(true);
});

test('give back an error of ours with all that it says', async () => {
  const error = await threads.run({ kind: 'refuse' }, []).catch((reason: unknown) => reason);
  expect(isRigError(error, 'RIG_CHECKSUM_MISMATCH')).toBe(true);
  expect(error).toMatchObject({
    kind: 'data',
    message: 'LOG/0 is damaged',
    hint: 'look at it',
    details: { object: 'LOG/0', offset: 7 },
    cause: { message: 'of zlib' },
  });
});

test("give back a system call's error with its number, and any other with its message", async () => {
  const error = await threads.run({ kind: 'read' }, []).catch((reason: unknown) => reason);
  expect(errnoOf(error)).toBe('ENOENT');
  const fault = await threads.run({ kind: 'fault' }, []).catch((reason: unknown) => reason);
  expect(fault).toMatchObject({ message: 'a bug' });
  expect(errnoOf(fault)).toBeUndefined();
});

test('that fail one task do the next', async () => {
  await expect(threads.run({ kind: 'refuse' }, [])).rejects.toThrow('damaged');
  expect(await say('still here')).toMatchObject({ said: 'still here' });
});

test('do the next task when one cannot be sent', async () => {
  const gone = new Uint8Array(1);
  gone.buffer.transfer(0);
  await expect(threads.run({ kind: 'say', bytes: gone }, [gone.buffer])).rejects.toThrow('transfer');
  expect(await say('still here')).toMatchObject({ said: 'still here' });
});

test('of which one ends before its time take no more work, and nobody waits for ever', async () => {
  const running = [1, 2, 3].map(() => threads.run({ kind: 'die' }, []));
  for (const { status, reason } of (await Promise.allSettled(running)) as PromiseRejectedResult[]) {
    expect([status, `${reason}`]).toEqual(['rejected', 'Error: a thread failed: it ended with 3']);
  }
  await expect(say('after')).rejects.toThrow('it ended with 3');
});

test('that are ended give up what runs', async () => {
  const running = [1, 2, 3].map(() => say('word'));
  const closing = threads.close();
  for (const { status } of await Promise.allSettled(running)) {
    expect(status).toBe('rejected');
  }
  await closing;
});

test('that cannot begin say why', async () => {
  const missing = new URL('no-such-thread.ts', MODULE);
  await expect(Threads.start(missing, 2)).rejects.toThrow('no-such-thread.ts');
  const silent = new URL('data:text/javascript,process.exit(7)');
  await expect(Threads.start(silent, 2)).rejects.toThrow('a thread ended with 7 at once');
});
