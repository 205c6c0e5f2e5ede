import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../src/kernel/assert.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { noRequests, type ProxyOptions, type Requests } from './s3-proxy.ts';

/** The thread of an {@link S3Proxy}: it passes requests on as they are, counts them, and slows puts down. */
const { endpointUrl, putMs } = workerData as ProxyOptions;
const server = new URL(endpointUrl);
const agent = new Agent({ keepAlive: true });
let requests = noRequests();

type Kind = keyof Requests['calls'];

/** `GET /bucket?list-type=2` is a listing; an object's key has more in its path than a bucket. */
function kindOf({ method = '', url = '' }: IncomingMessage): Kind {
  const [path = ''] = url.split('?');
  const isBucket = path.split('/').filter((segment) => segment !== '').length < 2;
  if (method === 'GET') {
    return isBucket ? 'list' : 'get';
  }
  return method === 'PUT' && !isBucket ? 'put' : method === 'HEAD' || method === 'DELETE' ? 'other' : 'post';
}

/** Timers may fire up to a millisecond early. */
async function until(monotonicMs: number): Promise<void> {
  for (let nowMs = 0; nowMs < monotonicMs; nowMs = systemClock.monotonicMs()) {
    await systemClock.sleep(Math.max(0, monotonicMs - systemClock.monotonicMs()));
  }
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const arrivedMs = systemClock.monotonicMs();
  const kind = kindOf(incoming);
  requests.calls[kind] += 1;
  requests.putBytes += kind === 'put' ? Number(incoming.headers['content-length'] ?? 0) : 0;
  const { method, url, rawHeaders: headers } = incoming;
  const { hostname: host, port } = server;
  // The headers as they are, `Host` among them: they are signed.
  const onward = request({ agent, host, port, method, path: url, headers, setHost: false }, (answer) => {
    const answered = async () => {
      if (kind === 'put') {
        await until(arrivedMs + putMs);
        requests.putMs.push(systemClock.monotonicMs() - arrivedMs);
      }
      outgoing.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
      answer.pipe(outgoing);
    };
    answered().catch(() => outgoing.destroy());
  });
  onward.on('error', () => outgoing.destroy());
  outgoing.on('close', () => onward.destroy());
  incoming.pipe(onward);
}

const port = parentPort;
assert(port !== null, 'this is a worker');
port.on('message', () => {
  port.postMessage(requests);
  requests = noRequests();
});
const listener = createServer(pass);
listener.listen(0, '127.0.0.1', () => port.postMessage((listener.address() as AddressInfo).port));
