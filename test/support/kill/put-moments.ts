import type { IncomingMessage } from 'node:http';
import type { FaultProxy } from '../fault-proxy.ts';
import type { FaultName } from '../faults.ts';
import type { PutMoment } from './place.ts';

interface Moment extends Pick<PutMoment, 'name' | 'isStored'> {
  /** What comes of the completion; undefined: it passes. */
  readonly completion: FaultName | undefined;
  /** It has come when this is so. */
  readonly since: 'a part is stored' | 'the completion was sent' | 'the completion has struck';
}

const BETWEEN_PARTS: Moment = {
  name: 'kill the pusher between parts of a snapshot',
  completion: 'silence before',
  since: 'a part is stored',
  isStored: false,
};

const AT_COMPLETION: readonly Moment[] = [
  {
    name: 'kill the pusher while a snapshot of parts is completed',
    completion: undefined,
    since: 'the completion was sent',
    isStored: undefined,
  },
  {
    name: 'kill the pusher before it hears that a snapshot of parts is complete',
    completion: 'silence after',
    since: 'the completion has struck',
    isStored: true,
  },
  {
    name: 'kill the pusher, and complete its snapshot of parts later',
    completion: 'late after silence',
    since: 'the completion was sent',
    isStored: false,
  },
];

/** Within the upload of a snapshot in parts; what the server gets and what the pusher hears of it is made certain. */
export function putMoments(proxy: FaultProxy): readonly (readonly PutMoment[])[] {
  const made = (moment: Moment): PutMoment => ({
    name: moment.name,
    isStored: moment.isStored,
    reach: () => new Promise((resolve) => watch(proxy, moment, resolve)),
    pass() {
      proxy.forecast = () => undefined;
      proxy.onDone = () => undefined;
    },
    land: () => proxy.land(),
  });
  return [[made(BETWEEN_PARTS)], AT_COMPLETION.map(made)];
}

function watch(proxy: FaultProxy, { since, completion }: Moment, reached: () => void): void {
  proxy.forecast = (request) => {
    if (!isCompletion(request)) {
      return undefined;
    }
    if (since === 'the completion was sent') {
      request.once('end', reached);
    }
    return completion;
  };
  const isAwaited = { 'a part is stored': isPart, 'the completion has struck': isCompletion };
  if (since !== 'the completion was sent') {
    proxy.onDone = (request) => isAwaited[since](request) && reached();
  }
}

/** Not of the object with which the driver tries out what the server does. */
function isPart({ method, url = '' }: IncomingMessage): boolean {
  return method === 'PUT' && url.includes('/SNAPSHOT/') && url.includes('partNumber=');
}

function isCompletion({ method, url = '' }: IncomingMessage): boolean {
  return method === 'POST' && url.includes('/SNAPSHOT/') && url.includes('uploadId=');
}
