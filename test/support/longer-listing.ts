import type { ListedObject, ListOptions } from '../../src/store/contract.ts';

/** A listing that shows more objects than there are: `more`, of the whole store and in order, where they belong. */
export async function* longerListing(
  listed: AsyncIterable<ListedObject>,
  more: Iterable<ListedObject>,
  prefix: string,
  { after = '', upTo }: ListOptions = {},
): AsyncGenerator<ListedObject, void, undefined> {
  const rest = withinRange(more, prefix, after, upTo);
  let next = rest.next();
  for await (const object of listed) {
    for (; next.done !== true && next.value.key < object.key; next = rest.next()) {
      yield next.value;
    }
    yield object;
  }
  for (; next.done !== true; next = rest.next()) {
    yield next.value;
  }
}

function* withinRange(
  objects: Iterable<ListedObject>,
  prefix: string,
  after: string,
  upTo: string | undefined,
): Generator<ListedObject, void, undefined> {
  for (const object of objects) {
    if (upTo !== undefined && object.key > upTo) {
      return;
    }
    if (object.key.startsWith(prefix) && object.key > after) {
      yield object;
    }
  }
}
