/** What a thread of {@link openThreadUnpacker} runs. */
import { answerTasks } from '../kernel/threads.ts';
import { type UnpackTask, unpackSteps } from './unpack-task.ts';

answerTasks((task: UnpackTask) => {
  for (const _ of unpackSteps(task)) {
    // nobody waits for this thread between two steps
  }
});
