/** What a thread of {@link openThreadUnpacker} runs. */
import { answerTasks } from '../kernel/threads.ts';
import { unpackNow } from './unpack-task.ts';

answerTasks(unpackNow);
