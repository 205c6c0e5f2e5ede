import { parentPort, Worker } from 'node:worker_threads';
import { assert } from './assert.ts';
import { type ErrorCode, errnoOf, messageOf, RigError, type RigErrorOptions } from './errors.ts';
import { isAddressSpaceLimited } from './filesystem.ts';

/** What a thread sends back. An error loses its class and its code on the way, so that they travel beside it. */
type Answer<Result> = { readonly result: Result } | { readonly failure: Failure };
interface Failure {
  readonly message: string;
  /** A system call's. */
  readonly errno: string | undefined;
  /** Of a RigError. */
  readonly rig: { readonly code: ErrorCode; readonly options: RigErrorOptions } | undefined;
}

interface Job<Task, Result> {
  readonly task: Task;
  readonly transfer: readonly ArrayBuffer[];
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** The number of a thread that is no more. */
const ENDED = -1;

/** Threads that run a module which calls {@link answerTasks}. */
export class Threads<Task, Result> {
  readonly #all: readonly Worker[];
  readonly #idle: Worker[];
  readonly #running = new Map<Worker, Job<Task, Result>>();
  readonly #waiting: Job<Task, Result>[] = [];
  /** What ended a thread before its time: no more work is taken. */
  #fault: Error | undefined;

  /** Use {@link Threads.start}. */
  private constructor(workers: readonly Worker[]) {
    this.#all = workers;
    this.#idle = [...workers];
    for (const worker of workers) {
      if (worker.threadId === ENDED) {
        this.#fail(new Error('it ended as soon as it had begun'));
      }
      worker.on('message', (answer: Answer<Result>) => this.#take(worker, answer));
      worker.on('messageerror', (error) => this.#fail(error));
      worker.on('error', (error: Error) => this.#fail(error));
      worker.on('exit', (status) => this.#fail(new Error(`it ended with ${status}`)));
    }
  }

  /**
   * Resolves when all of them have begun.
   * @throws whatever kept one from it: a limit of the system, say, or Node's permissions. None is left then.
   */
  static async start<Task, Result>(module: URL, count: number): Promise<Threads<Task, Result>> {
    assert(count >= 1, 'at least one thread');
    await mustHaveRoom();
    const workers: Worker[] = [];
    const beginnings: Promise<void>[] = [];
    try {
      while (workers.length < count) {
        const worker = new Worker(module, { execArgv: [] }); // not those of whoever uses rigctl as a library
        const beginning = begun(worker);
        beginning.catch(() => undefined); // the first of all is told
        workers.push(worker);
        beginnings.push(beginning);
      }
      await Promise.all(beginnings);
    } catch (error) {
      await Promise.all(workers.map((worker) => worker.terminate()));
      throw error;
    }
    return new Threads(workers);
  }

  /**
   * Gives a task to the next thread that is free, in the order of the calls. What is in `transfer` is the thread's from
   * then on.
   * @throws what the task threw, as a RigError or with its system's code; whatever ended a thread.
   */
  run(task: Task, transfer: readonly ArrayBuffer[]): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, transfer, resolve, reject });
      this.#goOn();
    });
  }

  /** Ends the threads, and with them what runs. */
  async close(): Promise<void> {
    this.#fail(new Error('it was ended'));
    await Promise.all(this.#all.map((worker) => worker.terminate()));
  }

  #goOn(): void {
    if (this.#fault !== undefined) {
      for (const job of [...this.#running.values(), ...this.#waiting.splice(0)]) {
        job.reject(this.#fault);
      }
      return;
    }
    const [worker, job] = [this.#idle.at(-1), this.#waiting[0]];
    if (worker === undefined || job === undefined) {
      return;
    }
    this.#idle.pop();
    this.#waiting.shift();
    this.#running.set(worker, job);
    try {
      worker.postMessage(job.task, job.transfer);
    } catch (error) {
      job.reject(error);
      this.#rest(worker);
    }
  }

  #take(worker: Worker, answer: Answer<Result>): void {
    const job = this.#running.get(worker);
    if ('failure' in answer) {
      job?.reject(errorOf(answer.failure));
    } else {
      job?.resolve(answer.result);
    }
    this.#rest(worker);
  }

  #rest(worker: Worker): void {
    this.#running.delete(worker);
    this.#idle.push(worker);
    this.#goOn();
  }

  /** The codes of such errors are Node's own, and not a system call's that a task made. */
  #fail(cause: Error): void {
    this.#fault ??= new Error(`a thread failed: ${messageOf(cause)}`, { cause });
    this.#goOn();
  }
}

/** On a thread: answers every task with what `work` makes of it, one after the other. */
export function answerTasks<Task, Result>(work: (task: Task) => Result): void {
  const port = parentPort;
  assert(port !== null, 'this is a thread of somebody');
  port.on('message', (task: Task) => port.postMessage(answerOf(work, task)));
  port.postMessage('begun');
}

function answerOf<Task, Result>(work: (task: Task) => Result, task: Task): Answer<Result> {
  try {
    return { result: work(task) };
  } catch (error) {
    const failure = { message: messageOf(error), errno: errnoOf(error), rig: undefined };
    if (!(error instanceof RigError)) {
      return { failure };
    }
    const { code, hint, cause, details } = error;
    return { failure: { ...failure, rig: { code, options: { ...(hint && { hint }), cause, details } } } };
  }
}

function errorOf({ message, errno, rig }: Failure): Error {
  if (rig !== undefined) {
    return new RigError(rig.code, message, rig.options);
  }
  return errno === undefined ? new Error(message) : Object.assign(new Error(message), { code: errno });
}

/**
 * V8 reserves far more addresses for a thread than it uses, and ends the whole process where it cannot: where they are
 * limited, no thread is tried.
 */
async function mustHaveRoom(): Promise<void> {
  if (await isAddressSpaceLimited()) {
    throw new Error('the address space is limited');
  }
}

/** Resolves when the thread can take tasks. */
function begun(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.on('error', reject); // stays: an error that nobody listens to would end the process
    worker.once('exit', (status) => reject(new Error(`a thread ended with ${status} at once`)));
  });
}
