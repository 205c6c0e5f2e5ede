import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GIB, KIB, MIB } from '../../src/kernel/size.ts';
import type { PutBody, Store } from '../../src/store/contract.ts';
import { partBytesFor } from '../../src/store/drivers/s3-multipart.ts';
import { type FakeRequest, FakeS3, respond, respondError, stubFakeEnvironment } from '../support/fake-s3.ts';
import { someBytes, streamOf } from '../support/store-bytes.ts';

const KEY = 'SNAPSHOT/0000000000000000';
const ABSENT = { if: 'absent' } as const;
const ANY = { if: 'any' } as const;
const PART_BYTES = partBytesFor({ lengthBytes: undefined, open: () => [] });

type Step = 'create' | 'part' | 'complete' | 'abort' | 'parts' | 'put' | 'delete';
type Answer = (response: ServerResponse, request: FakeRequest) => void;

let fake: FakeS3;
let store: Store;
/** What the server was asked for the key itself, in order; its probe is left out. */
let steps: Step[];
let probed: FakeRequest[];
/** What it answers instead of the usual, for the key itself. */
let answers: Partial<Record<Step, Answer>>;
/** Does a completion with If-None-Match overwrite nothing? */
let honours: boolean;
/** Steps of the probe of which the answer gets lost, once each. */
let lost: Step[];

function stepOf({ method, query }: FakeRequest): Step {
  if (query.has('uploads')) {
    return 'create';
  }
  if (query.has('uploadId')) {
    return ({ PUT: 'part', POST: 'complete', DELETE: 'abort', GET: 'parts' } as const)[method] ?? 'part';
  }
  return method === 'DELETE' ? 'delete' : 'put';
}

const usual: Record<Step, Answer> = {
  create: (response) => respond(response, 200, '<R><UploadId>upload-1</UploadId></R>'),
  part: (response) => respond(response, 200, '', { etag: '"part"' }),
  complete: (response) => respond(response, 200, '<R><ETag>"whole"</ETag></R>'),
  abort: (response) => respond(response, 204),
  parts: (response) => respondError(response, 404, 'NoSuchUpload'),
  put: (response) => respond(response, 200, '', { etag: '"whole"' }),
  delete: (response) => respond(response, 204),
};

function answerProbe(step: Step, request: FakeRequest, response: ServerResponse): void {
  probed.push(request);
  if (lost.includes(step)) {
    lost = lost.filter((other) => other !== step);
    response.destroy();
  } else if (step === 'complete' && honours) {
    respondError(response, 412, 'PreconditionFailed');
  } else {
    usual[step](response, request);
  }
}

beforeEach(async () => {
  stubFakeEnvironment();
  [steps, probed, answers, honours, lost] = [[], [], {}, true, []];
  fake = await FakeS3.start((request, response) => {
    const step = stepOf(request);
    if (request.path.includes('/PROBE/')) {
      answerProbe(step, request, response);
      return;
    }
    steps.push(step);
    (answers[step] ?? usual[step])(response, request);
  });
  store = await fake.open();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await store.close();
  await fake.stop();
});

const large = (parts: number) => streamOf(Buffer.alloc(Math.ceil(parts * PART_BYTES)), 100 * KIB, undefined);
/** A part that was on its way may still come in after the upload was given up. */
const withoutParts = () => steps.filter((seen) => seen !== 'part');
const countOf = (step: Step) => steps.filter((seen) => seen === step).length;

