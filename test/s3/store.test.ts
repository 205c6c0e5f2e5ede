import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import type { Store } from '../../src/store/contract.ts';
import { openS3Store } from '../../src/store/drivers/s3.ts';
import { retry } from '../../src/store/layers/retry.ts';
import { describeStore, type StoreUnderTest } from '../conformance/store.ts';
import { freshBucket, freshS3Url, realS3Options, type S3Bucket } from '../support/real-s3.ts';
import { keysOf } from '../support/store-bytes.ts';

type Layer = (store: Store) => Store;

const retried: Layer = (store) =>
  retry(store, { clock: systemClock, random: systemRandom, deadlineMs: 30_000, onRetry: () => undefined });

/** Lifecycle rules belong to a bucket: no other tests must see them. */
let bucket: S3Bucket;

beforeAll(async () => {
  bucket = await freshBucket({ versioned: false });
});

afterAll(() => bucket.remove());

/** Two clients, with connections of their own, on one fresh prefix. */
function fresh(layer: Layer): () => Promise<StoreUnderTest> {
  return async () => {
    const url = freshS3Url(bucket.url.hostname);
    const opened: Store[] = [];
    const open = async () => {
      const store = layer(await openS3Store(url, realS3Options()));
      opened.push(store);
      return store;
    };
    return {
      store: await open(),
      another: open,
      async teardown() {
        const sweeper = await openS3Store(url, realS3Options());
        await sweeper.delete(await keysOf(sweeper));
        await sweeper.capabilities.lifecycle?.write({ rules: [], attributes: {} });
        await Promise.all([sweeper, ...opened].map((store) => store.close()));
      },
    };
  };
}

describeStore(
  'the S3 driver',
  fresh((store) => store),
);
describeStore('the S3 driver with retries', fresh(retried));
