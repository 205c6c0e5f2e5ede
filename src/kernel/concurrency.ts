import { assert } from './assert.ts';
import { linkedController } from './linked-controller.ts';

/** How much may be under way at a time. */
export interface Limits<Item> {
  readonly calls: number;
  /** The sum of the weights of the items under way; one item alone may weigh more. */
  readonly weight: number;
  weigh(item: Item): number;
}

/**
 * Runs `work` over `items` with at most `limit` calls under way, and yields the results in the order of the items.
 * At most `limit` results are held. The first error ends it, once the calls under way have settled; leaving the
 * loop early waits for them too, so nothing goes on behind the caller's back.
 */
export async function* mapInOrder<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  limit: number | Limits<Item>,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const limits = typeof limit === 'number' ? { calls: limit, weight: 0, weigh: () => 0 } : limit;
  assert(limits.calls >= 1, 'a limit of at least one call');
  const underWay: { readonly result: Promise<Result>; readonly weight: number }[] = [];
  let weightUnderWay = 0;
  const finishFirst = () => {
    const first = underWay.shift();
    assert(first !== undefined, 'a call is under way');
    weightUnderWay -= first.weight;
    return first.result;
  };
  try {
    for await (const item of items) {
      const weight = limits.weigh(item);
      while (underWay.length > 0 && weightUnderWay + weight > limits.weight) {
        yield await finishFirst();
      }
      const result = work(item);
      result.catch(() => undefined); // judged when its turn comes
      underWay.push({ result, weight });
      weightUnderWay += weight;
      if (underWay.length >= limits.calls) {
        yield await finishFirst();
      }
    }
    while (underWay.length > 0) {
      yield await finishFirst();
    }
  } finally {
    await Promise.allSettled(underWay.map(({ result }) => result));
  }
}

/**
 * The same items; the next one is asked for while the caller is at work on one. Leaving the loop early waits for it, so
 * nothing goes on behind the caller's back.
 */
export async function* oneAhead<Item>(
  items: AsyncGenerator<Item, void, undefined>,
): AsyncGenerator<Item, void, undefined> {
  const ask = () => {
    const result = items.next();
    result.catch(() => undefined); // judged when its turn comes
    return result;
  };
  let asked = ask();
  try {
    for (let item = await asked; item.done !== true; item = await asked) {
      asked = ask();
      yield item.value;
    }
  } finally {
    await Promise.allSettled([asked]);
    await items.return();
  }
}

/**
 * Runs `work` over all items at once and gives the results in the order of the items. The first error aborts the signal
 * of all others, and is thrown when they have settled.
 */
export async function together<Item, Result>(
  items: readonly Item[],
  stop: AbortSignal | undefined,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const controller = linkedController(stop);
  try {
    const results = items.map(async (item) => {
      try {
        return await work(item, controller.signal);
      } catch (error) {
        controller.abort(error);
        throw error;
      }
    });
    await Promise.allSettled(results);
    controller.signal.throwIfAborted();
    return await Promise.all(results);
  } finally {
    controller.unlink();
  }
}
