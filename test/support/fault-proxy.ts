import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { assert } from '../../src/kernel/assert.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { messageOf } from '../../src/kernel/errors.ts';
import { Exchange } from './fault-exchange.ts';
import { Line, Network } from './fault-network.ts';
import { type FaultName, type Forecast, requestLabel, strike } from './faults.ts';
import { seededRandom } from './seeded-random.ts';

/**
 * `hang`: bytes wait, on old and new connections, until the network is mended. `reset`: old connections are reset, new
 * ones too, as soon as they are made. `refuse`: old ones are reset, and nobody listens for new ones.
 */
export type Cut = 'hang' | 'reset' | 'refuse';

export interface FaultProxyOptions {
  /** For where in a body a fault strikes, and for how long a late request is held. */
  readonly seed?: number;
  /** Late requests land when at most so many others have come. */
  readonly latest?: number;
  readonly clock?: Clock;
}

/**
 * An HTTP proxy on loopback, between an S3 client and a server, that does what networks and servers do on bad days.
 * Without a forecast everything passes as it is. `await using proxy = await FaultProxy.start(endpointUrl)`.
 */
export class FaultProxy {
  /** Decides about each request as its headers come in. */
  forecast: Forecast = () => undefined;
  /** Called when a request has been answered, or what was forecast for it has been done. */
  onDone: (request: IncomingMessage) => void = () => undefined;
  /** Before each request is sent on. */
  latencyMs = 0;
  slowMs = 300;
  /** How often each fault has struck. */
  readonly counts: Partial<Record<FaultName, number>> = {};
  /** `PUT LOG/0000000000000000: reset after`, for each request in the order in which they came. */
  readonly trace: string[] = [];
  readonly #server: URL;
  readonly #clock: Clock;
  readonly #latest: number;
  readonly #network: Network;
  readonly #random: () => number;
  readonly #lines = new Set<Line>();
  readonly #held: { readonly land: () => Promise<unknown>; left: number }[] = [];
  readonly #http = createHttpServer(
    { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 },
    (request, response) => void this.#handle(request, response),
  );
  #cut: Cut | undefined;
  #listener: Server;
  #port = 0;

  private constructor(server: URL, { seed = 1, latest = 8, clock = systemClock }: FaultProxyOptions) {
    this.#server = server;
    this.#clock = clock;
    this.#latest = latest;
    this.#network = new Network(clock);
    this.#random = seededRandom(seed).next;
    this.#listener = this.#newListener();
  }

  static async start(endpointUrl: string, options: FaultProxyOptions = {}): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(endpointUrl), options);
    await proxy.#listen(0);
    return proxy;
  }

  get endpointUrl(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Both directions of all connections together; undefined: no limit. */
  set bytesPerSecond(limit: number | undefined) {
    this.#network.bytesPerSecond = limit;
  }

  get connections(): number {
    return this.#lines.size;
  }

  cut(cut: Cut): void {
    this.#cut = cut;
    if (cut === 'hang') {
      this.#network.hang();
      return;
    }
    this.#resetAll();
    if (cut === 'refuse') {
      this.#listener.close();
    }
  }

  async mend(): Promise<void> {
    const wasCut = this.#cut;
    this.#cut = undefined;
    this.#network.mend();
    if (wasCut === 'refuse') {
      this.#listener = this.#newListener();
      await this.#listen(this.#port);
    }
  }

  /** All late requests that are still held land now; resolves when the server has answered them, or hung up. */
  async land(): Promise<void> {
    await Promise.all(this.#held.splice(0).map(({ land }) => land().catch(allowHangUp)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#network.mend();
    this.#listener.close();
    this.#resetAll();
  }

  #newListener(): Server {
    return createServer((socket) => {
      const line = new Line(socket, this.#network);
      if (this.#cut === 'reset') {
        line.reset();
        return;
      }
      this.#lines.add(line);
      line.on('close', () => this.#lines.delete(line));
      this.#http.emit('connection', line);
    });
  }

  async #listen(port: number): Promise<void> {
    this.#listener.listen(port, '127.0.0.1');
    await once(this.#listener, 'listening');
    this.#port = (this.#listener.address() as AddressInfo).port;
  }

  #resetAll(): void {
    for (const line of this.#lines) {
      line.reset();
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = request.socket as unknown;
    assert(line instanceof Line, 'all connections are lines');
    if (line.isStale) {
      this.#note(request, 'found its connection closed');
      line.reset();
      return;
    }
    this.#othersLand();
    const fault = this.forecast(request);
    this.#note(request, fault ?? 'passes');
    const exchange = new Exchange(request, response, line, this.#server, this.#random());
    try {
      await this.#pass(exchange, fault);
      this.onDone(request);
    } catch (error) {
      // Either side went away: to the other it looks the same.
      this.#note(request, messageOf(error));
      line.reset();
    }
  }

  async #pass(exchange: Exchange, fault: FaultName | undefined): Promise<void> {
    if (this.latencyMs > 0) {
      await this.#clock.sleep(this.latencyMs);
    }
    if (fault === undefined) {
      await exchange.relay(await exchange.send());
      return;
    }
    this.counts[fault] = (this.counts[fault] ?? 0) + 1;
    await strike(fault, exchange, {
      slowMs: this.slowMs,
      sleep: (durationMs) => this.#clock.sleep(durationMs),
      later: (land) => this.#held.push({ land, left: Math.ceil(this.#random() * this.#latest) }),
    });
  }

  #note(request: IncomingMessage, what: string): void {
    this.trace.push(`${requestLabel(request)}: ${what}`);
  }

  #othersLand(): void {
    for (const held of this.#held.splice(0)) {
      held.left -= 1;
      if (held.left > 0) {
        this.#held.push(held);
      } else {
        // A server that has gone away meanwhile never gets it.
        held.land().catch(() => undefined);
      }
    }
  }
}

/** A server that wants none of a body may hang up while that is written: then its answer is lost. */
function allowHangUp(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') {
    throw error;
  }
}
