import { afterEach, describe, expect, it, vi } from 'vitest';
import { MIB } from '../../src/kernel/size.ts';
import { bodyOf } from '../../src/store/body.ts';
import type { Store } from '../../src/store/contract.ts';
import { openS3Store, type S3Options } from '../../src/store/drivers/s3.ts';
import { freshS3Url, realS3Options, unfinishedUploads } from '../support/real-s3.ts';
import { keysOf, someBytes, streamOf, textOf } from '../support/store-bytes.ts';

const KEY = 'SNAPSHOT/0000000000000000';
const ABSENT = { if: 'absent' } as const;

const stores: Store[] = [];

async function open(url = freshS3Url(), options: Partial<S3Options> = {}): Promise<Store> {
  const store = await openS3Store(url, { ...realS3Options(), ...options });
  stores.push(store);
  return store;
}

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

/** Everything that a command might do first. */
function calls(store: Store): (() => Promise<unknown>)[] {
  return [
    () => store.get(KEY),
    () => store.head(KEY),
    () => store.put(KEY, bodyOf('x'), ABSENT),
    () => keysOf(store),
    () => store.delete([KEY]),
  ];
}

async function expectEach(store: Store, expected: Readonly<Record<string, unknown>>): Promise<void> {
  for (const call of calls(store)) {
    await expect(call(), String(call)).rejects.toMatchObject(expected);
  }
}

describe('a real server', () => {
  it('without the bucket: every call says that there is none', async () => {
    const store = await open(new URL('s3://rigctl-no-such-bucket/archive'));
    await expectEach(store, {
      code: 'RIG_ARCHIVE_NOT_FOUND',
      hint: expect.stringContaining('create the bucket'),
    });
  });

  it('refuses an unknown access key', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'nobody');
    await expectEach(await open(), { code: 'RIG_STORE_DENIED', hint: expect.any(String) });
  });

  it('refuses a wrong secret key, which no message repeats', async () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'wrong-secret');
    const store = await open();
    await expectEach(store, { code: 'RIG_STORE_DENIED', hint: expect.any(String) });
    await expect(store.get(KEY)).rejects.toMatchObject({
      message: expect.stringContaining('secret key does not belong'),
    });
    await expect(store.get(KEY)).rejects.not.toMatchObject({
      message: expect.stringContaining('wrong-secret'),
    });
  });

  it('is not asked without credentials', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent/config');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent/credentials');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    await expectEach(await open(), {
      code: 'RIG_STORE_DENIED',
      message: expect.stringContaining('no credentials found'),
    });
  });

  it('that is not there is named', async () => {
    const store = await open(freshS3Url(), { endpointUrl: 'http://127.0.0.1:9' });
    await expectEach(store, {
      code: 'RIG_STORE_UNAVAILABLE',
      retryable: true,
      message: expect.stringContaining('http://127.0.0.1:9 is out of reach: ECONNREFUSED'),
    });
  });

  it('under a name that does not resolve is named', async () => {
    const store = await open(freshS3Url(), { endpointUrl: 'http://rigctl.invalid' });
    await expectEach(store, {
      code: 'RIG_STORE_UNAVAILABLE',
      message: expect.stringMatching(/rigctl\.invalid is out of reach: E(NOTFOUND|AI_AGAIN)/),
    });
  });

  it('says its own time', async () => {
    const store = await open();
    const { storeTimeMs } = await store.put(KEY, bodyOf('x'), ABSENT);
    expect(Math.abs((storeTimeMs ?? 0) - realS3Options().clock.wallMs())).toBeLessThan(60_000);
  });
});

describe('a large create-only put on a real server', () => {
  const large = (fill: number) => streamOf(someBytes(20 * MIB, fill), 100_000, undefined);

  it('lets one win and tells the other, or is refused by the driver: never does one overwrite', async () => {
    const url = freshS3Url();
    const [one, other] = [await open(url), await open(url)];
    const outcomes = await Promise.allSettled([
      one.put(KEY, large(1), ABSENT),
      other.put(KEY, large(2), ABSENT),
    ]);
    const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'stored'));
    if (one.capabilities.multipartCreateOnly) {
      // A store may call two completions at a time a conflict, to be tried again.
      expect(codes.sort()).toEqual([expect.stringMatching(/EXISTS|UNAVAILABLE/), 'stored']);
      expect(await keysOf(one)).toEqual([KEY]);
    } else {
      expect(codes).toEqual(['RIG_STORE_UNSUPPORTED', 'RIG_STORE_UNSUPPORTED']);
      expect(await keysOf(one)).toEqual([]);
    }
  });

  it('changes nothing of a small object that is there', async () => {
    const store = await open();
    await store.put(KEY, bodyOf('first'), ABSENT);
    await expect(store.put(KEY, large(1), ABSENT)).rejects.toMatchObject({
      code: expect.stringMatching(/^RIG_(OBJECT_EXISTS|STORE_UNSUPPORTED)$/),
    });
    expect(await textOf(store, KEY)).toBe('first');
    expect(await keysOf(store)).toEqual([KEY]);
  });
});

describe('an upload in parts to a real server', () => {
  it('that is aborted leaves nothing behind', async () => {
    const [store, controller] = [await open(), new AbortController()];
    const reason = new Error('enough');
    const body = {
      lengthBytes: undefined,
      async *open() {
        for (let at = 0; at < 100; at += 1) {
          yield Buffer.alloc(MIB, at);
          if (at === 60) {
            controller.abort(reason);
          }
        }
      },
    };
    const put = store.put(KEY, body, { if: 'any', signal: controller.signal });
    await expect(put).rejects.toBe(reason);
    expect(await keysOf(store)).toEqual([]);
    expect(await unfinishedUploads()).toEqual([]);
  });
});
