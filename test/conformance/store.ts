import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIB } from '../../src/kernel/size.ts';
import type { Store } from '../../src/store/contract.ts';
import { describeEnding } from './store-ending.ts';
import { describeLifecycle } from './store-lifecycle.ts';
import { describeListing } from './store-listing.ts';
import { describeReading } from './store-reading.ts';
import type { StoreSuite } from './store-suite.ts';
import { describeTagging } from './store-tagging.ts';
import { describeWriting } from './store-writing.ts';

/** An empty place and a store on it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Removes the place. The suite has closed nothing. */
  teardown(): Promise<void>;
  /** Another client on the same place. Left out: the cases with two clients use one. */
  another?(): Promise<Store>;
}

export interface StoreSuiteOptions {
  /** Objects in the long listing; more than 1,000, so that a store that answers in pages has several. Default 1,100. */
  readonly manyKeys?: number;
  /** The large body; more than a store takes in one request. Default 20 MiB. */
  readonly largeBodyBytes?: number;
  /** Runs of each property. Default 25. */
  readonly runs?: number;
  /** At a race, the losers may hear "try again" (RIG_STORE_UNAVAILABLE) before they hear "exists". Default false. */
  readonly vagueLosers?: boolean;
  /** What the store does not have. Default: it has everything. */
  readonly without?: readonly ('tagging' | 'lifecycle')[];
}

/**
 * Every sentence of `src/store/contract.ts`, as tests. Drivers and layers call it with a way to open themselves on an
 * empty place; each case gets its own.
 */
export function describeStore(
  name: string,
  setup: () => Promise<StoreUnderTest>,
  options: StoreSuiteOptions = {},
): void {
  describe(name, () => {
    let place: StoreUnderTest;
    beforeEach(async () => {
      place = await setup();
    });
    afterEach(async () => {
      await place.teardown();
    });
    const suite: StoreSuite = {
      manyKeys: 1_100,
      largeBodyBytes: 20 * MIB,
      runs: 25,
      vagueLosers: false,
      ...options,
      store: () => place.store,
      another: async () => (await place.another?.()) ?? place.store,
    };
    describeReading(suite);
    describeWriting(suite);
    describeListing(suite);
    describeEnding(suite);
    const { without = [] } = options;
    if (!without.includes('tagging')) {
      describeTagging(suite);
    }
    if (!without.includes('lifecycle')) {
      describeLifecycle(suite);
    }
    it.for(without)('says that it has no %s', (capability) => {
      expect(suite.store().capabilities[capability]).toBeUndefined();
    });
  });
}