describe('a large body', () => {
  it('goes in parts of one size, whole and in order', async () => {
    const bytes = someBytes(2.5 * PART_BYTES);
    await store.put(KEY, streamOf(bytes, 70_001, undefined), ANY);
    expect(steps).toEqual(['create', 'part', 'part', 'part', 'complete']);
    const parts = fake.requests
      .filter(({ query }) => query.has('partNumber'))
      .sort((a, b) => Number(a.query.get('partNumber')) - Number(b.query.get('partNumber')))
      .map(({ body }) => body);
    expect(parts.map(({ length }) => length)).toEqual([PART_BYTES, PART_BYTES, PART_BYTES / 2]);
    expect(bytes.equals(Buffer.concat(parts))).toBe(true);
  });

  it('goes whole when it turns out to be small, with its condition', async () => {
    await store.put(KEY, streamOf(someBytes(MIB), 100 * KIB, undefined), ABSENT);
    expect(steps).toEqual(['put']);
    expect(fake.requests[0]?.headers['if-none-match']).toBe('*');
    expect(probed).toEqual([]);
  });

  it('is read no further ahead than a few parts', async () => {
    let takenBytes = 0;
    let furthestParts = 0;
    const held: ServerResponse[] = [];
    const body: PutBody = {
      lengthBytes: undefined,
      async *open() {
        for (; takenBytes < 12 * PART_BYTES; takenBytes += MIB) {
          yield Buffer.alloc(MIB);
        }
      },
    };
    answers.part = (response, request) => {
      held.push(response);
      if (held.length === 2) {
        const number = Number(request.query.get('partNumber'));
        furthestParts = Math.max(furthestParts, takenBytes / PART_BYTES - number);
        for (const waiting of held.splice(0)) {
          respond(waiting, 200, '', { etag: '"part"' });
        }
      }
    };
    await store.put(KEY, body, ANY);
    expect(countOf('part')).toBe(12);
    expect(furthestParts).toBeLessThan(3);
  });

  it('holds no more buffers than parts in flight, and one to fill', async () => {
    const allocated = vi.spyOn(Buffer, 'allocUnsafeSlow');
    await store.put(KEY, large(12), ANY);
    expect(countOf('part')).toBe(12);
    const large16 = allocated.mock.calls.filter(([sizeBytes]) => sizeBytes === PART_BYTES);
    expect(large16.length).toBeLessThanOrEqual(3);
    allocated.mockRestore();
  });

  it.for([
    [MIB, 16 * MIB],
    [16 * MIB, 16 * MIB],
    [16 * MIB + 1, 8 * MIB],
    [78 * GIB, 8 * MIB],
    [80 * GIB, 9 * MIB],
    [5_000 * GIB, 512 * MIB],
  ] as const)(
    'of %i bytes, or at most so many, has parts of %i bytes, 10,000 at most',
    ([bytes, partBytes]) => {
      const open = () => [];
      expect(partBytesFor({ lengthBytes: bytes, open })).toBe(partBytes);
      expect(partBytesFor({ lengthBytes: undefined, atMostBytes: bytes, open })).toBe(partBytes);
      expect(Math.ceil(bytes / partBytes)).toBeLessThanOrEqual(10_000);
    },
  );

  it('of which only the most is known goes whole up to 16 MiB, and above in parts of 8 MiB', async () => {
    const atMost = (atMostBytes: number, bytes: Uint8Array) => {
      const { open } = streamOf(bytes, 100 * KIB, undefined);
      return store.put(KEY, { lengthBytes: undefined, atMostBytes, open }, ANY);
    };
    const bytes = someBytes(16 * MIB);
    await atMost(16 * MIB, bytes);
    expect(steps.splice(0)).toEqual(['put']);
    expect(fake.requests.at(-1)?.body.equals(bytes)).toBe(true);
    await atMost(17 * MIB, bytes);
    expect(steps.splice(0)).toEqual(['create', 'part', 'part', 'complete']);
    await atMost(GIB, bytes.subarray(0, 8 * MIB));
    expect(steps.splice(0)).toEqual(['put']);
    await atMost(GIB, new Uint8Array());
    expect(steps.splice(0)).toEqual(['put']);
    expect(fake.requests.at(-1)?.body).toHaveLength(0);
  });
});

