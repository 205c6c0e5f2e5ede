import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { vi } from 'vitest';
import type { Store } from '../../src/store/contract.ts';
import { openS3Store, type S3Options } from '../../src/store/drivers/s3.ts';
import { seededRandom } from './seeded-random.ts';
import { SimulatedClock } from './simulated-clock.ts';

export interface FakeRequest {
  readonly method: string;
  /** Still encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The same number for requests that came over the same connection. */
  readonly connection: number;
}

/** Answers a request, or leaves it open. */
export type Script = (request: FakeRequest, response: ServerResponse) => void;

/** An HTTP server on loopback that answers as a script says: for what real servers do rarely. */
export class FakeS3 {
  readonly requests: FakeRequest[] = [];
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  private constructor(script: Script) {
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      await once(request, 'end').catch(() => undefined);
      if (!request.complete) {
        return; // the client went away in the middle of it
      }
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake');
      const seen: FakeRequest = {
        method: request.method ?? '',
        path: pathname,
        query: searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks),
        connection: this.#sockets.indexOf(request.socket),
      };
      this.requests.push(seen);
      script(seen, response);
    });
    this.#server.on('connection', (socket) => this.#sockets.push(socket));
  }

  static async start(script: Script): Promise<FakeS3> {
    const fake = new FakeS3(script);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A store on this server; `s3://bucket/prefix` unless said otherwise. */
  open(options: Partial<S3Options> = {}, url = 's3://bucket/prefix'): Promise<Store> {
    return openS3Store(new URL(url), { ...fakeOptions(), endpointUrl: this.url, ...options });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Waits cost no time; answers come on real time, since the SDK's timers are its own. */
export function fakeOptions(): S3Options {
  return { clock: new SimulatedClock({ automatic: true }), random: seededRandom(1), environment: {} };
}

export function respond(
  response: ServerResponse,
  status: number,
  body: string | Buffer = '',
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers });
  response.end(body);
}

export function respondError(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
  more = '',
): void {
  const xml = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message>${more}</Error>`;
  respond(response, status, xml, { 'content-type': 'application/xml', ...headers });
}

const FAKE_ENVIRONMENT: Readonly<Record<string, string | undefined>> = {
  AWS_ACCESS_KEY_ID: 'AKIAFAKE',
  AWS_SECRET_ACCESS_KEY: 'fake-secret-key',
  AWS_SESSION_TOKEN: undefined,
  AWS_PROFILE: undefined,
  AWS_REGION: undefined,
  AWS_DEFAULT_REGION: undefined,
  AWS_ENDPOINT_URL: undefined,
  AWS_ENDPOINT_URL_S3: undefined,
  AWS_CONFIG_FILE: '/nonexistent/config',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** Keeps the SDK from every credential of this machine but a fake one, until `vi.unstubAllEnvs`. */
export function stubFakeEnvironment(): void {
  for (const [name, value] of Object.entries(FAKE_ENVIRONMENT)) {
    vi.stubEnv(name, value);
  }
}
