import { meaningOf } from '../archive/layout.ts';
import { openForReading } from '../archive/survey.ts';
import { formatTime } from '../kernel/clock.ts';
import type { Offset } from '../kernel/offset.ts';
import type { ListedObject } from '../store/contract.ts';
import type { Context } from './context.ts';

/** An object of the archive; times are RFC 3339. */
export type LsEntry =
  | ({ readonly kind: 'batch'; readonly key: string; readonly first: Offset } & Sized)
  | ({ readonly kind: 'snapshot'; readonly key: string; readonly at: Offset } & Sized)
  | ({ readonly kind: 'writer'; readonly key: string; readonly epoch: number } & Sized)
  | ({ readonly kind: 'descriptor' | 'latest' | 'stray'; readonly key: string } & Sized);

interface Sized {
  readonly storedBytes: number;
  readonly modifiedAt: string;
}

/**
 * What lies in the archive, in the order of the keys, while it is being listed: memory does not grow with it. May be
 * repeated.
 * @throws RigError RIG_ARCHIVE_NOT_FOUND when there is nothing at all.
 */
export async function* ls({ store, stop: signal }: Context): AsyncGenerator<LsEntry, void, undefined> {
  let nothing = true;
  for await (const object of store.list('', { signal })) {
    nothing = false;
    yield toEntry(object);
  }
  if (nothing) {
    await openForReading(store, { signal });
  }
}

function toEntry({ key, sizeBytes: storedBytes, modifiedAtMs }: ListedObject): LsEntry {
  const sized = { storedBytes, modifiedAt: formatTime(modifiedAtMs) };
  const meaning = meaningOf(key);
  switch (meaning.kind) {
    case 'batch':
      return { kind: 'batch', key, first: meaning.first, ...sized };
    case 'snapshot':
      return { kind: 'snapshot', key, at: meaning.at, ...sized };
    case 'writer':
      return { kind: 'writer', key, epoch: meaning.epoch, ...sized };
    default:
      return { kind: meaning.kind, key, ...sized };
  }
}
