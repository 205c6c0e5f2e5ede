import { once } from 'node:events';
import { type IncomingMessage, request as makeRequest, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Line } from './fault-network.ts';

/** Belong to one connection, not to what is sent over it. */
const HOP_BY_HOP = ['connection', 'keep-alive'];

/** A request that came in, and all that can become of it. */
export class Exchange {
  readonly request: IncomingMessage;
  /** In [0, 1): where in a body something happens. */
  readonly fraction: number;
  readonly #response: ServerResponse;
  readonly #line: Line;
  readonly #server: URL;

  constructor(request: IncomingMessage, response: ServerResponse, line: Line, server: URL, fraction: number) {
    this.request = request;
    this.fraction = fraction;
    this.#response = response;
    this.#line = line;
    this.#server = server;
  }

  /** Sends the request on, every header as it came (they are signed); resolves when the server's answer starts. */
  async send(body: AsyncIterable<Uint8Array> = this.request): Promise<IncomingMessage> {
    const sent = this.#open();
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    // A server may answer without reading the body, and then does not care how that ends.
    const [[answer]] = await Promise.all([answered, pipeline(body, sent).catch(() => undefined)]);
    return answer;
  }

  /** Sends the first part of the body on, and breaks off. */
  async sendPart(): Promise<void> {
    const sent = this.#open();
    sent.on('error', () => undefined);
    let leftBytes = Math.floor(this.fraction * Number(this.request.headers['content-length'] ?? 0));
    sent.flushHeaders();
    for await (const chunk of this.request as AsyncIterable<Uint8Array>) {
      sent.write(chunk.subarray(0, leftBytes));
      leftBytes -= chunk.length;
      if (leftBytes <= 0) {
        break;
      }
    }
    sent.destroy();
  }

  /** Gives the client the server's answer as it is. */
  async relay(answer: IncomingMessage): Promise<void> {
    this.#response.writeHead(answer.statusCode ?? 0, headersOf(answer));
    await pipeline(answer, this.#response);
  }

  /** Gives the client this body with the answer's headers; the content length is right. */
  async relayOther(answer: IncomingMessage, body: Uint8Array): Promise<void> {
    const headers = headersOf(answer, 'content-length', 'transfer-encoding');
    this.#response.writeHead(answer.statusCode ?? 0, [...headers, 'Content-Length', String(body.length)]);
    this.#response.end(body);
  }

  /** Gives the client the beginning of an answer; its headers promise all of it. */
  async relayPart(answer: IncomingMessage): Promise<void> {
    this.#response.writeHead(answer.statusCode ?? 0, headersOf(answer));
    const part = this.cut(await buffer(answer));
    await new Promise((resolve) => this.#response.write(part, resolve));
  }

  /** A beginning of these bytes, never all of them. */
  cut(body: Uint8Array): Uint8Array {
    return body.subarray(0, Math.floor(this.fraction * body.length));
  }

  /** Answers in the server's place, as S3 servers write errors. */
  answer(status: number, code: string, headers: Readonly<Record<string, string>> = {}): void {
    const xml = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>planted</Message></Error>`;
    this.request.resume();
    this.#response.writeHead(status, { 'content-type': 'application/xml', ...headers });
    this.#response.end(xml);
  }

  /** The client sees a reset. */
  reset(): void {
    this.#line.reset();
  }

  /** The client sees an orderly end of the connection, after what was answered so far. */
  hangUp(): void {
    this.#line.end();
  }

  /** The connection looks alive until the next request comes over it. */
  becomeStale(): void {
    this.#line.isStale = true;
  }

  /** Resolves when the client has gone away. */
  async givenUp(): Promise<void> {
    if (!this.#line.closed) {
      await once(this.#line, 'close');
    }
  }

  #open() {
    return makeRequest(this.#server, {
      agent: false,
      method: this.request.method ?? '',
      path: this.request.url ?? '',
      headers: headersOf(this.request),
    });
  }
}

/** As they came, name and value by turns. */
function headersOf({ rawHeaders }: IncomingMessage, ...without: readonly string[]): string[] {
  const left: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    if (![...HOP_BY_HOP, ...without].includes(name.toLowerCase())) {
      left.push(name, value);
    }
  }
  return left;
}
