import { assert } from './assert.ts';

/**
 * Runs `work` over `items` with at most `limit` calls under way, and yields the results in the order of the items.
 * At most `limit` results are held. The first error ends it, once the calls under way have settled; leaving the
 * loop early waits for them too, so nothing goes on behind the caller's back.
 */
export async function* mapInOrder<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  assert(limit >= 1, 'a limit of at least one call');
  const underWay: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      const call = work(item);
      call.catch(() => undefined); // judged when its turn comes
      underWay.push(call);
      if (underWay.length >= limit) {
        yield await (underWay.shift() as Promise<Result>);
      }
    }
    while (underWay.length > 0) {
      yield await (underWay.shift() as Promise<Result>);
    }
  } finally {
    await Promise.allSettled(underWay);
  }
}
