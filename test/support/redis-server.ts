import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { assert } from '../../src/kernel/assert.ts';
import { systemClock } from '../../src/kernel/clock.ts';

export type RedisCommand = readonly (string | number | Uint8Array)[];
export type RedisReply = string | number | null;

/** Where a Redis keeps its append-only files, and what the one is called that it appends to. */
export const APPEND_DIRECTORY = 'appendonlydir';
export const APPEND_FILE = 'appendonly.aof.1.incr.aof';

export function isRedisInstalled(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A real Redis with an append-only file in a directory of its own, and a connection to it. */
export class RedisServer {
  readonly #process: ChildProcessByStdio<null, Readable, null>;
  readonly #socket: Socket;
  readonly #waiting: PromiseWithResolvers<RedisReply>[] = [];
  #received: Buffer = Buffer.alloc(0);

  private constructor(process: ChildProcessByStdio<null, Readable, null>, socket: Socket) {
    this.#process = process;
    this.#socket = socket;
    socket.on('data', (chunk) => this.#receive(Buffer.from(chunk)));
    socket.on('close', () => this.#fail(new Error('redis-server closed the connection')));
    socket.on('error', () => undefined); // "close" follows
  }

  /** Starts it on what is in `directory`; rejects when it does not accept what it finds there. */
  static async start(directory: string): Promise<RedisServer> {
    const socketPath = join(directory, 'redis.socket');
    const child = spawn('redis-server', redisArguments(directory, socketPath), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await ready(child);
    const socket = createConnection(socketPath);
    await once(socket, 'connect');
    return new RedisServer(child, socket);
  }

  /** Sends all commands at once; the replies come in their order. Rejects at the first error among them. */
  async pipeline(commands: readonly RedisCommand[]): Promise<RedisReply[]> {
    const replies = commands.map(() => Promise.withResolvers<RedisReply>());
    this.#waiting.push(...replies);
    this.#socket.write(Buffer.concat(commands.map(encode)));
    return Promise.all(replies.map(({ promise }) => promise));
  }

  async command(...command: RedisCommand): Promise<RedisReply> {
    const [reply = null] = await this.pipeline([command]);
    return reply;
  }

  /** Resolves when everything that was replied to is in the append-only file: Redis may wait for its own sync. */
  async appended(): Promise<void> {
    while (!/^aof_buffer_length:0\r$/m.test(String(await this.command('INFO', 'persistence')))) {
      await systemClock.sleep(20);
    }
  }

  /** The machine dies. */
  async kill(): Promise<void> {
    const ended = once(this.#process, 'close');
    if (this.#process.kill('SIGKILL')) {
      await ended;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    let at = 0;
    for (let parsed = parse(this.#received, at); parsed !== undefined; parsed = parse(this.#received, at)) {
      at = parsed.next;
      const waiting = this.#waiting.shift();
      if (parsed.value instanceof Error) {
        waiting?.reject(parsed.value);
      } else {
        waiting?.resolve(parsed.value);
      }
    }
    this.#received = this.#received.subarray(at);
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) {
      reject(error);
    }
  }
}

function redisArguments(directory: string, socketPath: string): string[] {
  const settings = {
    port: '0',
    unixsocket: socketPath,
    dir: directory,
    save: '',
    appendonly: 'yes',
    appendfsync: 'everysec',
    'auto-aof-rewrite-percentage': '0',
    // A file that ends within a command must stop it, not be mended.
    'aof-load-truncated': 'no',
    'enable-debug-command': 'yes',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function ready(child: ChildProcessByStdio<null, Readable, null>): Promise<void> {
  const log: string[] = [];
  const lines = createInterface({ input: child.stdout });
  const isReady = Promise.withResolvers<void>();
  child.on('error', isReady.reject);
  child.on('close', (status) => {
    isReady.reject(new Error(`redis-server ended with status ${status}:\n${log.join('\n')}`));
  });
  lines.on('line', (line) => {
    log.push(line);
    if (/ready to accept connections/i.test(line)) {
      isReady.resolve();
    }
  });
  await isReady.promise;
}

function encode(command: RedisCommand): Buffer {
  const parts = command.flatMap((word) => {
    const bytes = Buffer.from(typeof word === 'number' ? String(word) : word);
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
  });
  return Buffer.concat([Buffer.from(`*${command.length}\r\n`), ...parts]);
}

interface Parsed {
  readonly value: RedisReply | Error;
  readonly next: number;
}

/** One reply of the protocol's version 2; undefined when it is not all there yet. */
function parse(bytes: Buffer, start: number): Parsed | undefined {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd === -1) {
    return undefined;
  }
  const type = String.fromCharCode(bytes[start] ?? 0);
  const text = bytes.toString('utf8', start + 1, lineEnd);
  const next = lineEnd + 2;
  switch (type) {
    case '+':
      return { value: text, next };
    case '-':
      return { value: new Error(text), next };
    case ':':
      return { value: Number(text), next };
    default:
      assert(type === '$', `a reply of the type ${type}`);
      return parseBulk(bytes, next, Number(text));
  }
}

function parseBulk(bytes: Buffer, start: number, lengthBytes: number): Parsed | undefined {
  if (lengthBytes === -1) {
    return { value: null, next: start };
  }
  const end = start + lengthBytes;
  return bytes.length < end + 2 ? undefined : { value: bytes.toString('latin1', start, end), next: end + 2 };
}
