import { isRigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';
import { bodyOf, readWhole } from '../store/body.ts';
import type { CallOptions, Store } from '../store/contract.ts';
import { LATEST_KEY, meaningOf, SNAPSHOT_PREFIX } from './layout.ts';

/** `LATEST` is a number of at most 16 hex digits; anything longer is none. */
const LATEST_LIMIT_BYTES = 1_024;

/**
 * Makes `LATEST` name the newest snapshot that is listed. True: it did not before. Does nothing when there is no
 * snapshot. May be repeated.
 */
export async function publishLatest(store: Store, options: CallOptions): Promise<boolean> {
  let newest: Offset | undefined;
  for await (const { key } of store.list(SNAPSHOT_PREFIX, options)) {
    const meaning = meaningOf(key);
    newest = meaning.kind === 'snapshot' ? meaning.at : newest;
  }
  const wanted = newest?.toString(16);
  if (wanted === undefined || (await readLatest(store, options)) === wanted) {
    return false;
  }
  await store.put(LATEST_KEY, bodyOf(wanted), { ...options, if: 'any' });
  return true;
}

/** Undefined: there is none, or it was replaced while it was read; to write it again does no harm. */
async function readLatest(store: Store, options: CallOptions): Promise<string | undefined> {
  const range = { startByte: 0, endByte: LATEST_LIMIT_BYTES };
  const object = await store.get(LATEST_KEY, { ...options, range });
  try {
    return object && Buffer.from(await readWhole(LATEST_KEY, object, LATEST_LIMIT_BYTES)).toString('latin1');
  } catch (error) {
    if (isRigError(error, 'RIG_STORE_UNAVAILABLE')) {
      return undefined;
    }
    throw error;
  }
}
