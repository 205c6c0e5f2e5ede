import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert } from '../../../src/kernel/assert.ts';
import { type Cut, FaultProxy } from '../fault-proxy.ts';
import { type FaultName, storm } from '../faults.ts';
import { freshS3Url, uploadsLeftBehind } from '../real-s3.ts';
import type { Outage, Place } from './place.ts';
import { putMoments } from './put-moments.ts';

const CEPH_RGW = fileURLToPath(new URL('../../../.ci/ceph-rgw', import.meta.url));

/** What a network and a server do on bad days to a pusher that shall go on; nothing that takes half a minute. */
const BAD_DAYS: readonly FaultName[] = [
  'reset before',
  'reset in the request',
  'reset after',
  '500 before',
  '500 after',
  '503 before',
  '409 conflict',
  'spurious 412',
  'late after 500',
  'answer ends early',
  'stale connection',
];

/** A pusher that starts and puts a snapshot makes about so many requests. */
const LATEST = 40;

/** An archive on a real S3 server, behind a network that can be cut. */
export async function openS3Place(): Promise<Place> {
  const { RIGCTL_TEST_S3_ENDPOINT: endpointUrl, RIGCTL_TEST_S3_STATE: state } = process.env;
  assert(endpointUrl !== undefined, 'no S3 server: run this with .ci/with-s3');
  const proxy = await FaultProxy.start(endpointUrl, { latest: LATEST });
  const archive = freshS3Url();
  const at = (endpoint: string) => {
    const url = new URL(archive);
    url.searchParams.set('endpoint', endpoint);
    return url.href;
  };
  const notOurs = 'kill or stop the server: it is not one that .ci/with-s3 has started';
  return {
    url: at(proxy.endpointUrl),
    directUrl: at(endpointUrl),
    intervals: ['100ms', '300ms', '1s'],
    batchBytes: ['32KiB', '8MiB'],
    outages: [
      cutNetwork(proxy, 'hang', 'cut the network, which goes silent', undefined),
      cutNetwork(proxy, 'reset', 'cut the network, which resets connections', /./),
      badDays(proxy),
      ...(state === undefined ? [] : [restart(state), suspend(state)]),
    ],
    putMoments: putMoments(proxy),
    unfinishedPuts: () => uploadsLeftBehind(archive),
    cutPower: undefined,
    impossible: state === undefined ? [notOurs] : [],
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

function cutNetwork(proxy: FaultProxy, cut: Cut, name: string, sign: RegExp | undefined): Outage {
  return { name, sign, isReadable: false, begin: async () => proxy.cut(cut), end: () => proxy.mend() };
}

function badDays(proxy: FaultProxy): Outage {
  let days = 0;
  return {
    name: 'two of three requests go wrong for a while',
    sign: /./,
    isReadable: false,
    begin: async () => {
      days += 1;
      proxy.forecast = storm(days, { rate: 2 / 3, faults: BAD_DAYS });
    },
    end: async () => {
      proxy.forecast = () => undefined;
      await proxy.land();
    },
  };
}

function restart(state: string): Outage {
  return {
    name: 'kill the server and start it again',
    sign: /./,
    isReadable: false,
    begin: async () => call('kill-gateway', state),
    end: async () => call('start-gateway', state),
  };
}

function suspend(state: string): Outage {
  const signal = async (name: 'SIGSTOP' | 'SIGCONT') => {
    process.kill(Number(readFileSync(`${state}/rgw.pid`, 'utf8')), name);
  };
  return {
    name: 'stop the server for a while',
    sign: undefined,
    isReadable: false,
    begin: () => signal('SIGSTOP'),
    end: () => signal('SIGCONT'),
  };
}

function call(command: 'kill-gateway' | 'start-gateway', state: string): void {
  execFileSync(CEPH_RGW, [command, state], { stdio: ['ignore', 'inherit', 'inherit'] });
}
