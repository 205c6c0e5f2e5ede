import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../src/kernel/assert.ts';
import { KIB } from '../../src/kernel/size.ts';
import { writeChunks } from '../support/large-journal.ts';
import { ndjson } from '../support/ndjson.ts';
import { durableAt, RigctlProcess } from '../support/rigctl-process.ts';
import { archiveUrl, removeObjects, type S3Place } from './s3-place.ts';
import { S3Proxy } from './s3-proxy.ts';
import type { Bench } from './scene.ts';

/** What a journal holds before somebody follows it. */
const START_BYTES = 256 * KIB;

/** Linux counts the CPU time of processes in hundredths of a second for whoever asks. */
const TICK_MS = 10;

/**
 * A journal, `rigctl push --follow` on it, and a proxy before the S3 server that it pushes to. It has pushed what the
 * journal held at the start. `await using` ends it all.
 */
export class Followed {
  readonly follower: RigctlProcess;
  readonly proxy: S3Proxy;
  readonly #file: number;
  readonly #cleanUp: () => Promise<void>;
  #endBytes: number;

  private constructor(
    follower: RigctlProcess,
    proxy: S3Proxy,
    journal: { readonly file: number; readonly endBytes: number },
    cleanUp: () => Promise<void>,
  ) {
    this.follower = follower;
    this.proxy = proxy;
    this.#file = journal.file;
    this.#endBytes = journal.endBytes;
    this.#cleanUp = cleanUp;
  }

  /** `name`: of its journal and its archive. */
  static async start(
    { directory, signal }: Bench,
    place: S3Place,
    name: string,
    { putMs = 0, options = [] as readonly string[] } = {},
  ): Promise<Followed> {
    const path = join(directory, `${name}.journal`);
    await writeChunks(path, ndjson(4, START_BYTES));
    const { size: endBytes } = await stat(path);
    const proxy = await S3Proxy.start(place.endpointUrl, { putMs });
    const archive = archiveUrl({ ...place, endpointUrl: proxy.endpointUrl }, name);
    const args = ['push', path, '--follow', '--format', 'lines', ...options, '--archive', archive];
    const followed = new Followed(
      new RigctlProcess(args),
      proxy,
      { file: openSync(path, 'a'), endBytes },
      () => removeObjects(place, name),
    );
    try {
      await abortable(signal, followed.follower.waitFor(durableAt(endBytes)));
    } catch (error) {
      await followed[Symbol.asyncDispose]();
      throw error;
    }
    return followed;
  }

  /** Writes records at the journal's end, at once, and gives its new end. */
  append(records: Buffer): number {
    const written = writeSync(this.#file, records);
    assert(written === records.length, 'a file takes all of it');
    this.#endBytes += written;
    return this.#endBytes;
  }

  /** CPU time so far, and peak memory. */
  usage(): { readonly cpuMs: number; readonly peakBytes: number } {
    const place = `/proc/${this.follower.pid}`;
    // The name in parentheses may hold anything; after it the fields are numbers and the 12th and 13th are ticks.
    const fields = readFileSync(`${place}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const peakKib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`${place}/status`, 'utf8'))?.[1];
    return {
      cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
      peakBytes: Number(peakKib) * KIB,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.follower[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
    closeSync(this.#file);
    await this.#cleanUp();
  }
}

/** Rejects as soon as `signal` is aborted; what was waited for goes on. */
export function abortable<Value>(signal: AbortSignal, promise: Promise<Value>): Promise<Value> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  promise.catch(() => undefined);
  return Promise.race([promise, aborted.promise]).finally(() => signal.removeEventListener('abort', onAbort));
}

/** Lines of an event log, over and over. */
export function* eventLines(): Generator<Buffer, never, undefined> {
  const lines = Buffer.concat([...ndjson(5, 1_024 * KIB)])
    .toString('latin1')
    .split(/(?<=\n)/);
  for (;;) {
    for (const line of lines) {
      yield Buffer.from(line, 'latin1');
    }
  }
}
