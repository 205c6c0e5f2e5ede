import type { RetryPolicy } from '../kernel/attempts.ts';
import { formatTime } from '../kernel/clock.ts';
import { RigError } from '../kernel/errors.ts';
import { KIB } from '../kernel/size.ts';
import { bodyOf, readWhole } from '../store/body.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { createOnce } from './create-once.ts';
import { damaged, fromTheFuture } from './damage.ts';
import { type JsonObject, parseJsonObject } from './json.ts';
import { DESCRIPTOR_KEY } from './layout.ts';

/** `ARCHIVE.json`: which archive this is. Written once, by the first push; every `WRITER/` object carries a copy. */
export interface Descriptor {
  readonly version: 1;
  readonly id: string;
  /** A journal format's name. */
  readonly format: string;
  readonly unit: 'byte' | 'record';
  /** The journal's file name at the first push; informative. */
  readonly journal: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

const DESCRIPTOR_LIMIT_BYTES = 64 * KIB;

/**
 * Reads the descriptor. May be repeated. Undefined: there is none.
 * @throws RigError RIG_VERSION_UNKNOWN, RIG_CHECKSUM_MISMATCH
 */
export async function readDescriptor(
  store: Store,
  options: CallOptions = {},
): Promise<Descriptor | undefined> {
  const object = await store.get(DESCRIPTOR_KEY, options);
  if (object === undefined) {
    return undefined;
  }
  const bytes = await readWhole(DESCRIPTOR_KEY, object, DESCRIPTOR_LIMIT_BYTES);
  return toDescriptor(DESCRIPTOR_KEY, parseJsonObject(DESCRIPTOR_KEY, bytes));
}

/** Checks a descriptor found in the object `key`. */
export function toDescriptor(key: string, value: JsonObject): Descriptor {
  const { version, id, format, unit, journal, createdAt } = value;
  if (version !== 1) {
    throw fromTheFuture(key, version);
  }
  if (
    typeof id !== 'string' ||
    !/^[0-9a-f-]{36}$/.test(id) ||
    typeof format !== 'string' ||
    (unit !== 'byte' && unit !== 'record') ||
    typeof journal !== 'string' ||
    typeof createdAt !== 'string'
  ) {
    throw damaged(key, 'its descriptor lacks a field or has one that cannot be');
  }
  return { version, id, format, unit, journal, createdAt };
}

/** What a first push decides about its archive. */
export interface NewArchive {
  readonly id: string;
  readonly format: string;
  readonly unit: 'byte' | 'record';
  readonly journal: string;
  readonly createdAtMs: number;
}

/**
 * Writes the descriptor of a new archive, unless another first push was faster: whatever the store answers, what is
 * read back counts. The caller has seen that the prefix is empty. Tries as long as the policy says. May be repeated.
 */
export async function createDescriptor(
  store: Store,
  { id, format, unit, journal, createdAtMs }: NewArchive,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<Descriptor> {
  const descriptor: Descriptor = {
    version: 1,
    id,
    format,
    unit,
    journal,
    createdAt: formatTime(createdAtMs),
  };
  const creation = {
    key: DESCRIPTOR_KEY,
    body: bodyOf(JSON.stringify(descriptor)),
    read: () => readDescriptor(store, { signal }),
  };
  return (await createOnce(store, creation, policy, signal)) ?? descriptor;
}

/** There are objects of an archive, and no descriptor. */
export function descriptorLost(newestWriterKey: string | undefined): RigError {
  return new RigError(
    'RIG_DESCRIPTOR_LOST',
    `${DESCRIPTOR_KEY} is missing beside the objects of an archive`,
    {
      hint:
        newestWriterKey === undefined
          ? `put ${DESCRIPTOR_KEY} back from a copy, or push to another archive`
          : `store the "descriptor" field of ${newestWriterKey} as ${DESCRIPTOR_KEY} again, then run "rigctl verify"`,
      details: { object: DESCRIPTOR_KEY, copy: newestWriterKey ?? null },
    },
  );
}
