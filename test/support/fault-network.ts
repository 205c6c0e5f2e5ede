import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Clock } from '../../src/kernel/clock.ts';

/** What all connections share: whether bytes pass at all, and how fast. */
export class Network {
  /** Both directions of all connections together; undefined: as fast as the machine. */
  bytesPerSecond: number | undefined;
  readonly #clock: Clock;
  #freeAtMs = 0;
  #hanging: { readonly mended: Promise<void>; readonly mend: () => void } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on nothing passes; it waits for {@link mend}. */
  hang(): void {
    const { promise: mended, resolve: mend } = Promise.withResolvers<void>();
    this.#hanging ??= { mended, mend };
  }

  mend(): void {
    this.#hanging?.mend();
    this.#hanging = undefined;
  }

  /** Resolves when so many bytes have got through. */
  async pass(bytes: number): Promise<void> {
    while (this.#hanging !== undefined) {
      await this.#hanging.mended;
    }
    if (this.bytesPerSecond !== undefined) {
      const nowMs = this.#clock.monotonicMs();
      this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + (bytes / this.bytesPerSecond) * 1_000;
      await this.#clock.sleep(this.#freeAtMs - nowMs);
    }
  }
}

/** A client's connection as the proxy's HTTP server sees it: what goes in or out has to pass the network. */
export class Line extends Duplex {
  /** The next request on it finds it closed. */
  isStale = false;
  readonly #socket: Socket;
  readonly #network: Network;
  #wantMore: () => void = () => undefined;

  constructor(socket: Socket, network: Network) {
    super();
    this.#socket = socket;
    this.#network = network;
    this.on('error', () => undefined);
    // The reader is told as well; a client that goes away while nobody reads must not end the process.
    socket.on('error', () => undefined);
    socket.setNoDelay(true);
    void this.#receive();
  }

  /** The client sees "connection reset by peer". */
  reset(): void {
    this.#socket.resetAndDestroy();
    this.destroy();
  }

  override _read(): void {
    this.#wantMore();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    void this.#network.pass(chunk.length).then(() => this.#socket.write(chunk, done));
  }

  override _final(done: (error?: Error | null) => void): void {
    void this.#network.pass(0).then(() => this.#socket.end(() => done()));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  async #receive(): Promise<void> {
    try {
      for await (const chunk of this.#socket as AsyncIterable<Uint8Array>) {
        await this.#network.pass(chunk.length);
        const { promise: wanted, resolve } = Promise.withResolvers<void>();
        this.#wantMore = resolve;
        if (!this.push(chunk)) {
          await wanted;
        }
      }
      await this.#network.pass(0);
      this.push(null);
    } catch {
      this.destroy();
    }
  }
}
