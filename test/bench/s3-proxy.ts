import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface ProxyOptions {
  readonly endpointUrl: string;
  /** No put is answered sooner than so long after it came. */
  readonly putMs: number;
}

/** The requests of some time. */
export interface Requests {
  /** `put` with those of parts, `post` begins and completes uploads in parts, `other` is HEAD and DELETE. */
  readonly calls: Record<'put' | 'post' | 'list' | 'get' | 'other', number>;
  /** Sent in puts. */
  putBytes: number;
  /** How long each put took, from when it came to when it was answered. */
  readonly putMs: number[];
}

/**
 * An HTTP proxy on loopback before an S3 server. It counts requests, and makes puts as slow as those of a distant
 * server. It runs in a thread of its own, so that it does not wait for what else the bench does. Nothing is measured
 * through it but what it is for: it costs time.
 */
export class S3Proxy {
  readonly endpointUrl: string;
  readonly #worker: Worker;

  private constructor(worker: Worker, port: number) {
    this.#worker = worker;
    this.endpointUrl = `http://127.0.0.1:${port}`;
  }

  static async start(endpointUrl: string, { putMs = 0 } = {}): Promise<S3Proxy> {
    const workerData: ProxyOptions = { endpointUrl, putMs };
    const worker = new Worker(new URL('./s3-proxy-worker.ts', import.meta.url), { workerData });
    const [port] = await once(worker, 'message');
    return new S3Proxy(worker, port);
  }

  /** What came since the last time that this was asked. */
  async requests(): Promise<Requests> {
    this.#worker.postMessage('requests');
    const [requests] = await once(this.#worker, 'message');
    return requests;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

export function noRequests(): Requests {
  return { calls: { put: 0, post: 0, list: 0, get: 0, other: 0 }, putBytes: 0, putMs: [] };
}

export function totalOf({ calls }: Requests): number {
  return Object.values(calls).reduce((sum, count) => sum + count, 0);
}

/** `12 put, 3 get`. */
export function showRequests({ calls }: Requests): string {
  const some = Object.entries(calls).filter(([, count]) => count > 0);
  return some.length === 0 ? 'none' : some.map(([kind, count]) => `${count} ${kind}`).join(', ');
}