describe('a part', () => {
  it('that fails is sent again, and the rest goes on', async () => {
    let failures = 3;
    answers.part = (response) => {
      failures -= 1;
      if (failures === 2) {
        response.destroy();
      } else if (failures >= 0) {
        respondError(response, 503, 'SlowDown', { 'retry-after': '5' });
      } else {
        usual.part(response, { ...(fake.requests[0] as FakeRequest) });
      }
    };
    await store.put(KEY, large(3), ANY);
    expect(countOf('part')).toBe(6);
    expect(steps.at(-1)).toBe('complete');
  });

  it('that gets no answer is not sent again for ever, but for a minute', async () => {
    answers.part = (response, { query }) => {
      if (query.get('partNumber') === '1') {
        respondError(response, 503, 'SlowDown', { 'retry-after': '25' });
      } // the other hangs, since its pauses would pass on the same clock
    };
    await expect(store.put(KEY, large(2), ANY)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
    expect(fake.requests.filter(({ query }) => query.get('partNumber') === '1')).toHaveLength(4);
    expect(countOf('complete')).toBe(0);
  });

  it('that fails for good ends the others, and the upload is given up', async () => {
    answers.part = (response, { query }) => {
      if (query.get('partNumber') === '2') {
        respondError(response, 403, 'AccessDenied');
      } // the others hang
    };
    await expect(store.put(KEY, large(8), ANY)).rejects.toMatchObject({ code: 'RIG_STORE_DENIED' });
    expect(countOf('part')).toBeLessThanOrEqual(4);
    expect(withoutParts()).toEqual(['create', 'abort', 'parts']);
    expect(countOf('complete')).toBe(0);
  });
});

describe('a put in parts that ends early', () => {
  it('rejects with what the source threw, and leaves neither parts nor a dead process', async () => {
    const failure = new Error('the disk is gone');
    const body: PutBody = {
      lengthBytes: undefined,
      async *open() {
        yield* [Buffer.alloc(PART_BYTES), Buffer.alloc(PART_BYTES), Buffer.alloc(PART_BYTES)];
        throw failure;
      },
    };
    await expect(store.put(KEY, body, ANY)).rejects.toBe(failure);
    expect(withoutParts()).toEqual(['create', 'abort', 'parts']);
    expect(countOf('complete')).toBe(0);
  });

  it('rejects with the reason of an abort, when no part is in flight any more', async () => {
    const [controller, reason] = [new AbortController(), new Error('enough')];
    const open: Promise<unknown>[] = [];
    answers.part = (response) => {
      open.push(once(response, 'close'));
      if (open.length === 2) {
        controller.abort(reason);
      }
    };
    answers.abort = (response) => void Promise.all(open).then(() => respond(response, 204));
    const put = store.put(KEY, large(8), { ...ABSENT, signal: controller.signal });
    await expect(put).rejects.toBe(reason);
    expect(withoutParts()).toEqual(['create', 'abort', 'parts']);
  });

  it('looks for parts that came in late, and gives them up too', async () => {
    let left = 2;
    answers.parts = (response) => {
      left -= 1;
      return left > 0 ? respond(response, 200, '<R/>') : respondError(response, 404, 'NoSuchUpload');
    };
    answers.complete = (response) => respondError(response, 500, 'InternalError');
    await expect(store.put(KEY, large(2), ANY)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
    expect(steps.slice(-5)).toEqual(['complete', 'abort', 'parts', 'abort', 'parts']);
  });

  it('says that parts stay behind when the store is out of reach then', async () => {
    answers.part = (response) => respondError(response, 403, 'AccessDenied');
    answers.abort = (response) => response.destroy();
    const error = await store.put(KEY, large(2), ANY).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'RIG_STORE_DENIED', details: { unfinishedUpload: true } });
    expect(error.message).toContain('parts of it stay in the bucket until a lifecycle rule removes them');
    expect(error.hint).toContain('policy');
    expect(countOf('abort')).toBe(4);
  });

  it('is a bug in the caller when the body is not as long as it said', async () => {
    for (const lengthBytes of [1, 90 * MIB]) {
      const put = store.put(KEY, streamOf(Buffer.alloc(lengthBytes), 10 * MIB, lengthBytes + 1), ANY);
      await expect(put).rejects.toMatchObject({ code: 'RIG_ASSERTION' });
    }
    expect(steps.filter((seen) => seen === 'complete' || seen === 'put')).toEqual([]);
  });
});

describe('create-only completion', () => {
  it('is tried out before the first use, once, and its traces removed', async () => {
    expect(store.capabilities.multipartCreateOnly).toBe(false);
    await store.put(KEY, large(2), ABSENT);
    await store.put(KEY, large(2), ABSENT);
    expect(store.capabilities.multipartCreateOnly).toBe(true);
    expect(probed.map(stepOf)).toEqual(['put', 'create', 'part', 'complete', 'abort', 'parts', 'delete']);
    const completed = fake.requests.filter((request) => stepOf(request) === 'complete');
    expect(completed.map(({ headers }) => headers['if-none-match'])).toEqual(['*', '*', '*']);
  });

  it.for([
    ['put', ['put', 'delete']],
    ['create', ['put', 'create', 'delete']],
    ['part', ['put', 'create', 'part', 'abort', 'parts', 'delete']],
    ['complete', ['put', 'create', 'part', 'complete', 'abort', 'parts', 'delete']],
    ['abort', ['put', 'create', 'part', 'complete', 'abort', 'abort', 'parts', 'delete']],
    ['delete', ['put', 'create', 'part', 'complete', 'abort', 'parts', 'delete', 'delete']],
  ] as const)('leaves no traces either when an answer to its "%s" gets lost', async ([step, seen]) => {
    lost = [step];
    await store.put(KEY, large(2), ABSENT).catch(() => undefined);
    expect(probed.map(stepOf)).toEqual(seen);
  });

  it('is refused by a store that would overwrite, before any part is sent', async () => {
    honours = false;
    const put = () => store.put(KEY, large(2), ABSENT);
    await expect(put()).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
    await expect(put()).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
    expect(steps).toEqual([]);
    expect(probed.map(stepOf)).toEqual(['put', 'create', 'part', 'complete', 'abort', 'parts', 'delete']);
    await store.put(KEY, large(2), ANY);
    expect(countOf('complete')).toBe(1);
  });

  it('says "exists" when another was first', async () => {
    answers.complete = (response) => respondError(response, 412, 'PreconditionFailed');
    await expect(store.put(KEY, large(2), ABSENT)).rejects.toMatchObject({ code: 'RIG_OBJECT_EXISTS' });
    expect(steps.slice(-3)).toEqual(['complete', 'abort', 'parts']);
  });

  it('is sent once: after a lost answer the outcome is unknown', async () => {
    answers.complete = (response) => response.destroy();
    await expect(store.put(KEY, large(2), ABSENT)).rejects.toMatchObject({ code: 'RIG_STORE_UNAVAILABLE' });
    expect(countOf('complete')).toBe(1);
  });
});
